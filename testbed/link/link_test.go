package link_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/testbed/link"
	"salsify/testbed/trace"
)

const ms = time.Millisecond

var start = time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)

func at(d time.Duration) time.Time { return start.Add(d) }

// readTrace returns the trace of a text in which spaces stand for line ends.
func readTrace(t rapid.TB, text string) *trace.Trace {
	t.Helper()
	read, err := trace.Read(strings.NewReader(strings.ReplaceAll(text, " ", "\n") + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// sent is a packet to be sent: when, and its cost in the trace, which is its IP length and 4.
type sent struct {
	at   time.Duration
	cost int
}

// run sends the packets, each with its number as payload, and returns what came out until the end as "number@milliseconds".
func run(t rapid.TB, c link.Config, end time.Duration, packets ...sent) (*link.Link, []string) {
	t.Helper()
	l := link.New(c, start)
	for i, p := range packets {
		l.Send(at(p.at), p.cost-link.TUNHeaderBytes, i)
	}
	var got []string
	for _, d := range l.Deliver(at(end)) {
		i := d.Payload.(int)
		if d.Size != packets[i].cost-link.TUNHeaderBytes || d.Sent != at(packets[i].at) {
			t.Errorf("packet %d, of cost %d at %v, came out with %d bytes, sent %v", i, packets[i].cost, packets[i].at, d.Size, d.Sent)
		}
		got = append(got, fmt.Sprintf("%d@%g", i, d.At.Sub(start).Seconds()*1000))
	}
	return l, got
}

func TestOpportunities(t *testing.T) {
	const full = trace.OpportunityBytes
	for name, c := range map[string]struct {
		trace   string
		packets []sent
		want    string
	}{
		"a full packet takes one opportunity":   {"10 20 30", []sent{{0, full}, {0, full}}, "0@10 1@20"},
		"small packets share one":               {"10 20 30", []sent{{0, 500}, {0, 500}, {0, 504}, {0, 40}}, "0@10 1@10 2@10 3@20"},
		"a packet spans two":                    {"10 20 30", []sent{{0, 1000}, {0, 1000}, {0, 1008}, {0, 4}}, "0@10 1@20 2@20 3@30"},
		"a packet larger than an opportunity":   {"10 20 30", []sent{{0, 2*full + 1}, {0, full - 1}}, "0@30 1@30"},
		"credit left at an empty queue is lost": {"10 20 30", []sent{{0, 100}, {10*ms + 1, 100}}, "0@10 1@20"},
		"credit does not gather in silence":     {"10 20 30", []sent{{20*ms + 1, full}, {20*ms + 1, 100}}, "0@30 1@40"},
		"several opportunities in a millisecond": {"10 10 10 30", []sent{{0, full}, {0, full}, {0, 800}, {0, 800}},
			"0@10 1@10 2@10 3@30"},
		"an arrival comes after an opportunity of its own millisecond": {"10 20 30", []sent{{10 * ms, 100}}, "0@20"},
		"within a millisecond too":                                     {"10 11 30", []sent{{10*ms + ms/2, 100}}, "0@11"},
		"before it is early enough":                                    {"10 20 30", []sent{{10*ms - 1, 100}}, "0@10"},
		"an opportunity at 0 comes before any packet":                  {"0 5", []sent{{0, 100}}, "0@5"},
		"the trace repeats from its last time":                         {"0 7 10", []sent{{8 * ms, full}, {8 * ms, full}, {8 * ms, full}}, "0@10 1@10 2@17"},
		"after many repetitions": {"1", []sent{{123456 * ms, full}, {123456 * ms, full}},
			"0@123457 1@123458"},
	} {
		_, got := run(t, link.Config{Trace: readTrace(t, c.trace)}, time.Hour, c.packets...)
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestDropTailCountsAsMahimahi(t *testing.T) {
	tr := readTrace(t, "10 20 30 40 50 60")
	// Three arrive at once: no place for the third.
	l, got := run(t, link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Packets: 2}}, time.Hour,
		sent{0, 100}, sent{0, 100}, sent{0, 100})
	if want := []string{"0@10", "1@10"}; !slices.Equal(got, want) || l.Counters().Dropped != (link.Count{Packets: 1, Bytes: 96}) {
		t.Errorf("two of three: %v, %+v, want %v and one dropped", got, l.Counters(), want)
	}
	// A packet of which a part has left makes room.
	_, got = run(t, link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Packets: 1}}, time.Hour,
		sent{0, 1505}, sent{5 * ms, 1504}, sent{15 * ms, 1504}, sent{16 * ms, 1504})
	if want := []string{"0@20", "2@30"}; !slices.Equal(got, want) {
		t.Errorf("with one in transit: %v, want %v", got, want)
	}
	// Bytes count with the header of 4, and a queue of exactly the limit is allowed. A smaller packet may still fit.
	l, got = run(t, link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Bytes: 1000}}, 5*ms,
		sent{0, 600}, sent{0, 401}, sent{0, 400}, sent{0, 4})
	if packets, bytes := l.Queued(); packets != 2 || bytes != 1000 || got != nil {
		t.Errorf("%d packets of %d bytes wait, %v came out, want 2 of 1000", packets, bytes, got)
	}
	// Both limits at once.
	l, _ = run(t, link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Bytes: 1000, Packets: 2}}, 5*ms,
		sent{0, 10}, sent{0, 995}, sent{0, 10}, sent{0, 10})
	if packets, bytes := l.Queued(); packets != 2 || bytes != 20 {
		t.Errorf("%d packets of %d bytes wait, want 2 of 20", packets, bytes)
	}
}

