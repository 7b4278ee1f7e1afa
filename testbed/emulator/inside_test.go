package emulator

import (
	"testing"
	"time"
)

func TestHistogram(t *testing.T) {
	l := newHistogram(latenessStep, latenessBuckets)
	if l.quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := range 100 {
		l.add(time.Duration(i) * 100 * time.Microsecond)
	}
	l.add(-time.Second)
	l.add(time.Hour)
	for share, want := range map[float64]time.Duration{
		0.5: 4910 * time.Microsecond, 0.99: 9910 * time.Microsecond, 1: time.Hour,
	} {
		if got := l.quantile(share); got != want {
			t.Errorf("quantile %g is %v, want %v", share, got, want)
		}
	}
	if l.longest != time.Hour {
		t.Errorf("longest is %v", l.longest)
	}
}

func TestAlarm(t *testing.T) {
	a, err := newAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	began := time.Now()
	a.sleepUntil(began.Add(20 * time.Millisecond))
	if slept := time.Since(began); slept < 20*time.Millisecond {
		t.Errorf("woke after %v of 20ms", slept)
	}
	a.sleepUntil(began) // in the past
	a.ring()
	a.ring()
	a.sleepUntil(time.Time{}) // rung before: no sleep
	time.AfterFunc(5*time.Millisecond, a.ring)
	a.sleepUntil(time.Time{})
	time.AfterFunc(5*time.Millisecond, a.ring)
	a.sleepUntil(time.Now().Add(time.Hour))
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("the alarm was heard after %v", took)
	}
}
