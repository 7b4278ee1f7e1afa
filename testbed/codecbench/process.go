package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process took from its start to its end.
type usage struct {
	CPU  time.Duration // user and system time of all its threads
	Wall time.Duration
	Peak int64 // bytes of memory at most; 0: not known
}

// peakInterval is how often a process is asked for its memory: often enough for one that lives for a tenth of a second, and
// a process asked 200 times a second does not notice.
const peakInterval = 5 * time.Millisecond

// spend runs a command to its end and returns what it took and what it printed; an error tells what it complained of.
//
// The peak is asked for while it runs. What wait4(2) tells is of no use: it counts the memory of the process that started it, which
// is shared until the program is loaded.
func spend(cmd *exec.Cmd) (usage, []byte, error) {
	var out bytes.Buffer
	var complaint strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaint
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return usage{}, nil, err
	}
	stop, peak := make(chan struct{}), make(chan int64)
	go func() { peak <- watchPeak(cmd.Process.Pid, stop) }()
	err := cmd.Wait()
	wall := time.Since(start)
	close(stop)
	u := usage{Wall: wall, Peak: <-peak}
	if err != nil {
		return usage{}, nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(complaint.String()))
	}
	u.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return u, out.Bytes(), nil
}

// output runs a command and returns what it printed.
func output(cmd *exec.Cmd) ([]byte, error) {
	_, out, err := spend(cmd)
	return out, err
}

// watchPeak returns the most memory, in bytes, that a process had until stop is closed.
func watchPeak(pid int, stop <-chan struct{}) int64 {
	path := fmt.Sprintf("/proc/%d/status", pid)
	ticker := time.NewTicker(peakInterval)
	defer ticker.Stop()
	var peak int64
	for {
		if status, err := os.ReadFile(path); err == nil { // an error: it has ended
			peak = max(peak, highWater(status))
		}
		select {
		case <-stop:
			return peak
		case <-ticker.C:
		}
	}
}

// highWater finds the peak of the resident memory in /proc/PID/status (proc(5)) and returns it in bytes; 0 if it is not there, as in
// that of a process that has ended.
func highWater(status []byte) int64 {
	_, after, _ := bytes.Cut(status, []byte("VmHWM:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	number, isKB := strings.CutSuffix(strings.TrimSpace(string(line)), " kB")
	kB, err := strconv.ParseInt(number, 10, 64)
	if !isKB || err != nil {
		return 0
	}
	return kB << 10
}