func TestInfiniteQueueIsBounded(t *testing.T) {
	l := link.New(link.Config{Trace: readTrace(t, "604800000")}, start)
	for range link.MaxPackets + 5 {
		l.Send(start, 10, nil)
	}
	if got := l.Counters().Dropped.Packets; got != 5 {
		t.Errorf("%d small packets were dropped, want 5", got)
	}
	l = link.New(link.Config{Delay: link.MaxDelay}, start)
	for range link.MaxBytes/65000 + 5 {
		l.Send(start, 65000, nil)
	}
	if got := l.Counters().Dropped.Packets; got != 5 {
		t.Errorf("%d large packets were dropped on their way, want 5", got)
	}
}

func TestDelayAndStart(t *testing.T) {
	tr := readTrace(t, "10 20 30")
	_, got := run(t, link.Config{Trace: tr, Delay: 25 * ms, Start: 15 * ms}, time.Hour, sent{0, 1504}, sent{7 * ms, 1504})
	if want := []string{"0@30", "1@40"}; !slices.Equal(got, want) {
		t.Errorf("from 15 ms on: %v, want %v", got, want)
	}
	// Without a trace there is nothing but the delay.
	l, got := run(t, link.Config{Delay: 25 * ms}, time.Hour, sent{0, 1504}, sent{0, 9000}, sent{1, 40})
	if want := []string{"0@25", "1@25", "2@25.000001"}; !slices.Equal(got, want) || l.Offered(at(time.Hour)) != 0 {
		t.Errorf("without a trace: %v, want %v", got, want)
	}
	// Nothing comes out early.
	l = link.New(link.Config{Delay: 25 * ms}, start)
	l.Send(start, 100, nil)
	if early := l.Deliver(at(25*ms - 1)); len(early) != 0 {
		t.Errorf("%v came out before its time", early)
	}
	if due := l.Deliver(at(25 * ms)); len(due) != 1 {
		t.Errorf("%d packets came out in time, want 1", len(due))
	}
	// Instants that run backwards count as the latest one.
	l.Send(at(3*ms), 100, nil)
	if next, ok := l.Next(); !ok || next != at(50*ms) {
		t.Errorf("sent in the past, it comes out at %v, %v, want 50ms", next.Sub(start), ok)
	}
}

