//go:build !race

package vp8

const raceDetector = false
