package cell

import (
	"os"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"salsify/testbed/result"
)

// describe fills in what /proc says of the machine.
func describe(m *result.Machine) {
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
}

// ticksPerSecond is the unit of times in /proc, the same on all systems that Linux supports today.
const ticksPerSecond = 100

// readUsage reads what was used until now.
func readUsage() (usage, error) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return usage{}, err
	}
	stat, err := fs.Stat()
	if err != nil {
		return usage{}, err
	}
	processes, err := fs.AllProcs()
	if err != nil {
		return usage{}, err
	}
	u := usage{at: time.Now()}
	c := stat.CPUTotal
	u.all = c.User + c.Nice + c.System + c.IRQ + c.SoftIRQ + c.Steal // the guests' time is within the user's
	self := os.Getpid()
	parents := map[int]int{}
	own := map[int]float64{}
	for _, p := range processes {
		s, err := p.Stat()
		if err != nil {
			continue // it has just ended
		}
		parents[p.PID] = s.PPID
		// With the time of its children that have ended.
		own[p.PID] = float64(s.UTime+s.STime+uint(s.CUTime)+uint(s.CSTime)) / ticksPerSecond
		if p.PID == self {
			u.testbed = float64(s.UTime+s.STime) / ticksPerSecond
			u.system += own[p.PID] - u.testbed
		}
	}
	for pid := range parents {
		if descends(pid, self, parents) {
			u.system += own[pid]
		}
	}
	return u, nil
}
