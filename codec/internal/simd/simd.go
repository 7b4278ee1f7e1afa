// Package simd tells the codec's kernels which vector instructions this CPU has, beyond those that every CPU of its kind has.
package simd

// Level is a set of vector instructions; each one includes those below it.
type Level int

// The levels that kernels exist for.
const (
	Baseline Level = iota // SSE2 on amd64; none, plain Go, elsewhere
	AVX2                  // with all that came before it: SSSE3, SSE4.1, BMI1 and BMI2
)

var names = [...]string{Baseline: "baseline", AVX2: "avx2"}

// String is the level's name, as Variable takes it.
func (l Level) String() string { return names[l] }

// Variable is the environment variable that keeps the kernels below what the CPU has: "baseline". It is for comparisons and
// for finding faults; the bytes that the codec makes are the same at each level.
const Variable = "SALSIFY_SIMD"
