package boolcoder

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// probability draws those at the ends of the range more often.
var probability = rapid.OneOf(rapid.Uint8Range(1, 255), rapid.SampledFrom([]uint8{1, 2, 127, 128, 129, 254, 255}))

func TestBoolsRoundTrip(t *testing.T) {
	type symbol struct {
		bit  bool
		prob uint8
		run  int // how often in a row
	}
	rapid.Check(t, func(t *rapid.T) {
		symbols := rapid.SliceOf(rapid.Custom(func(t *rapid.T) symbol {
			return symbol{rapid.Bool().Draw(t, "bit"), probability.Draw(t, "prob"), rapid.IntRange(1, 40).Draw(t, "run")}
		})).Draw(t, "symbols")
		prefix := rapid.SliceOfN(rapid.SampledFrom([]byte{0, 255}), 0, 4).Draw(t, "prefix")
		var w Writer
		w.Reset(bytes.Clone(prefix))
		for _, s := range symbols {
			for range s.run {
				w.Bool(s.bit, s.prob)
			}
		}
		out := w.Finish()
		if !bytes.HasPrefix(out, prefix) {
			t.Fatalf("what was in the buffer before, %x, became %x", prefix, out[:len(prefix)])
		}
		r := NewReader(out[len(prefix):])
		for i, s := range symbols {
			for range s.run {
				if r.Bool(s.prob) != s.bit {
					t.Fatalf("symbol %d came back wrong", i)
				}
			}
		}
		if r.Overrun() != 0 {
			t.Fatalf("a decoder needs %d bits behind the partition", r.Overrun())
		}
	})
}

// rfcWriter is the encoder of RFC 6386, section 7.3: a byte leaves as soon as it is whole, a bit shifted at a time.
type rfcWriter struct {
	out    []byte
	bottom uint32
	rng    uint32
	count  int // shifts until the next byte
}

func (w *rfcWriter) Bool(b bool, p uint8) {
	split := 1 + ((w.rng-1)*uint32(p))>>8
	if b {
		w.bottom += split
		w.rng -= split
	} else {
		w.rng = split
	}
	for w.rng < 128 {
		w.rng <<= 1
		if w.bottom>>31 != 0 {
			i := len(w.out) - 1
			for ; w.out[i] == 255; i-- {
				w.out[i] = 0
			}
			w.out[i]++
		}
		w.bottom <<= 1
		if w.count--; w.count == 0 {
			w.out = append(w.out, byte(w.bottom>>24))
			w.bottom &= 1<<24 - 1
			w.count = 8
		}
	}
}

// TestWriterIsTheRFCs: bools one by one, and in lists, become the RFC's bytes, and Len always says how many those are so far.
func TestWriterIsTheRFCs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		spread := 1 + rng.IntN(255) // of the probabilities around an end of the range
		var table Table
		for i := range table {
			if table[i] = uint8(1 + rng.IntN(spread)); rng.IntN(2) == 0 {
				table[i] = -table[i]
			}
		}
		want := rfcWriter{rng: 255, count: 24}
		var w, lists Writer
		w.Reset(nil)
		lists.Reset(nil)
		for range rapid.IntRange(0, 30).Draw(t, "lists") {
			var list List
			for range rng.IntN(60) {
				i, bit := rng.IntN(TableSize), rng.IntN(256) >= rng.IntN(256)
				if rng.IntN(20) > 0 {
					bit = rng.IntN(256) >= int(table[i])
				}
				c := uint16(2 * i)
				if bit {
					c++
				}
				list = binary.LittleEndian.AppendUint16(list, c)
				want.Bool(bit, table[i])
				w.Bool(bit, table[i])
				if w.Len() != len(want.out) {
					t.Fatalf("%d bytes are said to be out, want %d", w.Len(), len(want.out))
				}
			}
			if lists.List(list, &table); lists.Len() != len(want.out) {
				t.Fatalf("behind a list %d bytes are said to be out, want %d", lists.Len(), len(want.out))
			}
		}
		for range 32 {
			want.Bool(false, 128)
		}
		if got := w.Finish(); !bytes.Equal(got, want.out) {
			t.Fatalf("bools become\n%x, want\n%x", got, want.out)
		}
		if got := lists.Finish(); !bytes.Equal(got, want.out) {
			t.Fatalf("lists become\n%x, want\n%x", got, want.out)
		}
	})
}

