package opus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/thesyncim/gopus"
	"pgregory.net/rapid"

	"salsify/testbed/testenv"
	"salsify/transport/bitrate"
)

// voice returns something like speech: a voice with formants that glides, in syllables, with a little breath.
func voice(channels int, d time.Duration) []int16 {
	random := rand.New(rand.NewPCG(1, 2))
	out := make([]int16, 0, samplesIn(d)*channels)
	phase := 0.0
	for n := range samplesIn(d) {
		t := float64(n) / Rate
		pitch := 130 + 25*math.Sin(2*math.Pi*0.9*t)
		phase += 2 * math.Pi * pitch / Rate
		sample := 0.0
		for h := 1; h <= 24; h++ {
			f := pitch * float64(h)
			formant := math.Exp(-math.Pow((f-600-250*math.Sin(2*math.Pi*1.3*t))/220, 2)) + 0.5*math.Exp(-math.Pow((f-1700)/300, 2)) + 0.05
			sample += formant * math.Sin(float64(h)*phase)
		}
		sample = sample*(0.55-0.45*math.Cos(2*math.Pi*3.5*t)) + 0.02*random.NormFloat64()
		for c := range channels {
			out = append(out, int16(4000*sample*(1-0.4*float64(c))))
		}
	}
	return out
}

func encodeAll(t testing.TB, e Encoder, channels int, pcm []int16) (packets [][]byte) {
	t.Helper()
	for frame := range slices.Chunk(pcm, e.Samples()*channels) {
		packet, err := e.Encode(frame, nil)
		if err != nil {
			t.Fatal(err)
		}
		packets = append(packets, packet)
	}
	return packets
}

// snr returns the ratio of signal and difference in dB.
func snr(signal, other []int16) float64 {
	var energy, noise float64
	for i := range signal {
		d := float64(signal[i]) - float64(other[i])
		energy += float64(signal[i]) * float64(signal[i])
		noise += d * d
	}
	return 10 * math.Log10(energy/max(noise, 1e-9))
}

// aligned returns the SNR at the delay of up to 20 ms at which it is best, and that delay in samples: codecs have one.
func aligned(signal, decoded []int16, channels int) (best float64, delay int) {
	best = math.Inf(-1)
	const most = Rate / 50
	n := (min(len(signal), len(decoded))/channels - most) * channels
	part := min(n, Rate/5*channels) // is enough to find the delay
	for d := range most {
		if s := snr(signal[:part], decoded[d*channels:][:part]); s > best {
			best, delay = s, d
		}
	}
	return snr(signal[:n], decoded[delay*channels:][:n]), delay
}

