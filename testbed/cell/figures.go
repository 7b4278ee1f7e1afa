package cell

import (
	"math"
	"slices"
	"time"

	"salsify/testbed/camera"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/testbed/result"
	"salsify/testbed/screen"
	"salsify/transport/bitrate"
)

// observed is all that was seen of a call.
type observed struct {
	begin             time.Time
	duration, exclude time.Duration
	captured          []camera.Captured
	shown             []measure.Shown
	counts            screen.Counts
	down, up          link.Config   // the links, for what they could have carried
	offTimes          []link.Outage // of down
	downPackets       []link.Record
	upPackets         []link.Record
}

// figures sums up.
func (o *observed) figures() (result.Figures, []result.Frame, []result.Bin) {
	from, to := o.begin.Add(o.exclude), o.begin.Add(o.duration)
	s := measure.Window(o.instants(), o.shown, from, to)
	took := o.duration - o.exclude
	f := result.Figures{
		Captured: s.Captured, Shown: s.Shown, NeverShown: s.NeverShown, Torn: o.counts.Torn, Unreadable: o.counts.Unreadable,
		FPS:         float64(s.Shown) / took.Seconds(),
		FrameDelay:  delay(s.FrameDelay, s.Shown),
		SignalDelay: delay(s.SignalDelay, s.Captured),
		Freezes: result.Freezes{
			Count: s.Freezes, LongestMs: milliseconds(s.LongestFreeze), Share: s.Frozen.Seconds() / took.Seconds(),
		},
		Scored: s.Scored, SSIMdB: number(s.SSIMdB), SSIM: number(s.SSIM), PSNRdB: number(s.PSNRdB),
	}
	o.addPackets(&f, from, to)
	return f, o.frames(to), o.series(to)
}

// instants are those at which pictures were captured.
func (o *observed) instants() []time.Time {
	instants := make([]time.Time, len(o.captured))
	for i, c := range o.captured {
		instants[i] = c.At
	}
	return instants
}

// number is a figure that could be measured and be written down, or nil.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}

// delay is what count times had; NaN if there were none.
func delay(d measure.Distribution, count int) result.Delay {
	if count == 0 {
		nan := math.NaN()
		return result.Delay{Mean: nan, P50: nan, P95: nan, P99: nan, Max: nan}
	}
	return result.Delay{
		Mean: milliseconds(d.Mean), P50: milliseconds(d.P50), P95: milliseconds(d.P95), P99: milliseconds(d.P99), Max: milliseconds(d.Max),
	}
}

// addPackets adds what the link carried between two instants.
func (o *observed) addPackets(f *result.Figures, from, to time.Time) {
	within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	var sent, delivered, feedback, departed int
	var waits []time.Duration
	for _, p := range o.downPackets {
		if within(p.Arrival) {
			sent += p.Size
			switch p.Fate {
			case link.Dropped:
				f.Dropped++
			case link.Lost:
				f.Lost++
			}
		}
		if !p.Departure.IsZero() && within(p.Departure) {
			if !o.off(p.Departure) {
				departed += p.Size + link.TUNHeaderBytes
			}
			waits = append(waits, p.Departure.Sub(p.Arrival))
			if p.Fate == link.Delivered {
				delivered += p.Size
			}
		}
	}
	for _, p := range o.upPackets {
		if within(p.Arrival) {
			feedback += p.Size
		}
	}
	took := to.Sub(from)
	f.VideoKbit, f.DeliveredKbit = bitrate.Of(sent, took).Kbit(), bitrate.Of(delivered, took).Kbit()
	f.FeedbackKbit = bitrate.Of(feedback, took).Kbit()
	f.QueueDelay = delay(measure.Distribute(waits), len(waits))
	if capacity := o.capacity(o.down, o.exclude, o.duration); capacity > 0 {
		f.CapacityKbit = capacity.Kbit()
		// A packet counts when its last byte leaves, though some may have left before the time that counts.
		f.LinkUsed = number(min(bitrate.Of(departed, took).Kbit()/f.CapacityKbit, 1))
	}
}

// off says whether the video's way was off at an instant: what leaves the queue then takes nothing of what the link offered.
func (o *observed) off(at time.Time) bool {
	since := at.Sub(o.begin)
	return slices.ContainsFunc(o.offTimes, func(t link.Outage) bool { return since >= t.From && since < t.To })
}