func TestOutages(t *testing.T) {
	outages := []link.Outage{{50 * ms, 55 * ms}, {10 * ms, 20 * ms}, {20 * ms, 31 * ms}, {0, 0}} // unsorted, touching, empty
	c := link.Config{Trace: readTrace(t, "5 10"), Outages: outages, Start: 5 * ms}
	// Opportunities at 0, 5 | 10, 15, 20, 25, 30 | 35, 40, 45 | 50 | 55, 60...
	l, got := run(t, c, time.Hour, sent{1, 1504}, sent{1, 1504}, sent{1, 1504}, sent{1, 1504}, sent{46 * ms, 1504})
	if want := []string{"0@5", "1@35", "2@40", "3@45", "4@55"}; !slices.Equal(got, want) {
		t.Errorf("with a trace: %v, want %v", got, want)
	}
	for until, want := range map[time.Duration]int64{
		-1: 0, 0: 1, 5*ms - 1: 1, 5 * ms: 2, 10 * ms: 2, 34 * ms: 2, 35 * ms: 3, 45 * ms: 5, 50 * ms: 5, 53 * ms: 5, 55 * ms: 6, 60 * ms: 7,
	} {
		if got := l.Offered(at(until)); got != want*trace.OpportunityBytes {
			t.Errorf("offered until %v: %d bytes, want %d opportunities", until, got, want)
		}
	}
	c.Trace = nil
	l, got = run(t, c, time.Hour, sent{9 * ms, 100}, sent{10 * ms, 100}, sent{25 * ms, 100}, sent{31 * ms, 100}, sent{50 * ms, 100})
	if want := []string{"0@9", "1@31", "2@31", "3@31", "4@55"}; !slices.Equal(got, want) {
		t.Errorf("without a trace: %v, want %v", got, want)
	}
	l.Send(at(time.Hour), 100, nil)
	if next, ok := l.Next(); !ok || next != at(time.Hour) {
		t.Errorf("Next = %v, %v", next.Sub(start), ok)
	}
}

func TestNextOfAnEmptyLink(t *testing.T) {
	l := link.New(link.Config{Trace: readTrace(t, "1")}, start)
	if next, ok := l.Next(); ok {
		t.Errorf("Next of an empty link = %v", next)
	}
	l.Send(at(ms), 100, nil)
	if next, ok := l.Next(); !ok || next != at(2*ms) {
		t.Errorf("Next = %v, %v, want 2ms", next.Sub(start), ok)
	}
	l.Deliver(at(2 * ms))
	if next, ok := l.Next(); ok {
		t.Errorf("Next of an emptied link = %v", next)
	}
}

// lossRuns sends n packets and returns the share that was lost and the mean length of a run of losses.
func lossRuns(c link.Config, n int) (share, run float64) {
	lost, runs, before := 0, 0, false
	c.Log = func(r link.Record) {
		is := r.Fate == link.Lost
		if is {
			lost++
			if !before {
				runs++
			}
		}
		before = is
	}
	l := link.New(c, start)
	for i := range n {
		l.Send(at(time.Duration(i)*ms), 100, nil)
		l.Deliver(at(time.Duration(i) * ms))
	}
	return float64(lost) / float64(n), float64(lost) / float64(max(runs, 1))
}

func TestLoss(t *testing.T) {
	const n = 200_000
	for _, c := range []struct {
		config               link.Config
		share, run, relative float64 // the tolerance is about four deviations
	}{
		{link.Config{Seed: 1}, 0, 0, 0},
		{link.Config{Seed: 1, Loss: 0.02}, 0.02, 1 / 0.98, 0.07},
		{link.Config{Seed: 2, Loss: 0.3}, 0.3, 1 / 0.7, 0.02},
		{link.Config{Seed: 3, Loss: 1}, 1, n, 0},
		// Gilbert: the share of bad states is enter/(enter+leave).
		{link.Config{Seed: 4, BurstEnter: 0.01, BurstLeave: 0.2}, 0.01 / 0.21, 5, 0.12},
		{link.Config{Seed: 5, BurstEnter: 1, BurstLeave: 1}, 0.5, 1, 0},
	} {
		share, run := lossRuns(c.config, n)
		if math.Abs(share-c.share) > c.relative*c.share || math.Abs(run-c.run) > c.relative*c.run {
			t.Errorf("%+v: lost %.4f in runs of %.3f, want %.4f and %.3f", c.config, share, run, c.share, c.run)
		}
	}
}