func newEncoder(t testing.TB, o Options) Encoder {
	t.Helper()
	e, err := NewEncoder(o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func newDecoder(t testing.TB, channels int) Decoder {
	t.Helper()
	d, err := NewDecoder(channels)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestThereAndBack(t *testing.T) {
	for _, test := range []struct {
		name string
		Options
		least float64 // SNR in dB
	}{
		{"speech", Options{Bitrate: 32_000}, 6},
		{"10 ms", Options{Bitrate: 48_000, Frame: 10 * time.Millisecond}, 6},
		{"stereo", Options{Bitrate: 96_000, Channels: 2}, 6},
		{"audio", Options{Bitrate: 128_000, Application: Audio}, 15},
		{"low delay", Options{Bitrate: 128_000, Application: LowDelay, Frame: 10 * time.Millisecond}, 15},
		{"most", Options{Bitrate: MaxBitrate, Channels: 2, Application: Audio}, 20},
	} {
		t.Run(test.name, func(t *testing.T) {
			channels := max(test.Channels, 1)
			pcm := voice(channels, time.Second)
			e, d := newEncoder(t, test.Options), newDecoder(t, channels)
			var out []int16
			var size int
			for _, packet := range encodeAll(t, e, channels, pcm) {
				frame := time.Duration(e.Samples()) * time.Second / Rate
				if got, err := Duration(packet); err != nil || got != frame {
					t.Fatalf("a packet of %v, %v; want %v", got, err, frame)
				}
				size += len(packet)
				var err error
				if out, err = d.Decode(packet, out); err != nil {
					t.Fatal(err)
				}
			}
			if len(out) != len(pcm) {
				t.Fatalf("%d samples went in, %d came out", len(pcm), len(out))
			}
			ratio, delay := aligned(pcm, out, channels)
			rate := bitrate.Of(size, time.Second)
			t.Logf("SNR %.1f dB, delay %.2f ms (said: %v), %v", ratio, float64(delay)/48, e.Delay(), rate)
			if ratio < test.least {
				t.Errorf("SNR %.1f dB, want %v or more", ratio, test.least)
			}
			if said := samplesIn(e.Delay()); delay < said-96 || delay > said+96 {
				t.Errorf("delay of %d samples, want %d as Delay says", delay, said)
			}
			if rate > test.Bitrate*11/10 {
				t.Errorf("took %v of %v", rate, test.Bitrate)
			}
		})
	}
}

func TestBitrateFollows(t *testing.T) {
	e := newEncoder(t, Options{})
	pcm := voice(1, time.Second)
	size := func(rate bitrate.Bitrate) (total int) {
		e.SetBitrate(rate)
		for _, packet := range encodeAll(t, e, 1, pcm) {
			total += len(packet)
		}
		return total
	}
	for _, rate := range []bitrate.Bitrate{10_000, 16_000, 24_000, 64_000, 10_000} {
		if got := bitrate.Of(size(rate), time.Second); got > rate*115/100 || got < rate*6/10 {
			t.Errorf("asked for %v, got %v", rate, got)
		}
	}
	if low, least := size(1), size(MinBitrate); low > least*11/10 {
		t.Errorf("1 bit/s took %d bytes, the least %d", low, least)
	}
	if high, most := size(MaxBitrate), size(1e12); most > high*11/10 || most < 50*1000 {
		t.Errorf("1 Tbit/s took %d bytes, the most %d", most, high)
	}
}

// TestAnyBitrateIsHeard goes from each rate to each other; gopus alone falls silent on some of these ways.
func TestAnyBitrateIsHeard(t *testing.T) {
	rates := []bitrate.Bitrate{10_000, 12_000, 16_000, 24_000, 64_000}
	pcm := voice(1, 300*time.Millisecond)
	for _, o := range []Options{{}, {Frame: 10 * time.Millisecond}} {
		for _, loss := range []float64{0, 0.2} {
			for _, from := range rates {
				for _, to := range rates {
					e, d := newEncoder(t, o), newDecoder(t, 1)
					e.SetLoss(loss)
					e.SetBitrate(from)
					for _, packet := range encodeAll(t, e, 1, pcm[:Rate/10]) {
						if _, err := d.Decode(packet, nil); err != nil {
							t.Fatal(err)
						}
					}
					e.SetBitrate(to)
					out := lose(t, d, encodeAll(t, e, 1, pcm), 20*time.Millisecond, func(int) bool { return false }, false)
					const skip = Rate / 10 // in which a band may fade
					if ratio, _ := aligned(pcm[skip:], out[skip:], 1); ratio < 1.5 {
						t.Errorf("%+v, loss %v, from %v to %v: SNR %.1f dB", o, loss, from, to, ratio)
					}
				}
			}
		}
	}
}

// TestTakingOverIsSmooth: where one encoder takes over from the other there is neither a gap nor a click.
func TestTakingOverIsSmooth(t *testing.T) {
	pcm := voice(1, 2*time.Second)
	e, d := newEncoder(t, Options{}), newDecoder(t, 1)
	var out []int16
	for n := range len(pcm) / 960 {
		e.SetBitrate([2]bitrate.Bitrate{16_000, 24_000}[n/10%2])
		packet, err := e.Encode(pcm[n*960:][:960], nil)
		if err == nil {
			out, err = d.Decode(packet, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	delay := samplesIn(e.Delay())
	for n := 10; n < len(pcm)/960-1; n += 10 { // the frames after the change
		from := n * 960
		if ratio := snr(pcm[from:][:960], out[from+delay:][:960]); ratio < 3 {
			t.Errorf("frame %d, the first of another encoder: SNR %.1f dB", n, ratio)
		}
	}
}

func TestSilenceWithDTX(t *testing.T) {
	e := newEncoder(t, Options{DTX: true})
	silence := make([]int16, Rate*2)
	sent := 0
	for _, packet := range encodeAll(t, e, 1, silence)[50:] {
		if len(packet) > 2 {
			sent++
		}
	}
	if sent == 0 || sent > 5 {
		t.Errorf("a second of silence took %d packets of 50, want about one in 400 ms", sent)
	}
}

// lose decodes packets with losses, and counts how frames were made up. With fec the frame before one that came is taken from it.
func lose(t testing.TB, d Decoder, packets [][]byte, frame time.Duration, lost func(int) bool, fec bool) (out []int16) {
	t.Helper()
	var err error
	missing := 0
	for n, packet := range packets {
		if lost(n) {
			missing++
			continue
		}
		for ; missing > 0 && err == nil; missing-- {
			if fec && missing == 1 {
				out, err = d.DecodeFEC(packet, frame, out)
			} else {
				out, err = d.Conceal(frame, out)
			}
		}
		if err == nil {
			out, err = d.Decode(packet, out)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestFECHelps: one packet in ten is lost. Only the frames that were lost are compared, with what they are without loss.
func TestFECHelps(t *testing.T) {
	for _, frame := range []time.Duration{10 * time.Millisecond, 20 * time.Millisecond} {
		for _, rate := range []bitrate.Bitrate{24_000, 32_000, 64_000} {
			pcm := voice(1, 2*time.Second)
			e := newEncoder(t, Options{Bitrate: rate, Frame: frame})
			e.SetLoss(0.1)
			packets := encodeAll(t, e, 1, pcm)
			size := 0
			for _, packet := range packets {
				size += len(packet)
			}
			isLost := func(n int) bool { return n%10 == 7 }
			whole := lose(t, newDecoder(t, 1), packets, frame, func(int) bool { return false }, false)
			concealed := lose(t, newDecoder(t, 1), packets, frame, isLost, false)
			repaired := lose(t, newDecoder(t, 1), packets, frame, isLost, true)
			var of, c, r []int16
			for n := range packets {
				if from, to := n*e.Samples(), (n+1)*e.Samples(); isLost(n) && to <= len(concealed) {
					of, c, r = append(of, whole[from:to]...), append(c, concealed[from:to]...), append(r, repaired[from:to]...)
				}
			}
			without, with := snr(of, c), snr(of, r)
			t.Logf("%v, %v (took %v): lost frames have an SNR of %.1f dB concealed, %.1f dB from copies",
				frame, rate, bitrate.Of(size, 2*time.Second), without, with)
			if with < without+3 {
				t.Errorf("%v: copies give %.1f dB, concealment %.1f dB", rate, with, without)
			}
		}
	}
}

// TestCopiesWhereTheyPay: they cost rate, so there are none while hardly anything is lost.
func TestCopiesWhereTheyPay(t *testing.T) {
	pcm := voice(1, time.Second)
	for _, test := range []struct {
		loss   float64
		rate   bitrate.Bitrate
		frame  time.Duration
		copies bool
	}{
		{0, 64_000, 20 * time.Millisecond, false}, {0.005, 64_000, 20 * time.Millisecond, false}, {math.NaN(), 64_000, 20 * time.Millisecond, false},
		{-1, 64_000, 20 * time.Millisecond, false}, {0.01, 18_000, 20 * time.Millisecond, true}, {0.01, 21_000, 10 * time.Millisecond, true},
		{0.05, 40_000, 20 * time.Millisecond, true}, {0.3, 18_000, 20 * time.Millisecond, true}, {9, 32_000, 20 * time.Millisecond, true},
		{0.05, 12_000, 20 * time.Millisecond, false},
	} {
		e := newEncoder(t, Options{Bitrate: test.rate, Frame: test.frame})
		e.SetLoss(test.loss)
		packets := encodeAll(t, e, 1, pcm)
		copies := 0
		for _, packet := range packets {
			if gopus.PacketHasLBRR(packet) {
				copies++
			}
		}
		if got := copies > len(packets)/2; got != test.copies {
			t.Errorf("%+v: %d of %d packets carry copies", test, copies, len(packets))
		}
	}
}

// TestConcealmentFades: a stream that ends is not a tone for ever. libopus keeps a little noise as well.
func TestConcealmentFades(t *testing.T) {
	d := newDecoder(t, 1)
	for _, packet := range encodeAll(t, newEncoder(t, Options{}), 1, voice(1, time.Second)) {
		if _, err := d.Decode(packet, nil); err != nil {
			t.Fatal(err)
		}
	}
	power := func(pcm []int16) (sum float64) {
		for _, s := range pcm {
			sum += float64(s) * float64(s)
		}
		return sum / float64(len(pcm))
	}
	var first, last float64
	for n := range 50 {
		pcm, err := d.Conceal(20*time.Millisecond, nil)
		if err != nil || len(pcm) != 960 {
			t.Fatal(len(pcm), err)
		}
		if n == 0 {
			first = power(pcm)
		}
		last = power(pcm)
	}
	if first < 100*100 || last > first/50 {
		t.Errorf("power of the first concealed frame %.0f, after a second %.0f; want sound, then next to none", first, last)
	}
}

// oracle decodes with libopus.
type oracle struct {
	input bytes.Buffer
}

func (o *oracle) call(kind byte, samples int, packet []byte) {
	o.input.WriteByte(kind)
	_ = binary.Write(&o.input, binary.LittleEndian, [2]uint32{uint32(samples), uint32(len(packet))})
	o.input.Write(packet)
}

func (o *oracle) run(t testing.TB, channels int) []int16 {
	t.Helper()
	python := testenv.Tool(t, "python3")
	if err := exec.Command(python, "-c", `import ctypes; ctypes.CDLL("libopus.so.0")`).Run(); err != nil {
		t.Skip("skipped: the comparison with libopus needs libopus.so.0 (Debian's libopus0)")
	}
	command := exec.Command(python, filepath.Join("testdata", "libopus.py"), strconv.Itoa(channels))
	command.Stdin = &o.input
	var stderr bytes.Buffer
	command.Stderr = &stderr
	raw, err := command.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	out := make([]int16, len(raw)/2)
	_ = binary.Read(bytes.NewReader(raw), binary.LittleEndian, out)
	return out
}

// TestAsLibopus decodes the same packets with libopus. Without losses the sound must be the same; with losses, concealed and repaired,
// it must be as close to the sound without losses as libopus gets, whose versions differ in what they make up.
func TestAsLibopus(t *testing.T) {
	for _, test := range []struct {
		name string
		Options
		loss float64
	}{
		{"speech", Options{Bitrate: 24_000}, 0},
		{"stereo", Options{Bitrate: 64_000, Channels: 2}, 0},
		{"silence", Options{Bitrate: 24_000, DTX: true}, 0},
		{"audio", Options{Bitrate: 96_000, Channels: 2, Application: Audio}, 0},
		{"lossy speech", Options{Bitrate: 24_000}, 0.2},
		{"lossy 10 ms", Options{Bitrate: 32_000, Frame: 10 * time.Millisecond}, 0.2},
		{"lossy stereo", Options{Bitrate: 64_000, Channels: 2}, 0.2},
		{"lossy low delay", Options{Bitrate: 64_000, Application: LowDelay}, 0.2},
	} {
		t.Run(test.name, func(t *testing.T) {
			channels := max(test.Channels, 1)
			pcm := voice(channels, time.Second)
			if test.DTX {
				clear(pcm[len(pcm)/2:])
			}
			e, d := newEncoder(t, test.Options), newDecoder(t, channels)
			e.SetLoss(test.loss)
			frame := time.Duration(e.Samples()) * time.Second / Rate
			packets := encodeAll(t, e, channels, pcm)
			whole := lose(t, newDecoder(t, channels), packets, frame, func(int) bool { return false }, false)
			random := rand.New(rand.NewPCG(7, 7))
			var reference oracle
			var ours []int16
			var err error
			missing := 0
			for n, packet := range packets {
				if n > 0 && n < len(packets)-1 && random.Float64() < test.loss {
					missing++
					continue
				}
				for ; missing > 0 && err == nil; missing-- {
					if missing == 1 {
						reference.call(1, e.Samples(), packet)
						ours, err = d.DecodeFEC(packet, frame, ours)
					} else {
						reference.call(2, e.Samples(), nil)
						ours, err = d.Conceal(frame, ours)
					}
				}
				reference.call(0, e.Samples(), packet)
				if err == nil {
					ours, err = d.Decode(packet, ours)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			theirs := reference.run(t, channels)
			if len(ours) != len(theirs) {
				t.Fatalf("%d samples, libopus gives %d", len(ours), len(theirs))
			}
			if test.loss == 0 {
				if ratio := snr(theirs, ours); ratio < 60 {
					t.Errorf("differs from libopus by %.1f dB", -ratio)
				}
				return
			}
			got, want := snr(whole, ours), snr(whole, theirs)
			t.Logf("with losses: SNR %.1f dB, libopus %.1f dB", got, want)
			if got < want-1 {
				t.Errorf("with losses: SNR %.1f dB, libopus %.1f dB", got, want)
			}
		})
	}
}

func TestArguments(t *testing.T) {
	for _, o := range []Options{{Channels: 3}, {Channels: -1}, {Frame: 15 * time.Millisecond}} {
		if _, err := NewEncoder(o); !errors.Is(err, ErrArgument) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := NewDecoder(3); !errors.Is(err, ErrArgument) {
		t.Error(err)
	}
	if _, err := newEncoder(t, Options{}).Encode(make([]int16, 480), nil); !errors.Is(err, ErrArgument) {
		t.Error(err)
	}
	d := newDecoder(t, 1)
	for _, lost := range []time.Duration{0, -time.Second, time.Millisecond, 122500 * time.Microsecond, time.Hour} {
		if _, err := d.Conceal(lost, nil); !errors.Is(err, ErrArgument) {
			t.Errorf("%v concealed: %v", lost, err)
		}
		if _, err := d.DecodeFEC([]byte{0xf8, 0xff, 0xfe}, lost, nil); !errors.Is(err, ErrArgument) {
			t.Errorf("%v: %v", lost, err)
		}
	}
	for _, packet := range [][]byte{nil, {3}, {3, 0}, {0xff, 63}, make([]byte, maxReceived+1)} {
		if _, err := d.Decode(packet, nil); !errors.Is(err, ErrPacket) {
			t.Errorf("%d bytes: %v", len(packet), err)
		}
	}
	if pcm, err := d.Decode([]byte{0xf8, 0xff, 0xfe}, nil); err != nil || len(pcm) != 960 { // of silence
		t.Errorf("after errors: %d samples, %v", len(pcm), err)
	}
}

// TestPanicIsAnError injects a panic of the library.
func TestPanicIsAnError(t *testing.T) {
	made := newDecoder(t, 1)
	d := made.(*decoder)
	d.gopus = nil
	out := []int16{1, 2}
	out, err := d.Decode([]byte{0xf8, 0xff, 0xfe}, out)
	if !errors.Is(err, ErrPacket) || len(out) != 2 || d.Panics() != 1 {
		t.Errorf("%d samples, %v, %d panics", len(out), err, d.Panics())
	}
	if out, err = d.Decode([]byte{0xf8, 0xff, 0xfe}, out); err != nil || len(out) != 962 {
		t.Errorf("after a panic: %d samples, %v", len(out), err)
	}
}

func TestInt16(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int16().Draw(t, "n")
		if got := toInt16(float32(n) / 32768); got != n {
			t.Fatalf("%d became %d", n, got)
		}
	})
	for in, want := range map[float32]int16{1: 32767, 2: 32767, -1: -32768, -9: -32768, float32(math.NaN()): 0, float32(math.Inf(-1)): -32768} {
		if got := toInt16(in); got != want {
			t.Errorf("%v became %d, want %d", in, got, want)
		}
	}
}

func TestNothingIsAllocated(t *testing.T) {
	pcm := voice(1, time.Second)
	e, d := newEncoder(t, Options{}), newDecoder(t, 1)
	packets := encodeAll(t, e, 1, pcm)
	packet, out := make([]byte, 0, MaxPacket), make([]int16, 0, samplesIn(MaxDuration))
	n := 0
	frame := func() {
		_, err := e.Encode(pcm[n%50*960:][:960], packet)
		_, err2 := d.Decode(packets[n%50], out)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		n++
	}
	for range 100 { // the library grows its memory as it goes
		frame()
	}
	if got := testing.AllocsPerRun(200, frame); got != 0 {
		t.Errorf("%v allocations a frame", got)
	}
}

// FuzzDecoder feeds a decoder a stream of a stranger's packets, losses among them, and then a good one.
func FuzzDecoder(f *testing.F) {
	pcm := voice(2, 100*time.Millisecond)
	for _, o := range []Options{{Channels: 2}, {Channels: 2, Application: Audio, Bitrate: 96_000}, {Channels: 2, Application: LowDelay}} {
		e := newEncoder(f, o)
		e.SetLoss(0.2)
		var stream []byte
		for n, packet := range encodeAll(f, e, 2, pcm) {
			stream = append(stream, byte(n), byte(len(packet)))
			stream = append(stream, packet...)
		}
		f.Add(stream)
	}
	f.Add([]byte{0, 3, 0xff, 0xff, 0xff, 1, 1, 3, 2, 9, 0x03, 0xc1, 0xff, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, stream []byte) {
		made := newDecoder(t, 2)
		out := make([]int16, 0, 2*samplesIn(MaxDuration))
		for len(stream) >= 2 {
			how, length := stream[0], int(stream[1])
			packet := stream[2:][:min(length, len(stream)-2)]
			stream = stream[2+len(packet):]
			want, err := Duration(packet)
			pcm, decodeErr := made.Decode(packet, out)
			if how&1 != 0 {
				pcm, decodeErr = made.DecodeFEC(packet, time.Duration(how>>1)*concealStep, out)
				want = time.Duration(how>>1) * concealStep
			}
			if decodeErr == nil && (err != nil || len(pcm) != 2*samplesIn(want)) {
				t.Fatalf("%d samples, want %v (%v)", len(pcm), want, err)
			}
			if decodeErr != nil && !errors.Is(decodeErr, ErrPacket) && !errors.Is(decodeErr, ErrArgument) {
				t.Fatal(decodeErr)
			}
		}
		if made.Panics() > 0 {
			t.Fatalf("%d packets made the library panic", made.Panics())
		}
		if pcm, err := made.Decode([]byte{0xfc, 0xff, 0xfe}, out); err != nil || len(pcm) != 1920 {
			t.Fatalf("the good packet after them: %d samples, %v", len(pcm), err)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	for name, loss := range map[string]float64{"alone": 0, "copies": 0.05} {
		b.Run(name, func(b *testing.B) {
			pcm := voice(1, time.Second)
			e := newEncoder(b, Options{Bitrate: 32_000})
			e.SetLoss(loss)
			encodeAll(b, e, 1, pcm) // the library grows its memory as it goes
			packet := make([]byte, 0, MaxPacket)
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if _, err := e.Encode(pcm[n%50*960:][:960], packet); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	e := newEncoder(b, Options{Bitrate: 32_000})
	e.SetLoss(0.05)
	packets := encodeAll(b, e, 1, voice(1, time.Second))
	out := make([]int16, 0, 960)
	for name, decode := range map[string]func(Decoder, []byte) error{
		"whole": func(d Decoder, packet []byte) error { _, err := d.Decode(packet, out); return err },
		"copy": func(d Decoder, packet []byte) error {
			_, err := d.DecodeFEC(packet, 20*time.Millisecond, out)
			return err
		},
		"conceal": func(d Decoder, _ []byte) error { _, err := d.Conceal(20*time.Millisecond, out); return err },
	} {
		b.Run(name, func(b *testing.B) {
			d := newDecoder(b, 1)
			for _, packet := range packets {
				if _, err := d.Decode(packet, out); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if err := decode(d, packets[n%50]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
