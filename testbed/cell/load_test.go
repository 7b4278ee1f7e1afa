package cell

import (
	"testing"
	"time"
)

func TestUsageSince(t *testing.T) {
	at := time.Unix(1000, 0)
	before := usage{at: at, all: 100, testbed: 10, system: 20}
	now := usage{at: at.Add(10 * time.Second), all: 108, testbed: 11, system: 25}
	s := now.since(before)
	// Whatever the number of cores, the parts are in proportion.
	if s.testbed <= 0 || s.system/s.testbed < 4.99 || s.system/s.testbed > 5.01 || s.others/s.testbed < 1.99 || s.others/s.testbed > 2.01 {
		t.Errorf("shares %+v, must be as 1 to 5 to 2", s)
	}
	if s := before.since(before); s != (share{}) {
		t.Errorf("shares %+v of no time", s)
	}
}

func TestDescends(t *testing.T) {
	parents := map[int]int{1: 0, 10: 1, 11: 10, 12: 11, 20: 1, 30: 31, 31: 30}
	for pid, want := range map[int]bool{11: true, 12: true, 10: false, 20: false, 1: false, 99: false, 30: false} {
		if descends(pid, 10, parents) != want {
			t.Errorf("process %d descends from 10: %v, must be %v", pid, !want, want)
		}
	}
}

func TestReadUsage(t *testing.T) {
	a, err := readUsage()
	if err != nil {
		t.Skipf("skipped: no /proc here: %v", err)
	}
	// Reading is work too. A process that gets nothing of a busy machine for that long is not to be expected.
	const least, patience = 0.05, 10 * time.Second
	for began := time.Now(); ; {
		b, err := readUsage()
		if err != nil {
			t.Fatal(err)
		}
		if b.testbed-a.testbed >= least {
			if b.all < a.all+least/2 {
				t.Errorf("%v s of this process, and %v s of all", b.testbed-a.testbed, b.all-a.all)
			}
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("%v of work read as %v s of this process", patience, b.testbed-a.testbed)
		}
	}
}
