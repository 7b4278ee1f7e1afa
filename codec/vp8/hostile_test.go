package vp8

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
)

// What comes from the network is hostile. Whatever the bytes, Decode returns, its error is one of the package's, the State that
// it started from is as before, and memory stays in proportion to the bytes.

// refuses checks that a frame is refused with an error of kind want (nil: any of the package's), that the State does not
// change, and that Inspect does not panic on it.
func refuses(t *testing.T, s *State, frame []byte, want error) {
	t.Helper()
	before := traceOf(s)
	next, shown, err := Decode(s, frame)
	if err == nil || next != nil || shown != nil {
		t.Fatalf("Decode gave a State and no error, want the error %v", want)
	}
	if want == nil && !isTyped(err) || want != nil && !errors.Is(err, want) {
		t.Fatalf("Decode gave the error %v, want %v", err, want)
	}
	if traceOf(s) != before {
		t.Fatalf("a failed Decode (%v) changed its State", err)
	}
	if _, err := Inspect(s, frame); err != nil && !isTyped(err) {
		t.Fatalf("Inspect gave the error %v", err)
	}
}

// allocated gives how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// shortStream makes a key frame and interframes with all counts of partitions.
func shortStream(seed uint64, width, height int) [][]byte {
	m := newMaker(seed, width, height)
	var frames [][]byte
	for i, partitions := range []int{1, 8, 2, 1, 4} {
		frames = append(frames, m.frame(i == 0, func(f *header.Frame) {
			f.Partitions = partitions
			if i == 0 {
				f.Show = true
			}
		}))
	}
	return frames
}

// headBytes is how much of a frame must be there before any of it can be decoded: all but the token partitions.
func headBytes(t *testing.T, frame []byte) int {
	t.Helper()
	f, _, _, err := header.Parse(frame, &header.Context{})
	if err != nil {
		t.Fatal(err)
	}
	n := 3 + f.FirstSize + 3*(f.Partitions-1)
	if f.Key {
		n += 7
	}
	return n
}

func TestTruncatedFrames(t *testing.T) {
	s := firstState(t, 16, 16)
	for i, frame := range shortStream(1, 20, 16) {
		right := mustDecode(t, s, frame)
		head := headBytes(t, frame)
		for n := range frame {
			if n < head {
				refuses(t, s, frame[:n], ErrTruncated)
				continue
			}
			// Of the token partitions, a tail that no decision needs may be missing.
			if _, _, err := Decode(s, frame[:n]); err != nil {
				refuses(t, s, frame[:n], ErrTruncated)
			}
		}
		if i == 0 {
			refuses(t, s, frame[:head], ErrTruncated) // a token partition of no bytes
		}
		again := mustDecode(t, s, frame)
		if traceOf(again) != traceOf(right) {
			t.Fatalf("frame %d decodes to something else after its parts were refused", i)
		}
		s = right
	}
}

func TestShortInput(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	first := firstState(t, 16, 16)
	second := mustDecode(t, first, shortStream(2, 16, 16)[0])
	for _, s := range []*State{first, second} {
		refuses(t, s, nil, ErrTruncated)
		for n := 1; n < 10; n++ {
			refuses(t, s, make([]byte, n), nil)
			refuses(t, s, bytes.Repeat([]byte{0xff}, n), nil)
			for range 200 {
				frame := make([]byte, n)
				for i := range frame {
					frame[i] = byte(rng.Uint32())
				}
				if _, _, err := Decode(s, frame); err != nil {
					refuses(t, s, frame, nil)
				}
			}
		}
	}
}

// patched gives a frame with some bytes replaced.
func patched(frame []byte, at int, with ...byte) []byte {
	out := bytes.Clone(frame)
	copy(out[at:], with)
	return out
}

// firstSize gives a frame whose tag claims another size of the first partition.
func firstSize(frame []byte, size int) []byte {
	tag := int(frame[0])&31 | size<<5
	return patched(frame, 0, byte(tag), byte(tag>>8), byte(tag>>16))
}

