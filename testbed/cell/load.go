package cell

import (
	"context"
	"fmt"
	"runtime"
	"time"
)

// loadSpan is how long the machine is watched before a cell: long enough to see what runs, short beside a cell.
const loadSpan = 2 * time.Second

// usage is the processor time used until now by all, in seconds.
type usage struct {
	at      time.Time
	all     float64 // everything on this machine; time that a hypervisor took away too
	testbed float64 // this process
	system  float64 // its descendants, which are the system under test
}

// share is what was used between two instants, as shares of all cores.
type share struct{ others, testbed, system float64 }

// descends says whether a process was started by another, or by one that was.
func descends(pid, ancestor int, parents map[int]int) bool {
	for hops := 0; hops < len(parents); hops++ {
		parent, ok := parents[pid]
		if !ok || parent == 0 {
			return false
		}
		if parent == ancestor {
			return true
		}
		pid = parent
	}
	return false
}

// since returns the shares between two readings.
func (u usage) since(before usage) share {
	total := u.at.Sub(before.at).Seconds() * float64(runtime.NumCPU())
	if total <= 0 {
		return share{}
	}
	s := share{
		testbed: max(u.testbed-before.testbed, 0) / total,
		system:  max(u.system-before.system, 0) / total,
	}
	s.others = max((u.all-before.all)/total-s.testbed-s.system, 0)
	return s
}

// awaitQuiet waits until other programs use at most a share of the machine, and returns that share and how long it waited.
func (r *run) awaitQuiet(ctx context.Context) (others float64, waited time.Duration, err error) {
	began := time.Now()
	said := false
	for {
		before, err := readUsage()
		if err != nil {
			return 0, 0, fmt.Errorf("cell: how busy the machine is cannot be read: %w", err)
		}
		select {
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		case <-time.After(loadSpan):
		}
		now, err := readUsage()
		if err != nil {
			return 0, 0, fmt.Errorf("cell: how busy the machine is cannot be read: %w", err)
		}
		others = now.since(before).others
		waited = time.Since(began)
		switch {
		case others <= r.config.MaxLoad:
			return others, max(waited-loadSpan, 0), nil
		case waited > r.config.Patience:
			return 0, 0, fmt.Errorf("%w: other programs have used %.0f %% of it for %v, and more than %.0f %% would spoil the figures; "+
				"end them, or allow more with --max-load (max-load: in a matrix file)", ErrBusy, 100*others, r.config.Patience, 100*r.config.MaxLoad)
		case !said:
			said = true
			fmt.Fprintf(r.config.Log, "waiting up to %v for the machine to become quiet: other programs use %.0f %% of it\n", r.config.Patience, 100*others)
		}
	}
}