// capacity is the mean of what a link could have carried between two times of the call; 0: it has no limit.
func (o *observed) capacity(config link.Config, from, to time.Duration) bitrate.Bitrate {
	if config.Trace == nil {
		return 0
	}
	return bitrate.Of(o.offered(config)(from, to), to-from)
}

// offered returns a function that tells how many bytes a link could have carried from one time of the call on and before another.
func (o *observed) offered(config link.Config) func(from, to time.Duration) int {
	config.Log = nil
	start := time.Unix(0, 0)
	l := link.New(config, start)
	// Offered counts what its last instant has.
	return func(from, to time.Duration) int {
		return int(l.Offered(start.Add(to-1)) - l.Offered(start.Add(from-1)))
	}
}

// frames makes a line of each picture of the source.
func (o *observed) frames(end time.Time) []result.Frame {
	instants := o.instants()
	signal := measure.SignalDelays(instants, o.shown, end)
	shown := map[uint64]measure.Shown{}
	for _, s := range o.shown {
		if _, again := shown[s.Number]; !again && !s.At.After(end) {
			shown[s.Number] = s
		}
	}
	since := func(t time.Time) float64 {
		if t.IsZero() {
			return math.NaN()
		}
		return milliseconds(t.Sub(o.begin))
	}
	frames := make([]result.Frame, len(o.captured))
	for i, c := range o.captured {
		f := result.Frame{
			Number: c.Number, CapturedMs: since(c.At), TakenMs: since(c.Taken), SignalDelayMs: milliseconds(signal[i]),
			ShownMs: math.NaN(), FrameDelayMs: math.NaN(), SSIM: math.NaN(), PSNRdB: math.NaN(),
		}
		if s, ok := shown[c.Number]; ok {
			f.ShownMs, f.FrameDelayMs = since(s.At), milliseconds(s.At.Sub(s.Captured))
			if s.Scored {
				f.SSIM, f.PSNRdB = s.SSIM, quality.Score{MSE: s.MSE}.PSNR()
			}
		}
		frames[i] = f
	}
	return frames
}

// series makes a line of each 100 ms.
func (o *observed) series(end time.Time) []result.Bin {
	const length = result.BinMs * time.Millisecond
	n := int((o.duration + length - 1) / length)
	bins := make([]result.Bin, n)
	type sums struct {
		sent, delivered, feedback  int
		waits, signals             time.Duration
		departed, captured, scored int
		ssim                       float64
	}
	in := make([]sums, n)
	at := func(t time.Time) *sums {
		if i := t.Sub(o.begin); !t.IsZero() && i >= 0 && int(i/length) < n {
			return &in[i/length]
		}
		return &sums{} // outside of the call
	}
	for _, p := range o.downPackets {
		at(p.Arrival).sent += p.Size
		if !p.Departure.IsZero() {
			s := at(p.Departure)
			s.departed++
			s.waits += p.Departure.Sub(p.Arrival)
			if p.Fate == link.Delivered {
				s.delivered += p.Size
			}
		}
	}
	for _, p := range o.upPackets {
		at(p.Arrival).feedback += p.Size
	}
	instants := o.instants()
	for i, d := range measure.SignalDelays(instants, o.shown, end) {
		s := at(instants[i])
		s.captured++
		s.signals += d
	}
	for _, p := range o.shown {
		if p.Scored {
			s := at(p.At)
			s.scored++
			s.ssim += p.SSIM
		}
	}
	mean := func(sum float64, count int) float64 { return sum / float64(count) } // NaN of none
	offered := o.offered(o.down)
	for i, s := range in {
		from := time.Duration(i) * length
		bins[i] = result.Bin{
			FromMs:        milliseconds(from),
			CapacityKbit:  bitrate.Of(offered(from, from+length), length).Kbit(),
			SentKbit:      bitrate.Of(s.sent, length).Kbit(),
			DeliveredKbit: bitrate.Of(s.delivered, length).Kbit(),
			FeedbackKbit:  bitrate.Of(s.feedback, length).Kbit(),
			QueueDelayMs:  mean(milliseconds(s.waits), s.departed),
			SignalDelayMs: mean(milliseconds(s.signals), s.captured),
			SSIMdB:        quality.DB(mean(s.ssim, s.scored)),
		}
		if o.down.Trace == nil {
			bins[i].CapacityKbit = math.NaN()
		}
	}
	return bins
}
