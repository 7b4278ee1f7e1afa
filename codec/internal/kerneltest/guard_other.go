//go:build !linux

package kerneltest

import "testing"

// AtEnd gives n bytes. Only on Linux can nothing behind them be touched.
func AtEnd(t testing.TB, n int) []byte { return make([]byte, n) }

// AtStart gives n bytes. Only on Linux can nothing before them be touched.
func AtStart(t testing.TB, n int) []byte { return make([]byte, n) }