func TestMalformedHeaders(t *testing.T) {
	m := newMaker(4, 40, 40)
	key := m.frame(true, func(f *header.Frame) { f.Partitions = 1 })
	inter := m.frame(false, func(f *header.Frame) { f.Partitions, f.UseSkip = 8, false })
	s := mustDecode(t, firstState(t, 40, 40), key)
	right := traceOf(mustDecode(t, s, inter))
	sizes := headBytes(t, inter) - 21 // of the token partitions

	for _, test := range []struct {
		name  string
		frame []byte
		want  error
	}{
		{"start code 1", patched(key, 3, 0x9c), ErrFormat},
		{"start code 2", patched(key, 4, 0x02), ErrFormat},
		{"start code 3", patched(key, 5, 0x2b), ErrFormat},
		{"width 0", patched(key, 6, 0, 0), ErrSize},
		{"width 0 with scaling bits", patched(key, 6, 0, 0xc0), ErrSize},
		{"height 0", patched(key, 8, 0, 0), ErrSize},
		{"height 0 with scaling bits", patched(key, 8, 0, 0x40), ErrSize},
		{"first partition of 0 bytes", firstSize(key, 0), ErrTruncated},
		{"first partition of 1 byte", firstSize(key, 1), ErrTruncated},
		{"first partition of all bytes and one", firstSize(key, len(key)-9), ErrTruncated},
		{"first partition as large as can be", firstSize(key, 1<<19-1), ErrTruncated},
		{"interframe, first partition of 0 bytes", firstSize(inter, 0), ErrTruncated},
		{"interframe, first partition of 1 byte", firstSize(inter, 1), ErrTruncated},
		{"interframe, first partition of all bytes and one", firstSize(inter, len(inter)-2), ErrTruncated},
		{"token partition 0 as large as can be", patched(inter, sizes, 0xff, 0xff, 0xff), ErrTruncated},
		{"token partition 6 as large as can be", patched(inter, sizes+18, 0xff, 0xff, 0xff), ErrTruncated},
		{"token partition 0 of 0 bytes", patched(inter, sizes, 0, 0, 0), ErrTruncated},
		{"interframe as key frame", patched(inter, 0, inter[0]&^1), ErrFormat},
	} {
		t.Run(test.name, func(t *testing.T) {
			refuses(t, s, test.frame, test.want)
			if traceOf(mustDecode(t, s, inter)) != right {
				t.Fatal("the right frame decodes to something else afterwards")
			}
		})
	}
}

// TestCopyFlags: 3 is not a way to copy a reference.
func TestCopyFlags(t *testing.T) {
	m := newMaker(5, 16, 16)
	s := mustDecode(t, firstState(t, 16, 16), m.frame(true, nil))
	for _, test := range []struct {
		golden, altRef header.Copy
		fine           bool
	}{{2, 2, true}, {3, 0, false}, {0, 3, false}, {3, 3, false}} {
		frame := m.frame(false, func(f *header.Frame) {
			f.RefreshGolden, f.RefreshAltRef = false, false
			f.CopyToGolden, f.CopyToAltRef = test.golden, test.altRef
		})
		if test.fine {
			mustDecode(t, s, frame)
		} else {
			refuses(t, s, frame, ErrFormat)
		}
	}
}

func TestInterframeFirst(t *testing.T) {
	stream := shortStream(6, 20, 20)
	s := firstState(t, 20, 20)
	refuses(t, s, stream[1], ErrNoReference)
	if _, err := Inspect(s, stream[1]); !errors.Is(err, ErrNoReference) {
		t.Errorf("Inspect: error %v, want ErrNoReference", err)
	}
	mustDecode(t, mustDecode(t, s, stream[0]), stream[1])
}

// TestSizeChange: a key frame may change the size, of the first State too, and the States before and after it live side by side.
func TestSizeChange(t *testing.T) {
	m := newMaker(7, 48, 32)
	small := [][]byte{m.frame(true, nil), m.frame(false, nil), m.frame(false, nil)}
	m.width, m.height = 90, 70
	large := [][]byte{m.frame(true, nil), m.frame(false, nil), m.frame(false, nil)}

	s := firstState(t, 1, 1)
	for _, frame := range small[:2] {
		s = mustDecode(t, s, frame)
	}
	if w, h := s.Size(); w != 48 || h != 32 {
		t.Fatalf("size %dx%d, want 48x32", w, h)
	}
	before := traceOf(s)
	after := s
	for _, frame := range large {
		after = mustDecode(t, after, frame)
		if w, h := after.Size(); w != 90 || h != 70 || after.Picture().Rect.Dx() != 90 || after.Picture().Rect.Dy() != 70 {
			t.Fatalf("size %dx%d with a picture of %v, want 90x70", w, h, after.Picture().Rect)
		}
	}
	if traceOf(s) != before {
		t.Fatal("a key frame of another size changed the State before it")
	}
	mustDecode(t, s, small[2])
}

// TestHugeSize: a few bytes that claim a huge picture cost no memory, and a first partition that could just hold the modes of
// one costs a list of macroblocks but no picture.
func TestHugeSize(t *testing.T) {
	keyOf := func(width, height, bytes int) []byte {
		f := header.Frame{Key: true, Width: width, Height: height}
		first := make([]byte, bytes)
		for i := range first {
			first[i] = byte(i * 89) // modes longer than the least
		}
		frame, err := f.Assemble(first, [][]byte{nil})
		if err != nil {
			t.Fatal(err)
		}
		return frame
	}
	s := firstState(t, 16, 16)
	for _, test := range []struct {
		name                 string
		width, height, bytes int
		most                 uint64
	}{
		{"few bytes", 16383, 16383, 100, 1 << 14},
		{"narrow", 16, 16383, 100, 1 << 14},
		{"a quarter of a megabyte", 16383, 16383, 1 << 18, 1 << 14},
		{"as many bytes as the modes take at least", 2048, 2048, 128 * 128 * 3 / 8, 128 * 128 * 128},
	} {
		t.Run(test.name, func(t *testing.T) {
			frame := keyOf(test.width, test.height, test.bytes)
			var err error
			if n := allocated(func() { _, _, err = Decode(s, frame) }); n > test.most {
				t.Errorf("%d bytes that claim %dx%d made Decode allocate %d, want at most %d", len(frame), test.width, test.height, n, test.most)
			}
			if !errors.Is(err, ErrTruncated) {
				t.Errorf("error %v, want ErrTruncated", err)
			}
			refuses(t, s, frame, ErrTruncated)
		})
	}
}

