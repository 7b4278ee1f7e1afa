package sender

import (
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"salsify/codec/vp8"
	"salsify/transport/bitrate"
	"salsify/transport/wire"
)

var testStart = time.Unix(1_000_000, 0)

// scene gives pictures of noise that moves, which take many bytes.
func scene(n int) *image.YCbCr {
	const width, height = 128, 96
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	random := rand.New(rand.NewPCG(uint64(n/8), 1))
	for i := range p.Y {
		p.Y[i] = byte(random.Uint32())
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = 128, 128
	}
	return p
}

// run is a Sender in virtual time, whose packets go nowhere.
type run struct {
	t         *testing.T
	s         *Sender
	now       time.Time
	pictures  int
	packets   []leaving
	decisions []Decision
	number    uint16 // of reports
}

// leaving is a packet that left.
type leaving struct {
	at time.Time
	wire.Packet
	stalled bool
}

func newRun(t *testing.T) *run {
	s, err := New(Config{Width: 128, Height: 96, Interval: testInterval, MaxEffort: 0}, testStart)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return &run{t: t, s: s, now: testStart}
}

// pass lets d pass in milliseconds, with a picture every 33 of them.
func (r *run) pass(d time.Duration, each func()) {
	for range int(d / time.Millisecond) {
		if r.now.Sub(testStart)/time.Millisecond%33 == 0 {
			r.s.Picture(r.now, Picture{Image: scene(r.pictures), Captured: r.now, Number: uint64(r.pictures)})
			r.pictures++
		}
		if job := r.s.Job(r.now); job != nil {
			r.decisions = append(r.decisions, r.s.Encoded(r.now, job, job.Encode()))
		}
		for {
			stalled := r.s.path.Stalled(r.now)
			p, wait := r.s.Packet(r.now)
			if p == nil {
				if wait == 0 {
					r.t.Fatal("no packet, and no time to wait for one")
				}
				break
			}
			r.packets = append(r.packets, leaving{r.now, *p, stalled})
		}
		if each != nil {
			each()
		}
		r.now = r.now.Add(time.Millisecond)
	}
}

// answer reports that the newest packet has come 10 ms ago, and all states that the sender has are held.
func (r *run) answer() {
	r.number++
	last := r.packets[len(r.packets)-1]
	report := wire.Report{Number: r.number, Highest: last.Sequence, At: last.at.Sub(testStart) + 5*time.Millisecond}
	for i := 2; i <= min(len(r.packets), 100); i++ {
		report.Before = append(report.Before, wire.Arrival{
			Received: true, At: r.packets[len(r.packets)-i].at.Sub(testStart) + 5*time.Millisecond,
		})
	}
	if number, name, ok := r.newest(); ok {
		report.Decided, report.Held, report.Name = uint16(number), 1<<32-1, [4]byte(name[:4])
	}
	if err := r.s.Report(r.now, report.Append(nil)); err != nil {
		r.t.Fatal(err)
	}
}

// newest is the newest frame that the sender keeps, and the name of its state.
func (r *run) newest() (number uint64, name wire.StateName, ok bool) {
	for n := r.s.frame; n > 0 && r.s.frame-n < 100; n-- {
		if r.s.ledger.Hopeful(n) {
			source := r.s.ledger.Source(r.now, false)
			return source.Frame, source.Name, source.Frame > 0
		}
	}
	return 0, name, false
}

func TestSilentPath(t *testing.T) {
	r := newRun(t)
	for range 40 { // 1.3 s of a path that is well
		r.pass(33*time.Millisecond, nil)
		r.answer()
	}
	if r.s.path.Stalled(r.now) || r.s.Snapshot(r.now).Probes > 0 || r.s.stats.Sent < 20 {
		t.Fatalf("before the silence: %+v", r.s.Snapshot(r.now))
	}
	for !r.s.path.Stalled(r.now) {
		r.pass(time.Millisecond, nil)
		if r.now.Sub(testStart) > 10*time.Second {
			t.Fatal("never stalled")
		}
	}
	silent, began, capacity := len(r.packets), r.now, r.s.path.Capacity(r.now)
	r.pass(10*time.Second, nil)

	var probes, frames []leaving
	packets, bytes := 0, 0
	for _, p := range r.packets[silent:] {
		switch {
		case p.Fragment.Count == 0:
			probes = append(probes, p)
		case p.Fragment.Index == 0:
			frames = append(frames, p)
			packets += int(p.Fragment.Count)
			fallthrough
		default:
			bytes += len(p.Payload)
		}
	}
	t.Logf("in 10 s of silence %d probes and %d frames of %d packets leave", len(probes), len(frames), packets)
	if len(probes) < 10 || len(probes) > 60 || len(frames) < 2 || packets > 4*len(frames) {
		t.Errorf("in 10 s of silence %d probes and %d frames of %d packets leave", len(probes), len(frames), packets)
	}
	if took := capacity.Time(bytes); took > 600*time.Millisecond {
		t.Errorf("what leaves into the silence takes a link of %v %v", capacity, took)
	}
	if probes[0].at.Sub(began) > 10*time.Millisecond {
		t.Errorf("the first probe leaves %v after the silence was noticed", probes[0].at.Sub(began))
	}
	for _, of := range [][]leaving{probes, frames} {
		for i := 2; i < len(of); i++ {
			// Frames leave with pictures, so their beat is a picture's time off at most.
			if last, this := of[i-1].at.Sub(of[i-2].at), of[i].at.Sub(of[i-1].at); this < last-40*time.Millisecond {
				t.Errorf("%v between two, and %v before: it should be ever longer", this, last)
			}
		}
	}
	for _, p := range frames {
		if p.Fragment.Source != frames[0].Fragment.Source {
			t.Error("a frame starts from another state than the others, though nothing was reported meanwhile")
		}
	}
	for _, p := range probes {
		if p.Size() > 150 {
			t.Errorf("a probe of %d bytes", p.Size())
		}
	}

	// The first report ends it: the next picture leaves at once, and no more probes do.
	sent := r.s.stats.Sent
	r.answer()
	if r.s.path.Stalled(r.now) {
		t.Fatal("still stalled after a report")
	}
	r.pass(34*time.Millisecond, nil)
	if r.s.stats.Sent == sent {
		t.Errorf("no frame has left a picture's time after the silence: %+v", r.decisions[len(r.decisions)-1])
	}
	before := r.s.stats.Probes
	for range 30 {
		r.answer()
		r.pass(33*time.Millisecond, nil)
	}
	if r.s.stats.Probes != before {
		t.Errorf("%d probes leave after the silence", r.s.stats.Probes-before)
	}
}

