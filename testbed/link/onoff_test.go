package link_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/testbed/link"
	"salsify/testbed/trace"
)

func TestOnOffLosesWhatLeavesTheQueue(t *testing.T) {
	c := link.Config{Trace: readTrace(t, "5 10"), OnOff: link.OnOff{On: 20 * ms, Off: 10 * ms}, Delay: 3 * ms}
	// Opportunities at 5, 10, 15 | off from 20: 20, 25 | 30, 35, 40, 45 | 50, 55 | 60...
	var records []link.Record
	c.Log = func(r link.Record) { records = append(records, r) }
	var packets []sent
	for range 9 {
		packets = append(packets, sent{0, 1504})
	}
	l, got := run(t, c, time.Hour, packets...)
	if want := []string{"0@8", "1@13", "2@18", "5@33", "6@38", "7@43", "8@48"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := l.Counters(); n.Lost.Packets != 2 || n.Off.Packets != 2 || n.Off.Bytes != 3000 || n.Departed.Packets != 9 || n.Used != 7*1504 {
		t.Errorf("%+v", n)
	}
	lost := slices.DeleteFunc(records, func(r link.Record) bool { return r.Fate != link.Lost })
	if len(lost) != 2 || lost[0].Departure != at(20*ms) || lost[1].Departure != at(25*ms) || !lost[0].Delivery.IsZero() {
		t.Errorf("%+v", lost)
	}
	for until, want := range map[time.Duration]int64{
		0: 0, 15 * ms: 3, 20 * ms: 3, 25 * ms: 3, 30 * ms: 4, 45 * ms: 7, 59 * ms: 7, 60 * ms: 8, time.Hour: 480000,
	} {
		if got := l.Offered(at(until)); got != want*trace.OpportunityBytes {
			t.Errorf("offered until %v: %d bytes, want %d opportunities", until, got, want)
		}
	}
	// A packet of which only the end leaves in an off time is lost, and has used what was offered before.
	l, got = run(t, c, time.Hour, sent{11 * ms, 2000}, sent{11 * ms, 1008}, sent{11 * ms, 1504})
	if n := l.Counters(); fmt.Sprint(got) != "[]" || n.Off.Packets != 3 || n.Used != 1504 {
		t.Errorf("%v, %+v", got, n)
	}
}

func TestOnOffHolds(t *testing.T) {
	c := link.Config{Trace: readTrace(t, "5 10"), OnOff: link.OnOff{On: 20 * ms, Off: 10 * ms, Hold: true}}
	var packets []sent
	for range 6 {
		packets = append(packets, sent{0, 1504})
	}
	l, got := run(t, c, time.Hour, packets...)
	if want := []string{"0@5", "1@10", "2@15", "3@30", "4@35", "5@40"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := l.Counters(); n.Lost.Packets != 0 || n.Used != 6*1504 || l.Offered(at(45*ms)) != 7*1504 {
		t.Errorf("%+v, offered %d", n, l.Offered(at(45*ms)))
	}
	// Without a trace, and with an outage that touches the off time.
	c = link.Config{OnOff: link.OnOff{On: 20 * ms, Off: 10 * ms, Hold: true}, Outages: []link.Outage{{From: 30 * ms, To: 51 * ms}}}
	_, got = run(t, c, time.Hour, sent{19 * ms, 100}, sent{20 * ms, 100}, sent{61 * ms, 100})
	if want := []string{"0@19", "1@60", "2@61"}; !slices.Equal(got, want) {
		t.Errorf("without a trace: %v, want %v", got, want)
	}
}

// TestHeldForEver: the link is on only when the trace has nothing.
func TestHeldForEver(t *testing.T) {
	c := link.Config{Trace: readTrace(t, "10"), Start: 5 * ms, OnOff: link.OnOff{On: 2 * ms, Off: 8 * ms, Hold: true}}
	l, got := run(t, c, 3*time.Hour, sent{0, 100}, sent{time.Hour, 100})
	if packets, _ := l.Queued(); len(got) != 0 || packets != 2 || l.Offered(at(3*time.Hour)) != 0 {
		t.Errorf("%v came out, %d packets wait, %d bytes were offered", got, packets, l.Offered(at(3*time.Hour)))
	}
	if next, ok := l.Next(); !ok || !next.After(at(3*time.Hour)) {
		t.Errorf("something may come out at %v, %v", next, ok)
	}
}

func TestOffTimes(t *testing.T) {
	fixed := link.OnOff{On: 5 * time.Second, Off: 1500*time.Microsecond + time.Second}
	if got := fmt.Sprint(fixed.OffTimes(1, 11001*ms)); got != "[{5s 6.001s} {11.001s 12.002s}]" {
		t.Errorf("fixed: %s", got)
	}
	if got := (link.OnOff{}).OffTimes(1, time.Hour); len(got) != 0 {
		t.Errorf("always on: %v", got)
	}
	o := link.OnOff{On: 5 * time.Second, Off: 200 * ms, Random: true}
	off, again := o.OffTimes(7, 100*time.Hour), o.OffTimes(7, 50*time.Hour)
	if !slices.Equal(off[:len(again)], again) || slices.Equal(off[:10], o.OffTimes(8, 100*time.Hour)[:10]) {
		t.Error("the times do not follow from the seed alone")
	}
	// Means and deviations of exponential times are equal; whole milliseconds cost half of one, and those of 0 join others.
	var on, length []float64
	before := time.Duration(0)
	for _, o := range off {
		if o.From%ms != 0 || o.To%ms != 0 || o.From < before || o.To <= o.From {
			t.Fatalf("off from %v to %v after %v", o.From, o.To, before)
		}
		on, length, before = append(on, (o.From-before).Seconds()), append(length, (o.To-o.From).Seconds()), o.To
	}
	for name, c := range map[string]struct {
		x    []float64
		want float64
	}{"on": {on, 5}, "off": {length, 0.2}} {
		mean, square := 0.0, 0.0
		for _, v := range c.x {
			mean += v / float64(len(c.x))
			square += v * v / float64(len(c.x))
		}
		if deviation := math.Sqrt(square - mean*mean); math.Abs(mean/c.want-1) > 0.02 || math.Abs(deviation/c.want-1) > 0.02 {
			t.Errorf("%s: mean %.4f s, deviation %.4f s, want %.1f", name, mean, deviation, c.want)
		}
	}
}

// TestAnyLink checks for any configuration that no packet vanishes, that no more is used than offered, that a link that is driven event
// by event does the same as one driven at once, and that packets leave in order.
func TestAnyLink(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 12).Draw(t, "trace")
		slices.Sort(times)
		times[len(times)-1] = max(times[len(times)-1], 1)
		queue, err := link.ParseQueue(rapid.SampledFrom([]string{
			"infinite", "droptail:packets=8", "drophead:packets=8", "drophead:bytes=9000", "codel:packets=30,target=2ms,interval=10ms",
			"codel:bytes=40000,target=5ms,interval=20ms", "pie:packets=30,qdelay_ref=5ms,max_burst=10ms", "pie:bytes=60000",
		}).Draw(t, "queue"))
		if err != nil {
			t.Fatal(err)
		}
		c := link.Config{
			Trace: readTrace(t, fmt.Sprint(times)[1:len(fmt.Sprint(times))-1]), Queue: queue,
			Start: rapid.SampledFrom([]time.Duration{0, 7 * ms, 3*ms + 1}).Draw(t, "start"),
			Delay: rapid.SampledFrom([]time.Duration{0, 20 * ms}).Draw(t, "delay"),
			Loss:  rapid.SampledFrom([]float64{0, 0.1}).Draw(t, "loss"),
			Seed:  rapid.Uint64Range(0, 9).Draw(t, "seed"),
		}
		if rapid.Bool().Draw(t, "outage") {
			c.Outages = []link.Outage{{From: 50 * ms, To: 70 * ms}}
		}
		if rapid.Bool().Draw(t, "on-off") {
			c.OnOff = link.OnOff{
				On: time.Duration(rapid.IntRange(1, 80).Draw(t, "on")) * ms, Off: time.Duration(rapid.IntRange(1, 30).Draw(t, "off")) * ms,
				Random: rapid.Bool().Draw(t, "random"), Hold: rapid.Bool().Draw(t, "hold"),
			}
		}
		fates := map[link.Fate]int{}
		departed := time.Time{}
		log := func(r link.Record) {
			fates[r.Fate]++
			if r.Departure.Before(departed) && r.Fate != link.Dropped {
				t.Errorf("a packet left at %v, one before it at %v", r.Departure, departed)
			}
			if dropped := r.Fate == link.Dropped; dropped != r.Departure.IsZero() || dropped == r.Drop.IsZero() {
				t.Errorf("%+v", r)
			}
			departed = r.Departure
		}
		var packets []sent
		now := time.Duration(0)
		for range rapid.IntRange(0, 200).Draw(t, "packets") {
			now += rapid.SampledFrom([]time.Duration{0, 0, 0, 0, 1, ms / 2, ms, 10 * ms}).Draw(t, "gap")
			packets = append(packets, sent{now, rapid.IntRange(link.TUNHeaderBytes, 1504).Draw(t, "cost")})
		}
		end := now + 100*ms
		stepped := stepByStep(t, c, packets, end)
		c.Log = log
		l, got := run(t, c, end, packets...)
		if !slices.Equal(got, stepped) {
			t.Fatalf("at once %v, event by event %v", got, stepped)
		}
		checkCounters(t, l, at(end))
		n := l.Counters()
		if int64(fates[link.Dropped]) != n.Dropped.Packets || int64(fates[link.Lost]) != n.Lost.Packets || n.Off.Packets > n.Lost.Packets {
			t.Errorf("%v were logged, %+v counted", fates, n)
		}
		if c.OnOff == (link.OnOff{}) && n.Used < n.Departed.Cost() {
			t.Errorf("%d bytes were used by packets of %d", n.Used, n.Departed.Cost())
		}
	})
}
