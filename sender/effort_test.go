package sender

import (
	"testing"
	"time"
)

const (
	testInterval = time.Second / 30
	testEffort   = DefaultMaxEffort
)

// machine says how long a picture's candidates take at an effort and a least quantizer.
type machine struct {
	base time.Duration // at effort 0
	step float64       // what each effort more adds, as a share of it
}

func (m machine) time(e *effort) time.Duration {
	fine := 1.5 - 0.5*float64(e.least-minQuantizer)/float64(maxQuantizer-minQuantizer)
	return time.Duration(float64(m.base) * (1 + m.step*float64(e.level)) * fine)
}

// watch lets the machine encode for d, and returns how often the effort or the least quantizer changed.
func watch(t *testing.T, e *effort, m machine, now *time.Time, d time.Duration) (changes int) {
	t.Helper()
	raised := time.Time{}
	for end := now.Add(d); now.Before(end); {
		took := m.time(e)
		level, least := e.level, e.least
		e.took(took, testInterval, false, *now)
		if e.level < 0 || e.level > e.max || e.least < 0 || e.least > maxQuantizer {
			t.Fatalf("effort %d of %d, least quantizer %d", e.level, e.max, e.least)
		}
		if e.level != level || e.least != least {
			changes++
		}
		if e.level > level || e.least < least {
			if !raised.IsZero() && now.Sub(raised) < finerPause {
				t.Errorf("raised twice within %v", now.Sub(raised))
			}
			raised = *now
		}
		*now = now.Add(max(testInterval, took))
	}
	return changes
}

func TestEffortFollowsTheMachine(t *testing.T) {
	for _, c := range []struct {
		name string
		m    machine
	}{
		{"fast", machine{base: time.Millisecond, step: 0.3}},
		{"middle", machine{base: 8 * time.Millisecond, step: 0.2}},
		{"slow", machine{base: 15 * time.Millisecond, step: 0.3}},
		{"too slow", machine{base: 200 * time.Millisecond, step: 0.3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := newEffort(testEffort)
			now := time.Unix(1_000_000, 0)
			watch(t, &e, c.m, &now, time.Minute)
			changes := watch(t, &e, c.m, &now, time.Minute)
			share := c.m.time(&e).Seconds() / testInterval.Seconds()
			t.Logf("effort %d, least quantizer %d, %.2f of the interval, %d changes a minute", e.level, e.least, share, changes)
			switch c.name {
			case "fast":
				if e.level != testEffort || e.least != minQuantizer {
					t.Errorf("effort %d, least quantizer %d", e.level, e.least)
				}
			case "too slow":
				if e.level > 1 || e.least < 2*minQuantizer {
					t.Errorf("effort %d, least quantizer %d", e.level, e.least)
				}
			default:
				if share > 0.9 || share < 0.2 && e.level < e.max {
					t.Errorf("at effort %d of %d the candidates take %.2f of the interval", e.level, e.max, share)
				}
			}
			if changes > 6 {
				t.Errorf("it changes %d times a minute", changes)
			}
		})
	}
}

// A machine that becomes busy is noticed within half a second, and one that becomes free is used again.
func TestEffortFollowsTheLoad(t *testing.T) {
	e := newEffort(testEffort)
	now := time.Unix(1_000_000, 0)
	free, busy := machine{base: 6 * time.Millisecond, step: 0.1}, machine{base: 18 * time.Millisecond, step: 0.1}
	watch(t, &e, free, &now, time.Minute)
	high := e.level
	watch(t, &e, busy, &now, 700*time.Millisecond)
	if e.level >= high {
		t.Errorf("after 0.7 s of load the effort is %d, and was %d", e.level, high)
	}
	watch(t, &e, busy, &now, 10*time.Second)
	if share := busy.time(&e).Seconds() / testInterval.Seconds(); share > 0.95 {
		t.Errorf("after 10 s of load the candidates take %.2f of the interval", share)
	}
	watch(t, &e, free, &now, time.Minute)
	if e.level != high || e.least != minQuantizer {
		t.Errorf("a minute after the load the effort is %d of %d, the least quantizer %d", e.level, high, e.least)
	}
}

// A single picture that took long changes nothing.
func TestEffortForgivesOnePicture(t *testing.T) {
	e := newEffort(testEffort)
	now := time.Unix(1_000_000, 0)
	m := machine{base: 2 * time.Millisecond, step: 0.3}
	watch(t, &e, m, &now, time.Minute)
	before := e.level
	e.took(3*testInterval, testInterval, false, now)
	if watch(t, &e, m, &now, time.Second); e.level != before {
		t.Errorf("the effort is %d, and was %d before", e.level, before)
	}
}

// Where the network has room to spare, pictures are shown sooner rather than made smaller; and when it has no longer, the effort rises again.
func TestEffortIsNotSpentOnRoomToSpare(t *testing.T) {
	e := newEffort(testEffort)
	now := time.Unix(1_000_000, 0)
	m := machine{base: 2 * time.Millisecond, step: 0.3}
	watch(t, &e, m, &now, time.Minute)
	if e.level != testEffort {
		t.Fatalf("the effort is %d of %d", e.level, testEffort)
	}
	for end := now.Add(2 * time.Second); now.Before(end); now = now.Add(testInterval) {
		e.took(m.time(&e), testInterval, true, now)
	}
	if e.level != leastEffort {
		t.Errorf("two seconds with room to spare leave the effort at %d, not %d", e.level, leastEffort)
	}
	if watch(t, &e, m, &now, time.Minute); e.level != testEffort {
		t.Errorf("a minute without leaves it at %d, not %d", e.level, testEffort)
	}
}

func TestEffortKeepsToItsLimits(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	for limit := range 4 {
		e := newEffort(limit)
		if e.level > limit {
			t.Errorf("it begins with effort %d of %d", e.level, limit)
		}
		watch(t, &e, machine{base: time.Microsecond}, &now, 20*time.Second)
		if e.level != limit {
			t.Errorf("on a fast machine the effort is %d of %d", e.level, limit)
		}
	}
}
