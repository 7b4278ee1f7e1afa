package cell

import (
	"runtime"
	"runtime/debug"

	"salsify/testbed/result"
	"salsify/testbed/system/salsify"
)

// machine describes where we are. What cannot be found out stays empty.
func machine() result.Machine {
	m := result.Machine{Cores: runtime.NumCPU(), Go: runtime.Version(), Kernel: runtime.GOOS}
	describe(&m)
	return m
}

// versions tells which source this program was built from.
func versions() map[string]string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return map[string]string{"salsify-eval": salsify.Revision(info)}
	}
	return map[string]string{}
}
