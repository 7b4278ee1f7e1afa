package vp8

import (
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// TestPace lets rows take what they should, with a machine that is faster or slower than the one of rowTime, and slows down now and then:
// whatever can be ready in time is, and no less work is done than the time allows.
func TestPace(t *testing.T) {
	const rows = 45
	rapid.Check(t, func(rt *rapid.T) {
		asked := rapid.IntRange(MinEffort, MaxEffort).Draw(rt, "asked")
		unit := time.Duration(rapid.IntRange(10, 2000).Draw(rt, "unit")) * time.Microsecond
		share := rapid.Float64Range(0.2, 1.5).Draw(rt, "share") // of what is asked for
		all := func(effort int) time.Duration {
			return time.Duration(rows * (rowTime[effort] + restTime) * float64(unit))
		}
		allowed := time.Duration(share * float64(all(asked)))
		synctest.Test(t, func(*testing.T) {
			p := new(pace)
			p.set(time.Now().Add(allowed), asked, rows)
			began := time.Now()
			for range rows {
				effort := p.begin()
				if effort < MinEffort || effort > asked {
					rt.Fatalf("effort %d of %d", effort, asked)
				}
				time.Sleep(time.Duration(rowTime[effort] * float64(unit)))
				p.end(effort)
			}
			time.Sleep(time.Duration(rows * restTime * float64(unit)))
			took := time.Since(began)
			// The pace is known from the second row on.
			tolerated := time.Duration(rowTime[asked]*float64(unit)) + allowed/100
			if least := all(MinEffort); took > max(allowed, least)+tolerated {
				rt.Errorf("effort %d, allowed %v: took %v; the least is %v", asked, allowed, took, least)
			}
			if most := all(asked); took < min(allowed, most)*6/10 {
				rt.Errorf("effort %d, allowed %v: took only %v of %v", asked, allowed, took, most)
			}
			if allowed > all(asked)*102/100 && p.lowest != asked {
				rt.Errorf("effort %d was lowered to %d, with %v for %v", asked, p.lowest, allowed, all(asked))
			}
		})
	})
}