func TestLostPacketsUseTheirCapacity(t *testing.T) {
	l, got := run(t, link.Config{Trace: readTrace(t, "10"), Loss: 1}, 25*ms, sent{0, 1504}, sent{0, 1504}, sent{0, 1504})
	c := l.Counters()
	if got != nil || c.Lost.Packets != 2 || c.Departed.Cost() != 2*1504 || c.Delivered.Packets != 0 {
		t.Errorf("%v came out, %+v, want two lost in two opportunities", got, c)
	}
}

func TestReorderAndDuplicate(t *testing.T) {
	const n = 20_000
	var order []int
	var times []time.Time
	l := link.New(link.Config{Delay: 20 * ms, Reorder: 0.1, ReorderDelay: 5*ms + ms/2, Duplicate: 0.05, Seed: 7}, start)
	for i := range n {
		l.Send(at(time.Duration(i)*ms), 100, i)
	}
	for _, d := range l.Deliver(at(n*ms + time.Second)) {
		order, times = append(order, d.Payload.(int)), append(times, d.At)
	}
	c := l.Counters()
	if late := float64(c.Reordered.Packets) / n; math.Abs(late-0.1) > 0.01 {
		t.Errorf("%.3f were held back, want 0.1", late)
	}
	if copies := float64(c.Duplicated.Packets) / n; math.Abs(copies-0.05) > 0.007 {
		t.Errorf("%.3f came twice, want 0.05", copies)
	}
	if len(order) != n+int(c.Duplicated.Packets) || c.Delivered.Packets != int64(len(order)) {
		t.Errorf("%d packets came out, with %d copies of %d", len(order), c.Duplicated.Packets, n)
	}
	if !slices.IsSortedFunc(times, time.Time.Compare) {
		t.Error("deliveries are not in the order of their times")
	}
	seen, late := map[int]bool{}, 0
	for k, i := range order {
		seen[i] = true
		switch delay := times[k].Sub(at(time.Duration(i) * ms)); delay {
		case 20 * ms:
		case 25*ms + ms/2:
			late++
			if earlier := order[max(0, k-20):k]; i < n-6 && slices.Max(earlier) < i {
				t.Errorf("packet %d is late, but nothing has overtaken it: %v", i, earlier)
			}
		default:
			t.Errorf("packet %d took %v", i, delay)
		}
	}
	if len(seen) != n || late < int(c.Reordered.Packets) {
		t.Errorf("%d of %d packets came out, %d late, want %d at least", len(seen), n, late, c.Reordered.Packets)
	}
}

func TestSeedsAndIndependentFaults(t *testing.T) {
	deliveries := func(c link.Config) []string {
		var packets []sent
		for i := range 500 {
			packets = append(packets, sent{time.Duration(i) * ms, 100})
		}
		_, got := run(t, c, time.Hour, packets...)
		return got
	}
	base := link.Config{Loss: 0.1, Seed: 5}
	if !slices.Equal(deliveries(base), deliveries(base)) {
		t.Error("the same seed gives two results")
	}
	other := base
	other.Seed = 6
	if slices.Equal(deliveries(base), deliveries(other)) {
		t.Error("two seeds give the same result")
	}
	twice := base
	twice.Duplicate = 1
	if got := slices.Compact(deliveries(twice)); !slices.Equal(got, deliveries(base)) {
		t.Error("duplication changes which packets are lost")
	}
}

func TestLog(t *testing.T) {
	var got []link.Record
	c := link.Config{
		Trace: readTrace(t, "10 20 30"), Delay: 3 * ms, Queue: link.Queue{Policy: link.DropTail, Packets: 1},
		Log: func(r link.Record) { got = append(got, r) },
	}
	run(t, c, time.Hour, sent{ms, 104}, sent{2 * ms, 204})
	want := []link.Record{
		{Arrival: at(2 * ms), Drop: at(2 * ms), Size: 200, Fate: link.Dropped},
		{Arrival: at(ms), Departure: at(10 * ms), Delivery: at(13 * ms), Size: 100, Fate: link.Delivered},
	}
	if !slices.Equal(got, want) {
		t.Errorf("log\n%+v, want\n%+v", got, want)
	}
}

