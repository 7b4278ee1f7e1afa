//go:build !amd64 || noasm

package simd

// Has says that there is nothing beyond the baseline here.
var Has = [...]bool{Baseline: true, AVX2: false}
