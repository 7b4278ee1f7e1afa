package link

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// event is an arrival of a packet of that cost, or with cost 0 the chance for one to leave.
type event struct {
	at   time.Duration
	cost int
}

// busyMinute makes events of a minute and more, in stretches of a second or so in which packets come and leave at other rates, with
// silences between. Times are whole milliseconds.
func busyMinute(seed uint64) []event {
	random := rand.New(rand.NewPCG(seed, 100))
	var events []event
	now := int64(0)
	for now < 60_000 {
		arrivals, departures := random.Float64(), random.Float64() // a millisecond
		if random.IntN(4) == 0 {
			arrivals = 2 * departures
		}
		switch random.IntN(12) {
		case 0:
			arrivals = 0
		case 1:
			departures = 0
		case 2:
			now += random.Int64N(20_000)
		}
		for end := now + 100 + random.Int64N(3000); now < end; now++ {
			for range 2 {
				at := time.Duration(now) * time.Millisecond
				if random.Float64() < departures/2 {
					events = append(events, event{at, 0})
				}
				if random.Float64() < arrivals/2 {
					cost := maxPacketBytes
					if random.IntN(3) == 0 {
						cost = 44 + random.IntN(maxPacketBytes-44)
					}
					events = append(events, event{at, cost})
				}
			}
		}
	}
	return events
}

// play plays events to a queue and returns the numbers of the packets (counted from 0 as they come) that are dropped and that leave.
func play(q Queue, seed uint64, events []event) (dropped, left []int) {
	policy := q.policy(seed)
	var waiting queue
	number := 0
	drop := func(p packet, _ time.Duration) { dropped = append(dropped, p.payload.(int)) }
	for _, e := range events {
		if e.cost == 0 {
			if p, ok := policy.next(&waiting, e.at, drop); ok {
				left = append(left, p.payload.(int))
			}
			continue
		}
		policy.arrive(&waiting, packet{payload: number, size: e.cost - TUNHeaderBytes, arrival: e.at}, e.at, drop)
		number++
	}
	return dropped, left
}

func mustParse(t testing.TB, text string) Queue {
	t.Helper()
	q, err := ParseQueue(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func hashOf(numbers []int) string {
	sum := sha256.Sum256(fmt.Append(nil, numbers))
	return hex.EncodeToString(sum[:6])
}

// TestQueuesDropWhatMahimahiDrops plays a busy minute to each queue. What left it, as a hash of the packets' numbers, is what left
// the queue classes of mahimahi itself, compiled with a clock of their own, the same events and, for PIE, the same random numbers. (Its
// drop-head with a limit in bytes stops at an assertion where two packets have to go; the comparison left that assertion out.)
func TestQueuesDropWhatMahimahiDrops(t *testing.T) {
	for _, c := range []struct {
		queue string
		seed  uint64
		left  string
	}{
		{"droptail:packets=60", 0, "86717af3e4de"}, {"droptail:packets=60", 3, "7208f89c4794"},
		{"drophead:packets=60", 0, "2bcb5cef7be9"}, {"drophead:packets=60", 3, "beb17ff290f9"},
		{"drophead:bytes=40000", 0, "b528f3453aeb"}, {"drophead:packets=40,bytes=30000", 3, "ed2df92120f8"},
		{"codel:packets=1000,target=5ms,interval=100ms", 0, "a5d9e566b693"},
		{"codel:packets=1000,target=5ms,interval=100ms", 3, "1fd5f51a4e88"},
		{"codel:packets=60,target=5,interval=100", 0, "8535f98d6ffd"}, {"codel:bytes=100000,target=20,interval=50", 3, "e93dad276792"},
		{"codel:packets=300,target=1ms,interval=10ms", 2, "33ddc2158e0b"},
		{"pie:packets=1000,qdelay_ref=15ms,max_burst=150ms", 0, "6c722ad7c07c"},
		{"pie:packets=1000,qdelay_ref=15ms,max_burst=150ms", 3, "559001e7e1c3"},
		{"pie:packets=60,qdelay_ref=20,max_burst=100", 0, "a4c64d8f1f9a"}, {"pie:bytes=300000,qdelay_ref=50,max_burst=1", 3, "131236a21651"},
		{"pie:packets=200,qdelay_ref=1ms,max_burst=1s", 2, "2b937f2942df"},
	} {
		dropped, left := play(mustParse(t, c.queue), c.seed, busyMinute(c.seed))
		if got := hashOf(left); got != c.left {
			t.Errorf("%s, seed %d: %d left, hash %s, want %s", c.queue, c.seed, len(left), got, c.left)
		}
		if len(dropped) == 0 {
			t.Errorf("%s, seed %d: nothing was dropped", c.queue, c.seed)
		}
	}
}

// TestCoDelByHand follows RFC 8289 by hand where mahimahi agrees with it: 100 packets wait, one leaves every 10 ms.
func TestCoDelByHand(t *testing.T) {
	var events []event
	for range 100 {
		events = append(events, event{0, maxPacketBytes})
	}
	for i := range 80 {
		events = append(events, event{time.Duration(i+1) * 10 * time.Millisecond, 0})
	}
	dropped, left := play(mustParse(t, "codel:packets=100,target=5ms,interval=100ms"), 0, events)
	// Above target from 10 ms on, so the first drop comes at 110 ms with the packet that leaves 11th, and the next ones 100, 70, 57,
	// 50, 44... ms later: from 210, 280, 337, 387, 431, 471, 508, 543, 576, 607, 637, 665, 692, 718, 743, 768 and 792 on. What is dropped
	// beside the d-th that leaves, after j drops, has the number d+j.
	var want []int
	for j, d := range []int{11, 21, 28, 34, 39, 44, 48, 51, 55, 58, 61, 64, 67, 70, 72, 75, 77, 80} {
		want = append(want, d+j)
	}
	if fmt.Sprint(dropped) != fmt.Sprint(want) {
		t.Errorf("dropped %v, want %v", dropped, want)
	}
	if len(left)+len(dropped) < 96 {
		t.Errorf("%d left", len(left))
	}
}

// TestPIESkipsAheadExactly compares the skipped updates of a long silence with single ones.
func TestPIESkipsAheadExactly(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		c := newPIE(limits{packets: 1000}, Queue{Reference: 15 * time.Millisecond, MaxBurst: 150 * time.Millisecond}, 1)
		c.state = pieState{
			probability: random.Float64(), delay: random.Int64N(100), delayBefore: random.Int64N(100), burst: random.Int64N(300),
			rate: random.Int64N(3000), measuring: random.IntN(2) == 0,
		}
		q := &queue{bytes: random.IntN(3) * random.IntN(50_000)}
		now := random.Int64N(100_000)
		slow := *c
		for now-slow.lastUpdate > pieUpdate {
			slow.updateOnce(int64(q.bytes))
			slow.lastUpdate += pieUpdate
		}
		if c.update(q, now); c.state != slow.state || c.lastUpdate != slow.lastUpdate {
			t.Fatalf("%+v at %d, want %+v at %d", c.state, c.lastUpdate, slow.state, slow.lastUpdate)
		}
	}
	// A year must not take long.
	c := newPIE(limits{packets: 1}, Queue{Reference: 15 * time.Millisecond, MaxBurst: time.Minute}, 1)
	c.state = pieState{probability: 1, rate: 1}
	if c.update(&queue{}, 365*24*3600*1000); c.state.probability != 0 || c.lastUpdate < 365*24*3600*1000-pieUpdate {
		t.Errorf("after a year: %+v", c)
	}
}
