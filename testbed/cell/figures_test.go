package cell

import (
	"math"
	"testing"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/camera"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/quality"
	"salsify/testbed/screen"
	"salsify/testbed/trace"
	"salsify/testbed/virtual"
	"salsify/transport/bitrate"
)

// seen is a call of 4 s, of which the first does not count: 10 pictures a second, each shown 100 ms later, but none of those
// captured from 2 s to 2.5 s; every second one scored.
func seen(t *testing.T) *observed {
	t.Helper()
	begin := time.Unix(1000, 0)
	o := &observed{begin: begin, duration: 4 * time.Second, exclude: time.Second, counts: screen.Counts{Torn: 1, Unreadable: 2}}
	for n := range 40 {
		at := begin.Add(time.Duration(n) * 100 * time.Millisecond)
		o.captured = append(o.captured, camera.Captured{Number: uint64(n), At: at})
		if n >= 20 && n < 25 || n == 39 {
			continue
		}
		s := measure.Shown{Number: uint64(n), Captured: at, At: at.Add(100 * time.Millisecond)}
		if n%2 == 0 {
			s.Scored, s.SSIM, s.MSE = true, 0.9, 65.025 // 10 dB, 30 dB
			if n%4 == 0 {
				s.SSIM = 0.96
			}
		}
		o.shown = append(o.shown, s)
	}
	var err error
	if o.down.Trace, err = trace.Constant(2*bitrate.MbitPerSecond, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	// A packet of 1000 bytes every 10 ms, which waits 5 ms; one in 100 is dropped, another lost.
	for i := range 400 {
		at := begin.Add(time.Duration(i) * 10 * time.Millisecond)
		p := link.Record{Arrival: at, Departure: at.Add(5 * time.Millisecond), Size: 1000, Fate: link.Delivered}
		switch i % 100 {
		case 50:
			p.Fate, p.Departure = link.Dropped, time.Time{}
		case 51:
			p.Fate = link.Lost
		}
		o.downPackets = append(o.downPackets, p)
		if i%10 == 0 {
			o.upPackets = append(o.upPackets, link.Record{Arrival: at, Departure: at, Size: 125, Fate: link.Delivered})
		}
	}
	return o
}

func TestFigures(t *testing.T) {
	f, frames, series := seen(t).figures()
	near := func(name string, got, want, within float64) {
		t.Helper()
		if !(math.Abs(got-want) <= within) {
			t.Errorf("%s is %g, must be %g", name, got, want)
		}
	}
	near("captured", float64(f.Captured), 30, 0)
	near("shown", float64(f.Shown), 24, 0)
	near("never shown", float64(f.NeverShown), 6, 0)
	near("torn", float64(f.Torn), 1, 0)
	near("unreadable", float64(f.Unreadable), 2, 0)
	near("pictures a second", f.FPS, 8, 1e-9)
	near("frame delay", f.FrameDelay.Mean, 100, 1e-9)
	// Five pictures wait for the one captured at 2.5 s, the last one until the end.
	near("signal delay", f.SignalDelay.Mean, (24*100+600+500+400+300+200+100)/30., 1e-9)
	near("longest signal delay", f.SignalDelay.Max, 600, 1e-9)
	// Shown at 2.0 s (captured at 1.9) and then at 2.6 s.
	near("freezes", float64(f.Freezes.Count), 1, 0)
	near("longest freeze", f.Freezes.LongestMs, 600, 1e-9)
	near("frozen share", f.Freezes.Share, 0.2, 1e-9)
	// Scored are the even ones of 10 to 38 but 20, 22 and 24: 12 of them, 5 with the better score.
	near("scored", float64(f.Scored), 12, 0)
	mean := (5*0.96 + 7*0.9) / 12
	near("SSIM", *f.SSIM, mean, 1e-9)
	near("SSIM in dB", *f.SSIMdB, quality.DB(mean), 1e-9)
	near("PSNR", *f.PSNRdB, 30, 1e-3)
	near("video", f.VideoKbit, 800, 1e-9)
	near("delivered", f.DeliveredKbit, 800*0.98, 1e-9)
	near("feedback", f.FeedbackKbit, 10, 1e-9)
	near("capacity", f.CapacityKbit, 2000, 8)
	near("link used", *f.LinkUsed, 0.99*1004*8/10/2000, 0.002)
	near("queue delay", f.QueueDelay.P50, 5, 1e-9)
	near("dropped", float64(f.Dropped), 3, 0)
	near("lost", float64(f.Lost), 3, 0)

	if len(frames) != 40 {
		t.Fatalf("%d lines of frames, must be 40", len(frames))
	}
	near("capture of picture 20", frames[20].CapturedMs, 2000, 1e-9)
	near("signal delay of picture 20", frames[20].SignalDelayMs, 600, 1e-9)
	near("delay of picture 26", frames[26].FrameDelayMs, 100, 1e-9)
	near("picture 28 on the screen", frames[28].ShownMs, 2900, 1e-9)
	near("SSIM of picture 28", frames[28].SSIM, 0.96, 1e-9)
	if !math.IsNaN(frames[20].ShownMs) || !math.IsNaN(frames[20].FrameDelayMs) || !math.IsNaN(frames[27].SSIM) {
		t.Error("what was never shown or never scored has figures")
	}

	if len(series) != 40 {
		t.Fatalf("%d bins, must be 40", len(series))
	}
	var capacity float64
	for _, b := range series {
		capacity += b.CapacityKbit / 40
	}
	near("mean capacity of the bins", capacity, 2000, 8)
	near("sent in a bin", series[7].SentKbit, 800, 1e-9)
	near("delivered in the bin with losses", series[15].DeliveredKbit, 800*0.8, 1e-9)
	near("feedback in a bin", series[3].FeedbackKbit, 10, 1e-9)
	near("signal delay in a bin", series[21].SignalDelayMs, 500, 1e-9)
	near("SSIM in a bin", series[17].SSIMdB, quality.DB(0.96), 1e-9)
	if !math.IsNaN(series[18].SSIMdB) {
		t.Error("a bin without scores has an SSIM")
	}
}

func TestFiguresOfNothing(t *testing.T) {
	o := &observed{begin: time.Unix(1000, 0), duration: 2 * time.Second}
	f, frames, series := o.figures()
	if f.SSIMdB != nil || f.PSNRdB != nil || f.LinkUsed != nil || f.Shown != 0 || f.Freezes.Share != 1 {
		t.Errorf("nothing was seen, but %+v", f)
	}
	if !math.IsNaN(f.FrameDelay.P50) || !math.IsNaN(f.QueueDelay.Mean) {
		t.Errorf("nothing has a delay of %v, %v", f.FrameDelay, f.QueueDelay)
	}
	if len(frames) != 0 || len(series) != 20 || !math.IsNaN(series[0].CapacityKbit) {
		t.Errorf("%d frames, %d bins, capacity %v", len(frames), len(series), series[0].CapacityKbit)
	}
}

func TestWhatLeavesInAnOffTimeUsesNothing(t *testing.T) {
	o := seen(t)
	o.down.OnOff = link.OnOff{On: time.Second, Off: time.Second}
	o.offTimes = o.down.OnOff.OffTimes(o.down.Seed, o.duration)
	f, _, _ := o.figures()
	// On are the seconds 0 and 2; of those that count, from 1 to 4, only one.
	if math.Abs(f.CapacityKbit-2000/3.) > 8 {
		t.Errorf("capacity %v kbit/s, must be a third of 2000", f.CapacityKbit)
	}
	if math.Abs(*f.LinkUsed-0.99*1004*8/10/2000) > 0.004 {
		t.Errorf("%v of the link used, must be as with a link that is always on", *f.LinkUsed)
	}
}

func TestGoOn(t *testing.T) {
	at := time.Unix(1000, 0)
	known := []camera.Captured{{Number: 7, At: at}, {Number: 8, At: at.Add(40 * time.Millisecond), Taken: at}}
	got := goOn(known, y4m.Rate{Num: 20, Den: 1}, at.Add(190*time.Millisecond))
	if len(got) != 4 || got[3].Number != 10 || got[3].At.Sub(at).Round(time.Microsecond) != 140*time.Millisecond || !got[3].Taken.IsZero() {
		t.Errorf("%v", got)
	}
	if got := goOn(nil, y4m.Rate{Num: 20, Den: 1}, at); len(got) != 0 {
		t.Errorf("%v of nothing", got)
	}
	// A picture that is due at the end is no picture of the call, though the one before it is due at a fraction of a nanosecond.
	rate := y4m.Rate{Num: 30, Den: 1}
	for lasts := range 20 {
		end := at.Add(time.Duration(lasts+1) * time.Second)
		for known := 30*lasts + 1; known <= 30*(lasts+1); known++ {
			last := camera.Captured{Number: uint64(known - 1), At: at.Add(virtual.Due(uint64(known-1), rate))}
			if got := goOn([]camera.Captured{last}, rate, end); len(got) != 30*(lasts+1)-known+1 {
				t.Fatalf("%d pictures from number %d to the end at %v", len(got), known-1, end.Sub(at))
			}
		}
	}
}

func TestWaitingPacketsWereSent(t *testing.T) {
	o := seen(t)
	o.downPackets = append(o.downPackets, link.Record{Arrival: o.begin.Add(3900 * time.Millisecond), Size: 3000, Fate: link.Waiting})
	f, _, series := o.figures()
	if math.Abs(f.VideoKbit-808) > 1e-9 || math.Abs(f.DeliveredKbit-784) > 1e-9 || f.Dropped != 3 {
		t.Errorf("%v kbit/s sent, %v delivered, %d dropped", f.VideoKbit, f.DeliveredKbit, f.Dropped)
	}
	if math.Abs(series[39].SentKbit-800-240) > 1e-9 {
		t.Errorf("%v kbit/s sent in the last bin", series[39].SentKbit)
	}
}
