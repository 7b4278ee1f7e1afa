package cell

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"salsify/testbed/result"
	"salsify/testbed/system/salsify"
)

// machine describes where we are. What cannot be found out stays empty.
func machine() result.Machine {
	m := result.Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if fs, err := procfs.NewDefaultFS(); err == nil {
		if cpus, err := fs.CPUInfo(); err == nil && len(cpus) > 0 {
			m.Processor = cpus[0].ModelName
		}
		if memory, err := fs.Meminfo(); err == nil && memory.MemTotal != nil {
			m.MemoryMB = int(*memory.MemTotal / 1024)
		}
	}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	return m
}

// versions tells which source this program was built from.
func versions() map[string]string {
	if info, ok := debug.ReadBuildInfo(); ok {
		return map[string]string{"salsify-eval": salsify.Revision(info)}
	}
	return map[string]string{}
}
