package playout_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/transport/playout"
)

// stretchAll plays the sound in frames and asks for a change every fourth of them.
func stretchAll[S playout.Sample](sound []S, channels, frame int, by time.Duration) (out []S, changes []time.Duration) {
	s := playout.NewStretcher[S](channels)
	for i := 0; (i+1)*frame*channels <= len(sound); i++ {
		ask := by
		if i%4 != 3 {
			ask = 0
		}
		var change time.Duration
		if out, change = s.Append(out, sound[i*frame*channels:(i+1)*frame*channels], ask); change != 0 {
			changes = append(changes, change)
		}
	}
	return out, changes
}

// voice is like a vowel: harmonics of a pitch that moves a little, louder and quieter, and some noise.
func voice(pitch float64, n int) []float64 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]float64, n)
	phase := 0.0
	for i := range out {
		phase += 2 * math.Pi * pitch * (1 + 0.03*math.Sin(2*math.Pi*4*float64(i)/48000)) / 48000
		for h := 1.0; h < 12; h++ {
			out[i] += 0.15 / h * math.Sin(h*phase+h*h)
		}
		out[i] = out[i]*(0.7+0.3*math.Sin(2*math.Pi*2*float64(i)/48000)) + 0.002*r.NormFloat64()
	}
	return out
}

func pcm(x []float64) []int16 {
	out := make([]int16, len(x))
	for i, v := range x {
		out[i] = int16(math.Round(v * 32000))
	}
	return out
}

func sine(frequency, level float64, n int) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = level * math.Sin(2*math.Pi*frequency*float64(i)/48000)
	}
	return out
}

func energy(x []int16) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum / float64(len(x))
}

func steepest(x []int16) float64 {
	most := 0.0
	for i := 1; i < len(x); i++ {
		most = max(most, math.Abs(float64(x[i])-float64(x[i-1])))
	}
	return most
}

// frequencyOf counts the times that a wave goes up through 0, between the first and the last of them.
func frequencyOf(x []int16) float64 {
	first, last, n := -1.0, 0.0, 0
	for i := 1; i < len(x); i++ {
		if x[i-1] < 0 && x[i] >= 0 {
			at := float64(i) - float64(x[i])/(float64(x[i])-float64(x[i-1]))
			if first < 0 {
				first = at
			}
			last, n = at, n+1
		}
	}
	return float64(n-1) / (last - first) * 48000
}

// A sine of any pitch stays one: no clicks, as loud as before, the same frequency.
func TestStretchedSine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		frequency := rapid.Float64Range(85, 4000).Draw(t, "Hz")
		frame := rapid.SampledFrom([]int{960, 1920, 2880}).Draw(t, "frame")
		by := time.Duration(rapid.Int64Range(3, 25).Draw(t, "ms")) * ms
		// There has to be room for a whole period beyond the shortest lag.
		room := min(13*ms, 2700*time.Microsecond+time.Duration(float64(time.Second)/frequency))
		by = max(by, room)
		if rapid.Bool().Draw(t, "shorter") {
			by = -by
		}
		in := pcm(sine(frequency, 0.5, 48_000))
		out, changes := stretchAll(in, 1, frame, by)
		if len(changes) == 0 {
			t.Fatalf("a sine of %.0f Hz was never stretched by %v", frequency, by)
		}
		var sum time.Duration
		for _, c := range changes {
			if c.Abs() > by.Abs() || (c < 0) != (by < 0) {
				t.Fatalf("asked for %v, changed by %v", by, c)
			}
			sum += c
		}
		if want := len(in)/frame*frame + int(math.Round(sum.Seconds()*48000)); math.Abs(float64(len(out)-want)) > float64(len(changes)) {
			t.Fatalf("%d samples came out, %d by what the stretcher says", len(out), want)
		}
		if is, was := steepest(out), steepest(in); is > 1.1*was+2 {
			t.Fatalf("%.0f Hz by %v: a step of %.0f, in the sine at most %.0f", frequency, by, is, was)
		}
		if db := 10 * math.Log10(energy(out)/energy(in)); math.Abs(db) > 0.5 {
			t.Fatalf("%.0f Hz by %v: %.2f dB louder", frequency, by, db)
		}
		if is := frequencyOf(out); math.Abs(is/frequency-1) > 0.01 {
			t.Fatalf("%.1f Hz by %v became %.1f Hz", frequency, by, is)
		}
	})
}

