package relay

import (
	"net/netip"
	"testing"
	"time"
)

func TestSilentClientsMakeRoom(t *testing.T) {
	r, err := Listen("127.0.0.1:0", "127.0.0.1:9", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	address := func(port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	}
	for i := range MaxClients {
		if r.clientAt(address(1000+i), now.Add(time.Duration(i)*time.Second)) == nil {
			t.Fatalf("client %d was refused", i)
		}
	}
	full := now.Add(ClientTimeout - time.Second)
	if r.clientAt(address(1), full) != nil {
		t.Error("a client was forgotten too early")
	}
	r.clientAt(address(1000), full) // the oldest speaks again: the next one is the oldest now
	late := now.Add(ClientTimeout + time.Second)
	if r.clientAt(address(1), late) == nil || len(r.clients) != MaxClients {
		t.Error("no room was made for a new client")
	}
	if r.clients[address(1000)] == nil || r.clients[address(1001)] != nil {
		t.Error("another client was forgotten than the one that was silent longest")
	}
}

func TestLatenessQuantiles(t *testing.T) {
	var l lateness
	if l.quantile(0.5) != 0 {
		t.Error("a quantile of nothing")
	}
	for i := range 100 {
		l.add(time.Duration(i) * 100 * time.Microsecond)
	}
	l.add(-time.Second)
	l.add(time.Hour)
	for share, want := range map[float64]time.Duration{
		0.5: 4910 * time.Microsecond, 0.99: 9910 * time.Microsecond, 1: 100 * time.Millisecond,
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
