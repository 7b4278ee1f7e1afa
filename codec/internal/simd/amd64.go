//go:build amd64 && !noasm

package simd

import (
	"os"

	"golang.org/x/sys/cpu"
)

// Has says whether the CPU has the level. Tests set it, to compare all levels.
var Has = [...]bool{
	Baseline: true,
	AVX2: cpu.X86.HasAVX2 && cpu.X86.HasSSSE3 && cpu.X86.HasSSE41 && cpu.X86.HasBMI1 && cpu.X86.HasBMI2 &&
		os.Getenv(Variable) != names[Baseline],
}