// Whatever comes in, no step is larger than the steps of the two places that fade into each other, and what both differ by.
func TestStretchedAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 3))
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		frame := rapid.SampledFrom([]int{0, 1, 120, 480, 960, 2880}).Draw(t, "frame")
		s := playout.NewStretcher[int16](channels)
		smooth, level := 0.0, rapid.SampledFrom([]float64{0, 10, 3000, 40_000}).Draw(t, "level")
		last, before := 0.0, 0.0
		for range 30 {
			in := make([]int16, frame*channels)
			for i := 0; i < len(in); i += channels {
				smooth += 0.1 * (level*r.NormFloat64() - smooth)
				for c := range channels {
					in[i+c] = int16(max(-32768, min(32767, smooth)))
				}
			}
			by := time.Duration(rapid.Int64Range(-40, 40).Draw(t, "ms")) * ms
			out, change := s.Append(nil, in, by)
			if change.Abs() > by.Abs() || change*by < 0 {
				t.Fatalf("asked for %v, changed by %v", by, change)
			}
			if want := frame + int(math.Round(change.Seconds()*48000)); len(out) != want*channels {
				t.Fatalf("%d samples came out of %d, with a change of %v", len(out)/channels, frame, change)
			}
			peak, step := last, before
			for i := channels; i < len(in); i += channels {
				step = max(step, math.Abs(float64(in[i])-float64(in[i-channels])))
				peak = max(peak, math.Abs(float64(in[i])))
			}
			for i := channels; i < len(out); i += channels {
				// 1.5 is the most that the gain and its slope can add where both are as loud as can be.
				if is := math.Abs(float64(out[i]) - float64(out[i-channels])); is > 1.5*step+4*peak/120+2 {
					t.Fatalf("a step of %.0f; before there were steps of %.0f, and a peak of %.0f", is, step, peak)
				}
			}
			last, before = peak, step
		}
	})
}

// A voice is cut where its wave repeats: every request is met soon, and it stays as loud.
func TestStretchedVoice(t *testing.T) {
	for _, pitch := range []float64{90, 120, 180, 250, 350} {
		for _, by := range []time.Duration{-13 * ms, 13 * ms} {
			in := pcm(voice(pitch, 144_000))
			out, changes := stretchAll(in, 1, 960, by)
			if asked := 144_000 / 960 / 4; len(changes) < asked*8/10 {
				t.Errorf("%v Hz by %v: %d of %d frames were stretched", pitch, by, len(changes), asked)
			}
			if share := math.Abs(float64(len(out))/144_000 - 1); share < 0.02 || share > 0.16 {
				t.Errorf("%v Hz by %v: the length changed by %.1f %%", pitch, by, 100*share)
			}
			if db := 10 * math.Log10(energy(out)/energy(in)); math.Abs(db) > 0.3 {
				t.Errorf("%v Hz by %v: %.2f dB louder", pitch, by, db)
			}
			if is, was := steepest(out), steepest(in); is > 1.1*was {
				t.Errorf("%v Hz by %v: a step of %.0f, in the voice at most %.0f", pitch, by, is, was)
			}
		}
	}
}

// Noise has no periods; it is stretched after some frames and stays as loud. Silence is stretched at once, by all that was asked.
func TestStretchedNoiseAndSilence(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	noise := make([]float64, 480_000)
	for i := range noise {
		noise[i] = 0.1 * r.NormFloat64()
	}
	out, changes := stretchAll(pcm(noise), 1, 960, -10*ms)
	if len(changes) < 5 || len(changes) > 60 {
		t.Errorf("noise was made shorter %d of 125 times; want some, or the delay would never come down, but not all", len(changes))
	}
	if db := 10 * math.Log10(energy(out)/energy(pcm(noise))); math.Abs(db) > 0.3 {
		t.Errorf("noise became %.2f dB louder", db)
	}
	_, changes = stretchAll(make([]float32, 96_000), 2, 960, 9*ms)
	if len(changes) != 12 || changes[0] != 9*ms {
		t.Errorf("silence of 50 frames was stretched %d times by %v, want 12 times by 9 ms", len(changes), changes)
	}
}

// In frames of 10 ms a high voice can still be cut, and left and right stay together.
func TestStretchedShortStereo(t *testing.T) {
	mono := voice(220, 96_000)
	in := make([]float32, 0, 2*len(mono))
	for _, v := range mono {
		in = append(in, float32(v), float32(-v/2))
	}
	for _, by := range []time.Duration{-10 * ms, 10 * ms} {
		out, changes := stretchAll(in, 2, 480, by)
		if len(changes) < 20 {
			t.Errorf("%d of 50 frames were stretched by %v", len(changes), by)
		}
		for i := 0; i < len(out); i += 2 {
			if math.Abs(float64(out[i]+2*out[i+1])) > 1e-5 {
				t.Fatalf("sample %d: left %v, right %v", i/2, out[i], out[i+1])
			}
		}
	}
}

// Without a change nothing is touched.
func TestUnstretched(t *testing.T) {
	in := pcm(voice(150, 9600))
	out, changes := stretchAll(in, 1, 480, 0)
	if len(changes) != 0 || len(out) != len(in) {
		t.Fatalf("%d samples became %d", len(in), len(out))
	}
	for i := range in {
		if in[i] != out[i] {
			t.Fatalf("sample %d is %d, was %d", i, out[i], in[i])
		}
	}
}

func TestStretchAllocatesNothing(t *testing.T) {
	s := playout.NewStretcher[int16](2)
	frame := make([]int16, 0, 4*960)
	for _, v := range pcm(voice(150, 960)) {
		frame = append(frame, v, v)
	}
	out := make([]int16, 0, 4*960)
	by := 12 * ms
	s.Append(out, frame, by)
	if n := testing.AllocsPerRun(100, func() {
		by = -by
		s.Append(out, frame, by)
	}); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkStretch(b *testing.B) {
	s := playout.NewStretcher[int16](1)
	frame, out := pcm(voice(150, 960)), make([]int16, 0, 2*960)
	b.ReportAllocs()
	for b.Loop() {
		s.Append(out, frame, -12*ms)
	}
}