func TestValidate(t *testing.T) {
	for want, c := range map[string]link.Config{
		"Loss is":              {Loss: 1.1},
		"Duplicate is":         {Duplicate: math.NaN()},
		"BurstEnter is":        {BurstEnter: -0.1},
		"BurstLeave is 0":      {BurstEnter: 0.1},
		"Start is":             {Start: -1},
		"Delay is":             {Delay: 2 * time.Minute},
		"ReorderDelay is 2m":   {Reorder: 0.1, ReorderDelay: 2 * time.Minute},
		"ReorderDelay is 0":    {Reorder: 0.1},
		"an outage":            {Outages: []link.Outage{{2, 1}}},
		"an infinite queue":    {Queue: link.Queue{Packets: 5}},
		"a droptail queue":     {Queue: link.Queue{Policy: link.DropTail}},
		"of -1 packets":        {Queue: link.Queue{Policy: link.DropTail, Packets: -1, Bytes: 7}},
		"unknown queue policy": {Queue: link.Queue{Policy: 9}},
	} {
		if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: error %v, want one with %q", c, err, want)
		}
	}
	if err := (link.Config{}).Validate(); err != nil {
		t.Error(err)
	}
	defer func() {
		if recover() == nil {
			t.Error("New accepts a fault")
		}
	}()
	link.New(link.Config{Loss: 2}, start)
}

// byteByByte is the definition that the link is compared with: it goes through every opportunity of every millisecond, and
// moves single bytes. It returns what comes out and when.
func byteByByte(c link.Config, packets []sent, end time.Duration) []string {
	type waiting struct{ number, left int }
	var queue []waiting
	var transit *waiting
	var got []string
	next := 0
	arriveBefore := func(now time.Duration) { // packets of the instant itself come after its opportunities
		for ; next < len(packets) && packets[next].at < now; next++ {
			bytes := 0
			for _, w := range queue {
				bytes += w.left
			}
			q := c.Queue
			if q.Packets > 0 && len(queue) >= q.Packets || q.Bytes > 0 && bytes+packets[next].cost > q.Bytes {
				continue
			}
			queue = append(queue, waiting{next, packets[next].cost})
		}
	}
	for opportunity := range c.Trace.Opportunities(c.Start) {
		now := opportunity - c.Start
		if now+c.Delay > end {
			return got
		}
		if slices.ContainsFunc(c.Outages, func(o link.Outage) bool { return o.From <= now && now < o.To }) {
			continue
		}
		arriveBefore(now)
		for range trace.OpportunityBytes {
			if transit == nil {
				if len(queue) == 0 {
					break
				}
				transit, queue = &waiting{queue[0].number, queue[0].left}, queue[1:]
			}
			if transit.left--; transit.left == 0 {
				got = append(got, fmt.Sprintf("%d@%g", transit.number, (now+c.Delay).Seconds()*1000))
				transit = nil
			}
		}
	}
	return got
}

func TestLinkAgreesWithBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.IntRange(0, 30), 1, 12).Draw(t, "trace")
		slices.Sort(times)
		times[len(times)-1] = max(times[len(times)-1], 1)
		c := link.Config{
			Trace: readTrace(t, strings.Trim(fmt.Sprint(times), "[]")),
			Start: rapid.SampledFrom([]time.Duration{0, ms, 7 * ms, 45 * ms, 3*ms + 1}).Draw(t, "start"),
			Delay: rapid.SampledFrom([]time.Duration{0, ms, 20 * ms, 100}).Draw(t, "delay"),
			Queue: rapid.SampledFrom([]link.Queue{
				{}, {Policy: link.DropTail, Packets: 3}, {Policy: link.DropTail, Bytes: 4000}, {Policy: link.DropTail, Packets: 4, Bytes: 3000},
			}).Draw(t, "queue"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "outages") {
			from := time.Duration(rapid.IntRange(0, 200).Draw(t, "from")) * ms
			c.Outages = append(c.Outages, link.Outage{From: from, To: from + time.Duration(rapid.IntRange(0, 40).Draw(t, "length"))*ms})
		}
		var packets []sent
		now := time.Duration(0)
		for range rapid.IntRange(0, 40).Draw(t, "packets") {
			now += rapid.SampledFrom([]time.Duration{0, 0, 0, 1, ms / 2, ms, 10 * ms, 60 * ms}).Draw(t, "gap")
			packets = append(packets, sent{now, rapid.IntRange(link.TUNHeaderBytes, 2000).Draw(t, "cost")})
		}
		end := now + 100*ms
		want := byteByByte(c, packets, end)

		// At once, and event by event, must be the same.
		l, got := run(t, c, end, packets...)
		if !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
		checkCounters(t, l, at(end))
		if stepped := stepByStep(t, c, packets, end); !slices.Equal(stepped, want) {
			t.Fatalf("event by event %v, want %v", stepped, want)
		}
	})
}