// What waits for the pacer when the path falls silent does not leave later: it would be in the way.
func TestSilenceDropsWhatWaits(t *testing.T) {
	r := newRun(t)
	r.pass(33*time.Millisecond, nil)
	r.s.Picture(r.now, Picture{Image: scene(0), Captured: r.now})
	job := r.s.Job(r.now)
	if job == nil {
		t.Fatal("nothing to encode")
	}
	state, err := vp8.NewState(128, 96)
	if err != nil {
		t.Fatal(err)
	}
	r.s.send(job, &Candidate{Frame: make([]byte, 100_000), State: state})
	r.s.Packet(r.now)
	waits := r.s.backlog()
	if waits == 0 {
		t.Fatal("100 kB left at once")
	}
	r.s.busy = false
	r.pass(2*time.Second, nil)
	if !r.s.path.Stalled(r.now) || r.s.backlog() > 2*wire.MaxDatagram {
		t.Errorf("after 2 s of silence: stalled %v, and %d of %d bytes wait for the pacer", r.s.path.Stalled(r.now), r.s.backlog(), waits)
	}
	for _, p := range r.packets {
		if p.stalled && p.Fragment.Count > 4 {
			t.Fatalf("packet %d of %d of a frame leaves in the silence", p.Fragment.Index, p.Fragment.Count)
		}
	}
	if r.s.ledger.Hopeful(2) {
		t.Error("the frame that was dropped is still hopeful")
	}
}

func TestBackoff(t *testing.T) {
	b := backoff{next: testStart, interval: time.Second}
	var at []time.Duration
	for ms := range 20_000 {
		now := testStart.Add(time.Duration(ms) * time.Millisecond)
		if b.due(now) {
			at = append(at, now.Sub(testStart))
			b.did(now, 4*time.Second)
		}
	}
	want := []time.Duration{0, 1, 3, 7, 11, 15, 19}
	for i := range want {
		if i >= len(at) || at[i] != want[i]*time.Second {
			t.Fatalf("due at %v, not at %v s", at, want)
		}
	}
}

// Frames that go out blindly take a small share of what the link could carry, all together, and large ones never go.
func TestBlindFramesAreFew(t *testing.T) {
	const capacity = 1 * bitrate.MbitPerSecond
	var s stall
	if s.frameDue(testStart) || s.frame(testStart, 100) {
		t.Error("a frame is due without any silence")
	}
	if !s.begin(testStart, capacity) || s.begin(testStart, capacity) {
		t.Error("a silence is new once")
	}
	early, all := 0, 0
	for ms := range 10_000 {
		now := testStart.Add(time.Duration(ms) * time.Millisecond)
		if s.frame(now, 100_000) {
			t.Fatal("a frame of 100 kB went out")
		}
		if s.frameDue(now) && s.frame(now, 1500) {
			all++
			if ms < 1000 {
				early++
			}
		}
	}
	if early < 2 {
		t.Errorf("%d frames in the first second", early)
	}
	if took := capacity.Time(all * 1500); took > 600*time.Millisecond {
		t.Errorf("%d frames in ten seconds, which take the link %v", all, took)
	}
	s.end()
	if s.frameDue(testStart.Add(time.Hour)) || !s.begin(testStart, capacity) {
		t.Error("the silence did not end")
	}
}

func TestLean(t *testing.T) {
	job := &Job{Options: []vp8.Options{{Quantizer: 20, Effort: 3}, {Quantizer: 40, Effort: 3}}}
	var s stall
	s.lean(job)
	if len(job.Options) != 1 || job.Options[0].Quantizer != maxQuantizer || job.Options[0].FrameBytes != 0 {
		t.Errorf("the candidates are %+v", job.Options)
	}
}