// TestCarries makes carries into bytes that are out already, also through bytes of 255, and checks that there were some. They
// are rare by chance, since the Writer holds back 16 bits or more. But where the code must end up just above a number with many
// zeros at its end, the lower end of the interval stays just below it, with as many ones, until a true carries it over.
func TestCarries(t *testing.T) {
	carries, long := 0, 0
	for seed := range uint64(300) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var code []byte
		for range 20 {
			code = append(code, byte(rng.IntN(255)), byte(rng.IntN(255)))
			code = append(code, make([]byte, 1+rng.IntN(8))...)
		}
		source := NewReader(code)
		var w Writer
		w.Reset(nil)
		var bits []bool
		var probs []uint8
		for source.Overrun() == 0 {
			before := bytes.Clone(w.buf)
			p := uint8(1 + rng.IntN(255))
			bit := source.Bool(p)
			w.Bool(bit, p)
			bits, probs = append(bits, bit), append(probs, p)
			if n := len(before); n > 0 && before[n-1] != w.buf[n-1] {
				carries++
				if n > 1 && before[n-2] != w.buf[n-2] {
					long++
				}
			}
		}
		r := NewReader(w.Finish())
		for i, p := range probs {
			if r.Bool(p) != bits[i] {
				t.Fatalf("seed %d: bool %d came back wrong", seed, i)
			}
		}
	}
	if carries < 100 || long < 10 {
		t.Errorf("%d carries, %d through a byte of 255: this tests less than it seems to", carries, long)
	}
}

var exampleTree = []int8{-0, 2, 4, 6, -1, -2, -3, 8, -4, -5} // leaves 0 to 5

func TestValuesRoundTrip(t *testing.T) {
	paths := Paths(exampleTree, 6)
	type value struct{ kind, v, n int }
	rapid.Check(t, func(t *rapid.T) {
		probs := rapid.SliceOfN(probability, 5, 5).Draw(t, "probs")
		values := rapid.SliceOf(rapid.Custom(func(t *rapid.T) value {
			x := value{kind: rapid.IntRange(0, 4).Draw(t, "kind"), n: rapid.IntRange(1, 24).Draw(t, "bits")}
			limit := 1<<x.n - 1
			switch x.kind {
			case 0:
				x.v = rapid.IntRange(0, 1).Draw(t, "flag")
			case 1:
				x.v = rapid.IntRange(0, limit).Draw(t, "literal")
			case 2, 3:
				x.v = rapid.IntRange(-limit, limit).Draw(t, "signed")
			case 4:
				x.v = rapid.IntRange(0, 5).Draw(t, "leaf")
			}
			return x
		})).Draw(t, "values")
		var w Writer
		w.Reset(nil)
		for _, x := range values {
			switch x.kind {
			case 0:
				w.Flag(x.v != 0)
			case 1:
				w.Literal(x.v, x.n)
			case 2:
				w.Signed(x.v, x.n)
			case 3:
				w.OptionalSigned(x.v, x.n)
			case 4:
				w.Path(&paths[x.v], probs)
			}
		}
		r := NewReader(w.Finish())
		for i, x := range values {
			var got int
			switch x.kind {
			case 0:
				got = r.Bit(128)
			case 1:
				got = r.Literal(x.n)
			case 2:
				got = r.Signed(x.n)
			case 3:
				got = r.OptionalSigned(x.n)
			case 4:
				got = r.Tree(exampleTree, probs)
			}
			if got != x.v {
				t.Fatalf("value %d: got %d, want %+v", i, got, x)
			}
		}
	})
}

func TestPaths(t *testing.T) {
	for leaf, want := range []struct {
		bits uint16
		node []uint8
	}{
		{0b0, []uint8{0}},
		{0b100, []uint8{0, 1, 2}},
		{0b101, []uint8{0, 1, 2}},
		{0b110, []uint8{0, 1, 3}},
		{0b1110, []uint8{0, 1, 3, 4}},
		{0b1111, []uint8{0, 1, 3, 4}},
	} {
		p := Paths(exampleTree, 6)[leaf]
		if p.Bits != want.bits || int(p.Len) != len(want.node) || !bytes.Equal(p.Node[:p.Len], want.node) {
			t.Errorf("leaf %d: bits %b, %d nodes %v; want %b, %v", leaf, p.Bits, p.Len, p.Node[:p.Len], want.bits, want.node)
		}
	}
}

// TestResetReusesMemory: a Writer that is reset writes the same as a new one, into the memory it is given.
func TestResetReusesMemory(t *testing.T) {
	var w Writer
	w.Reset(nil)
	w.Literal(12345, 20)
	first := bytes.Clone(w.Finish())
	buf := make([]byte, 0, 100)
	w.Reset(buf)
	w.Literal(12345, 20)
	if again := w.Finish(); !bytes.Equal(again, first) || &again[0] != &buf[:1][0] {
		t.Errorf("after Reset %x, want %x in the same memory", again, first)
	}
}