// checkCounters checks what holds of any link: nothing vanishes, and no more leaves than is offered.
func checkCounters(t rapid.TB, l *link.Link, now time.Time) {
	t.Helper()
	c := l.Counters()
	queued, _ := l.Queued()
	rest := c.Sent.Packets - c.Dropped.Packets - c.Departed.Packets - int64(queued)
	if rest != 0 && rest != 1 { // 1 is in transit
		t.Errorf("%d packets vanished: %+v, %d queued", rest, c, queued)
	}
	if offered := l.Offered(now); c.Used > offered {
		t.Errorf("%d bytes were used where %d were offered", c.Used, offered)
	}
	if c.Delivered.Packets > c.Departed.Packets-c.Lost.Packets+c.Duplicated.Packets {
		t.Errorf("more came out than went in: %+v", c)
	}
}

// stepByStep drives the link as a simulator does, by Next and Deliver, and checks that Next is never late.
func stepByStep(t rapid.TB, c link.Config, packets []sent, end time.Duration) (got []string) {
	t.Helper()
	l := link.New(c, start)
	deliverUntil := func(limit time.Time) {
		for {
			next, ok := l.Next()
			if !ok || next.After(limit) {
				return
			}
			for _, d := range l.Deliver(next) {
				if d.At != next {
					t.Fatalf("%v came out at %v, announced for %v", d.Payload, d.At.Sub(start), next.Sub(start))
				}
				got = append(got, fmt.Sprintf("%d@%g", d.Payload, d.At.Sub(start).Seconds()*1000))
			}
			checkCounters(t, l, next)
			if again, ok := l.Next(); ok && !again.After(next) {
				t.Fatalf("Next stays at %v", again.Sub(start))
			}
		}
	}
	for i, p := range packets {
		deliverUntil(at(p.at - 1))
		l.Send(at(p.at), p.cost-link.TUNHeaderBytes, i)
	}
	deliverUntil(at(end))
	return got
}

func TestNoAllocationPerPacket(t *testing.T) {
	tr, err := trace.Constant(12_000_000, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	l := link.New(link.Config{Trace: tr, Delay: 20 * ms}, start)
	now := start
	payload := new(int)
	send := func() {
		for range 100 {
			now = now.Add(ms)
			l.Send(now, 1400, payload)
			l.Deliver(now)
		}
	}
	send()
	if allocations := testing.AllocsPerRun(20, send); allocations > 0 {
		t.Errorf("%g allocations for 100 packets", allocations)
	}
}

func TestALongSilenceCostsNothing(t *testing.T) {
	l := link.New(link.Config{Trace: readTrace(t, "1"), Outages: []link.Outage{{0, 7 * 24 * time.Hour}}}, start)
	l.Send(start, 100, nil)
	year := start.AddDate(1, 0, 0)
	began := time.Now()
	if got := len(l.Deliver(year)); got != 1 {
		t.Errorf("%d packets after the outage, want 1", got)
	}
	l.Send(year, 100, nil)
	if next, ok := l.Next(); !ok || next.Sub(year) > ms {
		t.Errorf("after a year of silence: %v, %v", next, ok)
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("a year took %v", took)
	}
}

func BenchmarkPacket(b *testing.B) {
	tr, err := trace.LTE(1, 12_000_000, time.Minute)
	if err != nil {
		b.Fatal(err)
	}
	l := link.New(link.Config{Trace: tr, Delay: 20 * ms, Queue: link.Queue{Policy: link.DropTail, Packets: 256}}, start)
	now := start
	for b.Loop() {
		now = now.Add(ms)
		l.Send(now, 1200, nil)
		l.Deliver(now)
	}
}
