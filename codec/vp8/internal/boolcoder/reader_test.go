package boolcoder

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// rfcReader is the decoder of RFC 6386, section 7.3, as it stands there: two bytes of value, one bit shifted at a time. A value
// above the range, which no encoder makes but a hostile stream can begin with, loses its top bits, as in libvpx.
type rfcReader struct {
	data   []byte
	value  uint32
	rng    uint32
	count  int // shifts since the last byte came in
	shifts int // all shifts
}

func newRFCReader(data []byte) *rfcReader {
	r := &rfcReader{data: data, rng: 255}
	r.value = r.next()<<8 | r.next()
	return r
}

func (r *rfcReader) next() uint32 {
	if len(r.data) == 0 {
		return 0
	}
	b := r.data[0]
	r.data = r.data[1:]
	return uint32(b)
}

func (r *rfcReader) Bool(p uint8) bool {
	split := 1 + ((r.rng-1)*uint32(p))>>8
	bit := r.value >= split<<8
	if bit {
		r.rng -= split
		r.value -= split << 8
	} else {
		r.rng = split
	}
	for r.rng < 128 {
		r.value = r.value << 1 & 0xffff
		r.rng <<= 1
		r.shifts++
		if r.count++; r.count == 8 {
			r.count = 0
			r.value |= r.next()
		}
	}
	return bit
}

// checkReader reads data with all the probabilities in turn and compares each bool, and how far the data was overrun, with the
// RFC's decoder.
func checkReader(t rapid.TB, data, probs []byte) {
	r, want := NewReader(data), newRFCReader(data)
	before := 0
	for i, p := range probs {
		if got, want := r.Bool(p), want.Bool(p); got != want {
			t.Fatalf("bool %d is %v, want %v", i, got, want)
		}
		over := r.Overrun()
		if over != max(0, want.shifts-8*len(data)) {
			t.Fatalf("after bool %d: overrun of %d bits, want %d bits of %d bytes", i, over, want.shifts, len(data))
		}
		if over < before {
			t.Fatalf("after bool %d the overrun fell from %d to %d", i, before, over)
		}
		before = over
	}
}

// checkRun does the same with a Run, which is filled as late as it may be, and each way to decode a bool.
func checkRun(t rapid.TB, data, probs []byte) {
	r, want := NewReader(data), newRFCReader(data)
	run := r.Begin()
	left := 0 // bools that there are the bits for
	for i, p := range probs {
		if left--; left < 0 {
			if !run.Ready() {
				run = r.Fill(run)
			}
			left = ReadyBools - 1
		}
		var got bool
		switch {
		case p == 128 && i%2 == 0:
			var sign int
			run, sign = run.Sign()
			got = sign == -1
			if sign != 0 && sign != -1 {
				t.Fatalf("bool %d has the sign %d", i, sign)
			}
		case i%3 == 0:
			cut := run.Cut(p)
			if got = run.True(cut); got {
				run = run.AfterTrue(cut)
			} else {
				run = run.AfterFalse(cut)
			}
		default:
			run, got = run.Bool(p)
		}
		if want := want.Bool(p); got != want {
			t.Fatalf("bool %d of a run is %v, want %v", i, got, want)
		}
		r.End(run)
		if over := r.Overrun(); over != max(0, want.shifts-8*len(data)) {
			t.Fatalf("after bool %d of a run: overrun of %d bits, want %d bits of %d bytes", i, over, want.shifts, len(data))
		}
	}
}

func TestReaderIsTheRFCs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		probs := rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.Just(byte(128))), 0, 600).Draw(t, "probabilities")
		checkReader(t, data, probs)
		checkRun(t, data, probs)
	})
}

// TestReaderStaysInside: what lies behind the data in memory is not read.
func TestReaderStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		n := rapid.IntRange(0, len(whole)).Draw(t, "length")
		inside, alone := NewReader(whole[:n]), NewReader(bytes.Clone(whole[:n]))
		for i := range 400 {
			if inside.Flag() != alone.Flag() || inside.Overrun() != alone.Overrun() {
				t.Fatalf("bit %d depends on what lies behind the data", i)
			}
		}
	})
}

// TestEndAfter: a Reader goes on behind what was loaded elsewhere, though the window has the first bits of the next byte.
func TestEndAfter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
		before, between := rapid.IntRange(0, 300).Draw(t, "before"), rapid.IntRange(0, 300).Draw(t, "between")
		r, want := NewReader(data), NewReader(data)
		for range before {
			r.Flag()
			want.Flag()
		}
		run, rest := r.Begin(), r.Rest()
		elsewhere := NewReader(rest)
		for i := range between {
			if run.Spare < 0 {
				run = elsewhere.Fill(run)
			}
			var bit bool
			if run, bit = run.Bool(128); bit != want.Flag() {
				t.Fatalf("bit %d elsewhere is %v", i, bit)
			}
		}
		loaded := elsewhere.pos + elsewhere.padded/8
		if elsewhere.pos < len(rest) {
			run.Window |= uint64(rest[elsewhere.pos]) << 48 >> uint(run.Spare)
		}
		r.EndAfter(run, loaded)
		for i := range 100 {
			if r.Overrun() != want.Overrun() {
				t.Fatalf("overrun of %d bits, want %d", r.Overrun(), want.Overrun())
			}
			if bit := r.Flag(); bit != want.Flag() {
				t.Fatalf("bit %d behind it is %v", i, bit)
			}
		}
	})
}

func TestReaderOfNothing(t *testing.T) {
	r := NewReader(nil)
	if r.Overrun() != 0 {
		t.Errorf("overrun of %d before the first bool", r.Overrun())
	}
	if v := r.Literal(20); v != 0 {
		t.Errorf("Literal gives %d, want the zeros that follow the end", v)
	}
	if r.Overrun() == 0 {
		t.Error("no overrun after 20 bits of no data")
	}
}

// TestReaderCopies: a copy reads on from the same place, and neither disturbs the other.
func TestReaderCopies(t *testing.T) {
	data := make([]byte, 64)
	for i := range data {
		data[i] = byte(i * 37)
	}
	r := NewReader(data)
	r.Literal(29)
	a, b := r, r
	first := a.Literal(24)
	a.Literal(24)
	if second := b.Literal(24); second != first {
		t.Errorf("the copies read %x and %x", first, second)
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{}, []byte{128})
	f.Add([]byte{0xff, 0xff}, bytes.Repeat([]byte{0, 1, 128, 254, 255}, 20))
	f.Add(bytes.Repeat([]byte{0xa5}, 30), bytes.Repeat([]byte{200, 13}, 200))
	f.Fuzz(func(t *testing.T, data, probs []byte) {
		checkReader(t, data, probs)
		checkRun(t, data, probs)
	})
}