// TestCheapestKeyFrame: the picture with the shortest modes of all is not taken for one that is too short. It is all DC
// prediction without coefficients, which the fixed probabilities of key frames make the cheapest.
func TestCheapestKeyFrame(t *testing.T) {
	const size = 1024
	f := header.Frame{
		Key: true, Show: true, Width: size, Height: size, Partitions: 1, UseSkip: true, ProbSkip: 1,
		SegmentProbs: [3]uint8{255, 255, 255}, Context: header.Context{Probs: entropy.Default},
	}
	var w boolcoder.Writer
	w.Reset(nil)
	f.Write(&w, &header.Context{})
	for range (size / 16) * (size / 16) {
		w.Bool(true, f.ProbSkip)
		w.Path(&entropy.KeyYModePaths[entropy.DCPred], entropy.KeyYMode[:])
		w.Path(&entropy.UVModePaths[entropy.DCPred], entropy.KeyUVMode[:])
	}
	frame, err := f.Assemble(w.Finish(), [][]byte{nil})
	if err != nil {
		t.Fatal(err)
	}
	_, shown, err := Decode(firstState(t, 16, 16), frame)
	if err != nil {
		t.Fatalf("%d bytes for %d macroblocks: %v", len(frame), (size/16)*(size/16), err)
	}
	for i, v := range i420(shown) {
		if v != 128 {
			t.Fatalf("pixel %d is %d, want 128", i, v)
		}
	}
}

// TestBitFlips damages a short stream everywhere: every bit of each frame's beginning, and bits at random further on.
func TestBitFlips(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	s := firstState(t, 40, 24)
	for i, frame := range shortStream(8, 40, 24) {
		right := traceOf(mustDecode(t, s, frame))
		before := traceOf(s)
		bits := make([]int, 0, 1000)
		for bit := range min(60, len(frame)) * 8 {
			bits = append(bits, bit)
		}
		for range 400 {
			bits = append(bits, rng.IntN(8*len(frame)))
		}
		failed := 0
		for _, bit := range bits {
			damaged := patched(frame, bit/8, frame[bit/8]^1<<(bit%8))
			next, _, err := Decode(s, damaged)
			switch {
			case err == nil && next.ID() == right.id:
				t.Fatalf("frame %d, bit %d: another frame, the same name", i, bit)
			case err == nil:
				next.Release()
			case !isTyped(err):
				t.Fatalf("frame %d, bit %d: error %v", i, bit, err)
			default:
				failed++
			}
		}
		if traceOf(s) != before {
			t.Fatalf("frame %d: damaged versions of it changed the State before it", i)
		}
		if failed == 0 {
			t.Errorf("frame %d: no damage was noticed", i)
		}
		next := mustDecode(t, s, frame)
		if traceOf(next) != right {
			t.Fatalf("frame %d decodes to something else after damaged versions of it", i)
		}
		s = next
	}
}

// TestRandomBytes: a right tag and start code and then anything.
func TestRandomBytes(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	s := mustDecode(t, firstState(t, 32, 32), shortStream(9, 32, 32)[0])
	before := traceOf(s)
	decoded := 0
	for range 3000 {
		frame := make([]byte, 10+rng.IntN(400))
		for i := range frame {
			frame[i] = byte(rng.Uint32())
		}
		frame = firstSize(frame, 1+rng.IntN(len(frame)))
		if frame[0]&1 == 0 {
			frame = patched(frame, 3, 0x9d, 0x01, 0x2a, byte(1+rng.IntN(64)), 0, byte(1+rng.IntN(64)), 0)
		}
		next, _, err := Decode(s, frame)
		if err == nil {
			decoded++
			next.Release()
		} else if !isTyped(err) {
			t.Fatalf("error %v", err)
		}
	}
	if traceOf(s) != before {
		t.Fatal("random frames changed the State before them")
	}
	if decoded == 0 {
		t.Error("no random frame was decoded: this tests less than it seems to")
	}
}

func TestErrorsSayWhat(t *testing.T) {
	stream := shortStream(10, 40, 40)
	s := firstState(t, 40, 40)
	for _, test := range []struct {
		frame []byte
		says  string
	}{
		{stream[0][:20], "20 bytes"},
		{patched(stream[0], 6, 0, 0), "0x40"},
		{stream[0][:headBytes(t, stream[0])], "row 0 of 3"},
	} {
		_, _, err := Decode(s, test.frame)
		if err == nil || !bytes.Contains([]byte(fmt.Sprint(err)), []byte(test.says)) {
			t.Errorf("error %q, want one that says %q", fmt.Sprint(err), test.says)
		}
	}
}
