package vp8

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/header"
)

func TestNewState(t *testing.T) {
	for _, test := range []struct {
		width, height int
		fine          bool
	}{
		{1, 1, true}, {16, 16, true}, {1280, 720, true}, {MaxSize, MaxSize, true}, {1, MaxSize, true},
		{0, 1, false}, {1, 0, false}, {-1, 1, false}, {1, -1, false}, {MaxSize + 1, 1, false}, {1, MaxSize + 1, false}, {1 << 40, 1, false},
	} {
		var s *State
		var err error
		n := allocated(func() { s, err = NewState(test.width, test.height) })
		if !test.fine {
			if s != nil || !errors.Is(err, ErrSize) {
				t.Errorf("%dx%d: %v, want ErrSize", test.width, test.height, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%dx%d: %v", test.width, test.height, err)
			continue
		}
		if w, h := s.Size(); w != test.width || h != test.height || s.HasPicture() || s.Picture() != nil {
			t.Errorf("%dx%d: it is %dx%d, with a picture: %v", test.width, test.height, w, h, s.HasPicture())
		}
		if n > 1<<16 {
			t.Errorf("%dx%d: a State without a picture took %d bytes", test.width, test.height, n)
		}
	}
}

// TestID checks the names against their definition, so that two builds of this package name States alike.
func TestID(t *testing.T) {
	var size [8]byte
	binary.BigEndian.PutUint32(size[:4], 40)
	binary.BigEndian.PutUint32(size[4:], 24)
	sum := sha256.Sum256(size[:])
	s := firstState(t, 40, 24)
	if s.ID() != ID(sum[:16]) {
		t.Errorf("first ID %v, want %x", s.ID(), sum[:16])
	}
	if other := firstState(t, 24, 40); other.ID() == s.ID() {
		t.Error("24x40 and 40x24 have the same first ID")
	}
	for _, frame := range shortStream(20, 40, 24) {
		id := s.ID()
		sum := sha256.Sum256(append(id[:], frame...))
		s = mustDecode(t, s, frame)
		if s.ID() != ID(sum[:16]) {
			t.Errorf("next ID %v, want %x", s.ID(), sum[:16])
		}
	}
	if got, want := (ID{0xab, 15: 1}).String(), "ab000000000000000000000000000001"; got != want {
		t.Errorf("String gives %s, want %s", got, want)
	}
}

// TestFingerprint: it is of the contents. The name and the way there are not in it.
func TestFingerprint(t *testing.T) {
	m := newMaker(21, 40, 24)
	key := m.frame(true, nil)
	a, b := mustDecode(t, firstState(t, 40, 24), key), mustDecode(t, firstState(t, 1, 1), key)
	if a.ID() == b.ID() || a.Fingerprint() != b.Fingerprint() {
		t.Error("by two ways to one key frame: want other names and the same fingerprint")
	}
	if again := mustDecode(t, b, key); again.ID() == b.ID() || again.Fingerprint() != b.Fingerprint() {
		t.Error("the same key frame again: want another name and the same fingerprint")
	}
	// Two frames of the same picture that leave different probabilities behind.
	inter := m.frame(false, nil)
	if next := mustDecode(t, a, inter); next.Fingerprint() == a.Fingerprint() {
		t.Error("the State after an interframe has the fingerprint of the one before")
	}
	a.context.Probs.MV[1][3]++
	if a.Fingerprint() == b.Fingerprint() {
		t.Error("another probability, the same fingerprint")
	}
}

// TestReferences checks which picture each reference is after every combination of flags. Where GOLDEN and ALTREF are copied
// from each other both end as the old GOLDEN, as in libvpx.
func TestReferences(t *testing.T) {
	m := newMaker(22, 16, 16)
	s := mustDecode(t, firstState(t, 16, 16), m.frame(true, nil))
	// Three different references.
	for _, golden := range []bool{true, false} {
		s = mustDecode(t, s, m.frame(false, func(f *header.Frame) {
			f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = !golden, golden, false
			f.CopyToGolden, f.CopyToAltRef = header.CopyNone, header.CopyNone
		}))
	}
	last, golden, altRef := s.refs[header.Last], s.refs[header.Golden], s.refs[header.AltRef]
	if last == golden || golden == altRef || altRef == last {
		t.Fatal("the references are not different to begin with")
	}
	for flags := range 8 {
		for copies := range 9 {
			toGolden, toAltRef := header.Copy(copies%3), header.Copy(copies/3)
			frame := m.frame(false, func(f *header.Frame) {
				f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = flags&1 != 0, flags&2 != 0, flags&4 != 0
				f.CopyToGolden, f.CopyToAltRef = header.CopyNone, header.CopyNone
				if !f.RefreshGolden {
					f.CopyToGolden = toGolden
				}
				if !f.RefreshAltRef {
					f.CopyToAltRef = toAltRef
				}
			})
			next := mustDecode(t, s, frame)
			pic := next.refs[header.Intra]
			wantLast, wantGolden, wantAltRef := last, golden, altRef
			switch toAltRef {
			case header.CopyLast:
				wantAltRef = last
			case header.CopyOther:
				wantAltRef = golden
			}
			switch {
			case toGolden == header.CopyLast:
				wantGolden = last
			case toGolden == header.CopyOther && (flags&4 != 0 || toAltRef == header.CopyNone):
				wantGolden = altRef
			case toGolden == header.CopyOther && toAltRef == header.CopyLast:
				wantGolden = last
			}
			if flags&1 != 0 {
				wantLast = pic
			}
			if flags&2 != 0 {
				wantGolden = pic
			}
			if flags&4 != 0 {
				wantAltRef = pic
			}
			if next.refs[header.Last] != wantLast || next.refs[header.Golden] != wantGolden || next.refs[header.AltRef] != wantAltRef {
				t.Errorf("refresh flags %03b, copies to GOLDEN %d and ALTREF %d: wrong references", flags, toGolden, toAltRef)
			}
			if pic == last || pic == golden || pic == altRef {
				t.Fatal("a picture in use was decoded into")
			}
			next.Release()
		}
	}
}

// TestShown: a frame that is not to be shown gives no picture, but the State has it.
func TestShown(t *testing.T) {
	m := newMaker(23, 16, 16)
	s := firstState(t, 16, 16)
	for i, show := range []bool{true, false, true, false} {
		frame := m.frame(i == 0, func(f *header.Frame) { f.Show = show })
		next, shown, err := Decode(s, frame)
		if err != nil {
			t.Fatal(err)
		}
		if (shown != nil) != show || next.Picture() == nil || show && shown != next.Picture() {
			t.Errorf("frame %d: shown %v, want %v", i, shown != nil, show)
		}
		s = next
	}
}

func TestPictureSize(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {2, 1}, {15, 17}, {16, 16}, {33, 5}} {
		s := mustDecode(t, firstState(t, 1, 1), newMaker(24, size.X, size.Y).frame(true, nil))
		p := s.Picture()
		if p.Rect != image.Rectangle(image.Rect(0, 0, size.X, size.Y)) || p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
			t.Errorf("size %v: the picture is %v, %v", size, p.Rect, p.SubsampleRatio)
		}
		_ = p.YCbCrAt(size.X-1, size.Y-1) // panics if the planes are too small
	}
}

// unusable checks that every call on a State gives an error of kind want.
func unusable(t *testing.T, s *State, frame []byte, want error) {
	t.Helper()
	if next, shown, err := Decode(s, frame); !errors.Is(err, want) || next != nil || shown != nil {
		t.Errorf("Decode: error %v, want %v", err, want)
	}
	if _, err := Inspect(s, frame); !errors.Is(err, want) {
		t.Errorf("Inspect: error %v, want %v", err, want)
	}
	if _, err := s.MarshalBinary(); !errors.Is(err, want) {
		t.Errorf("MarshalBinary: error %v, want %v", err, want)
	}
}

func TestReleasedState(t *testing.T) {
	stream := shortStream(25, 16, 16)
	s := mustDecode(t, firstState(t, 16, 16), stream[0])
	id := s.ID()
	for range 3 { // the second and third do nothing
		s.Release()
		unusable(t, s, stream[1], ErrReleased)
	}
	if s.ID() != id {
		t.Error("a released State lost its name")
	}
	first := firstState(t, 16, 16)
	first.Release()
	unusable(t, first, stream[0], ErrReleased)
	unusable(t, new(State), stream[0], ErrSize)
}

// TestReleaseLeavesOthers: pictures that a State shares with a released one stay, however much is decoded into what became
// free.
func TestReleaseLeavesOthers(t *testing.T) {
	m := newMaker(26, 32, 32)
	key := mustDecode(t, firstState(t, 32, 32), m.frame(true, nil))
	// GOLDEN and ALTREF stay those of the key frame.
	child := mustDecode(t, key, m.frame(false, func(f *header.Frame) {
		f.RefreshGolden, f.RefreshAltRef, f.CopyToGolden, f.CopyToAltRef = false, false, 0, 0
	}))
	marshalled := remarshalled(t, child)
	want, wantMarshalled := traceOf(child), traceOf(marshalled)
	key.Release()
	key.Release()
	line := child
	for range 30 {
		next := mustDecode(t, line, m.frame(false, nil))
		if line != child {
			line.Release()
		}
		line = next
	}
	line.Release()
	if traceOf(child) != want || traceOf(marshalled) != wantMarshalled {
		t.Error("a State changed after another one, which shared its pictures, was released")
	}
}

// TestReleaseInAnyOrder walks a random tree of States, releases them in random order, and checks that those alive never change
// and that those decoded from them are right.
func TestReleaseInAnyOrder(t *testing.T) {
	m := newMaker(27, 20, 20)
	first := firstState(t, 20, 20)
	key := m.frame(true, nil)
	var frames [][]byte
	for range 8 {
		frames = append(frames, m.frame(false, nil))
	}
	rapid.Check(t, func(t *rapid.T) {
		type node struct {
			s    *State
			want trace
		}
		next, _, err := Decode(first, key)
		if err != nil {
			t.Fatal(err)
		}
		alive := []node{{next, traceOf(next)}}
		known := map[ID]trace{} // of the same name there is only one State
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			i := rapid.IntRange(0, len(alive)-1).Draw(t, "state")
			if len(alive) > 1 && rapid.Bool().Draw(t, "release") {
				alive[i].s.Release()
				alive = append(alive[:i], alive[i+1:]...)
			} else {
				next, _, err := Decode(alive[i].s, rapid.SampledFrom(frames).Draw(t, "frame"))
				if err != nil {
					t.Fatal(err)
				}
				n := node{next, traceOf(next)}
				if w, ok := known[next.ID()]; ok && w != n.want {
					t.Fatal("the same frames gave another State than before")
				}
				known[next.ID()] = n.want
				alive = append(alive, n)
			}
			for _, n := range alive {
				if traceOf(n.s) != n.want {
					t.Fatal("a State changed")
				}
			}
		}
		for _, n := range alive {
			n.s.Release()
		}
	})
}

// TestReleaseDuringDecode releases a State while others decode from it: each call either does its work or says that it came too
// late.
func TestReleaseDuringDecode(t *testing.T) {
	stream := shortStream(28, 48, 48)
	first := firstState(t, 48, 48)
	probe := mustDecode(t, first, stream[0])
	want := traceOf(mustDecode(t, probe, stream[1]))
	done, late := 0, 0
	for range 100 {
		s := mustDecode(t, first, stream[0])
		results := make(chan error)
		start := make(chan struct{})
		for range 4 {
			go func() {
				<-start
				next, _, err := Decode(s, stream[1])
				if err == nil {
					if traceOf(next) != want {
						err = errors.New("another State than expected")
					}
					next.Release()
				}
				results <- err
			}()
		}
		close(start)
		s.Release()
		for range 4 {
			switch err := <-results; {
			case err == nil:
				done++
			case errors.Is(err, ErrReleased):
				late++
			default:
				t.Fatal(err)
			}
		}
	}
	t.Logf("%d calls were done, %d came too late", done, late)
}

// TestConcurrentDecodes decodes different frames from one State at once, over and over, and reads it meanwhile.
func TestConcurrentDecodes(t *testing.T) {
	m := newMaker(29, 64, 48)
	s := mustDecode(t, firstState(t, 64, 48), m.frame(true, nil))
	var frames [][]byte
	var want []trace
	for range 6 {
		frames = append(frames, m.frame(false, nil))
		want = append(want, traceOf(mustDecode(t, s, frames[len(frames)-1])))
	}
	before := traceOf(s)
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			for round := range 20 {
				i := (worker + round) % len(frames)
				next, _, err := Decode(s, frames[i])
				if err != nil {
					t.Error(err)
					return
				}
				if traceOf(next) != want[i] {
					t.Errorf("frame %d decodes to something else among others", i)
					return
				}
				next.Release()
				if _, _, err := Decode(s, frames[i][:20]); !isTyped(err) {
					t.Errorf("truncated frame: %v", err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			if data, err := s.MarshalBinary(); err != nil || len(data) == 0 || traceOf(s) != before {
				t.Error("the State changed while others decoded from it")
			}
		}
	})
	wg.Wait()
}

// TestPoolReuse: in a line of descent, the memory of a released State's picture is what a later frame is decoded into. How soon
// is up to the pool, so it is enough that few pictures serve many frames.
func TestPoolReuse(t *testing.T) {
	m := newMaker(30, 32, 32)
	s := mustDecode(t, firstState(t, 32, 32), m.frame(true, nil))
	buffers := map[*byte]bool{}
	const count = 200
	for range count {
		next := mustDecode(t, s, m.frame(false, nil))
		s.Release()
		s = next
		buffers[&s.Picture().Y[0]] = true
	}
	// At most 4 are in use at once. The race detector makes pools forget some.
	if len(buffers) > count*3/4 {
		t.Errorf("%d frames took %d pictures: released ones were not used again", count, len(buffers))
	}
}

func TestMarshal(t *testing.T) {
	m := newMaker(31, 50, 34)
	s := firstState(t, 50, 34)
	states := []*State{s}
	for i := range 12 {
		s = mustDecode(t, s, m.frame(i == 0, nil))
		states = append(states, s)
	}
	last := m.frame(false, nil)
	withSegments := 0
	for i, s := range states {
		data, err := s.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if s.segments != nil {
			withSegments++
		}
		again := new(State)
		if err := again.UnmarshalBinary(data); err != nil {
			t.Fatal(err)
		}
		if traceOf(again) != traceOf(s) || again.HasPicture() != s.HasPicture() {
			t.Fatalf("State %d changed on its way", i)
		}
		if same, err := again.MarshalBinary(); err != nil || !bytes.Equal(same, data) {
			t.Fatalf("State %d is written in other bytes after it was read", i)
		}
		if i == 0 {
			continue
		}
		if traceOf(mustDecode(t, s, last)) != traceOf(mustDecode(t, again, last)) {
			t.Fatalf("State %d: the next frame decodes to something else after it was read", i)
		}
		// Shared pictures stay shared: memory and bytes do not grow.
		distinct := map[*byte]bool{}
		for _, ref := range again.refs {
			distinct[&ref.Y.Pix[0]] = true
		}
		if n := len(data) / s.planeBytes(); n != len(distinct) {
			t.Errorf("State %d has %d different pictures, and as bytes %d", i, len(distinct), n)
		}
	}
	if withSegments == 0 || withSegments == len(states) {
		t.Errorf("%d of %d States have segments: this tests less than it seems to", withSegments, len(states))
	}
}

// withSum replaces the checksum at the end by the right one.
func withSum(body []byte) []byte {
	sum := sha256.Sum256(body)
	return append(bytes.Clone(body), sum[:]...)
}

// TestUnmarshalRefuses damages a marshalled State in every kind of place. Where the checksum alone would notice, it is made
// right again.
func TestUnmarshalRefuses(t *testing.T) {
	m := newMaker(32, 20, 20) // 2x2 macroblocks
	first := firstState(t, 20, 20)
	key := mustDecode(t, first, m.frame(true, func(f *header.Frame) {
		f.Segmentation, f.UpdateMap, f.UpdateSegment = true, true, false
	}))
	data, err := key.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	firstData, err := first.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	body := data[:len(data)-sha256.Size]
	firstBody := firstData[:len(firstData)-sha256.Size]

	// The layout, by which the places below are found.
	fixed := len(stateMagic)
	size := fixed + len(ID{})
	segments := fixed + binary.Size(fixedPart{})
	pictures := segments + 1 + 4
	second := pictures + 1 + key.planeBytes() // the mark of GOLDEN, which is the same picture as LAST
	if len(body) != second+3 || body[segments] != 1 || body[pictures] != planesFollow || !bytes.Equal(body[second:], []byte{sameAs, sameAs, sameAs}) {
		t.Fatal("the layout is not what this test takes it for")
	}
	for _, test := range []struct {
		name string
		data []byte
	}{
		{"nothing", nil},
		{"magic", withSum(patched(body, 0, 'V'))},
		{"version 0", withSum(patched(body, 7, 0))},
		{"version 2", withSum(patched(body, 7, 2))},
		{"magic alone", withSum(body[:fixed])},
		{"width 0", withSum(patched(body, size, 0, 0))},
		{"width too large", withSum(patched(body, size, 0x40, 0))},
		{"height 0", withSum(patched(body, size+2, 0, 0))},
		{"height too large", withSum(patched(body, size+2, 0xff, 0xff))},
		{"horizontal scale", withSum(patched(body, size+4, 4))},
		{"vertical scale", withSum(patched(body, size+5, 255))},
		{"larger than its pictures", withSum(patched(body, size, 0x3f, 0xff, 0x3f, 0xff))},
		{"smaller than its pictures", withSum(patched(body, size, 0, 1, 0, 1))},
		{"mark of the segments", withSum(patched(body, segments, 2))},
		{"segment 4", withSum(patched(body, segments+3, 4))},
		{"no segments but their map", withSum(patched(body, segments, 0))},
		{"LAST missing", withSum(patched(firstBody, len(firstBody)-3, sameAs))},
		{"LAST the same as itself", withSum(patched(body, pictures, sameAs))},
		{"GOLDEN the same as itself", withSum(patched(body, second, sameAs+1))},
		{"GOLDEN the same as a later one", withSum(patched(body, second, sameAs+2))},
		{"GOLDEN the same as none", withSum(patched(body, second, 255))},
		{"GOLDEN missing", withSum(patched(body, second, noPicture))},
		{"GOLDEN without its planes", withSum(patched(body, second, planesFollow))},
		{"the shown picture missing", withSum(patched(body, second+2, noPicture))},
		{"a byte too many", withSum(append(bytes.Clone(body), 0))},
		{"two States", append(bytes.Clone(data), data...)},
	} {
		t.Run(test.name, func(t *testing.T) { refusesState(t, test.data) })
	}
	t.Run("each byte", func(t *testing.T) {
		for i := range data {
			refusesState(t, patched(data, i, data[i]^1<<(i%8)))
		}
	})
	t.Run("each length", func(t *testing.T) {
		for n := range data {
			refusesState(t, data[:n])
		}
		for n := range body {
			refusesState(t, withSum(body[:n]))
		}
	})
	t.Run("State in use", func(t *testing.T) {
		before := traceOf(first)
		if err := first.UnmarshalBinary(data); !errors.Is(err, ErrStateData) || traceOf(first) != before {
			t.Errorf("error %v, want ErrStateData and no change", err)
		}
	})
	t.Run("after all that", func(t *testing.T) {
		s := new(State)
		if err := s.UnmarshalBinary(data[:100]); !errors.Is(err, ErrStateData) {
			t.Fatal(err)
		}
		if err := s.UnmarshalBinary(data); err != nil || traceOf(s) != traceOf(key) {
			t.Errorf("the zero State cannot take a right State after a wrong one: %v", err)
		}
	})
	t.Run("memory", func(t *testing.T) {
		huge := withSum(patched(firstBody, size, 0x3f, 0xff, 0x3f, 0xff, 0, 0)[:segments+1])
		marked := withSum(patched(body, size, 0x3f, 0xff, 0x3f, 0xff))
		for _, data := range [][]byte{huge, marked} {
			if n := allocated(func() { refusesState(t, data) }); n > 1<<17 {
				t.Errorf("%d bytes that claim a huge picture made UnmarshalBinary allocate %d", len(data), n)
			}
		}
	})
}

func refusesState(t *testing.T, data []byte) {
	t.Helper()
	s := new(State)
	if err := s.UnmarshalBinary(data); !errors.Is(err, ErrStateData) {
		t.Fatalf("error %v, want ErrStateData", err)
	}
	if w, h := s.Size(); w != 0 || h != 0 || s.HasPicture() || s.ID() != (ID{}) {
		t.Fatal("a refused State left something behind")
	}
}

// TestMemory: what the encoder remembers follows from the frames alone, and survives being written.
func TestMemory(t *testing.T) {
	m := newMaker(33, 16, 16)
	quiet := func(f *header.Frame) {
		f.RefreshGolden, f.RefreshAltRef, f.CopyToGolden, f.CopyToAltRef = false, false, header.CopyNone, header.CopyNone
	}
	s := firstState(t, 16, 16)
	for i, step := range []struct {
		adjust            func(f *header.Frame)
		golden, altRefAge uint16
	}{
		{func(f *header.Frame) {}, 0, 0}, // a key frame
		{func(f *header.Frame) {}, 1, 1},
		{func(f *header.Frame) {}, 2, 2},
		{func(f *header.Frame) { f.RefreshGolden = true }, 0, 3},
		{func(f *header.Frame) { f.RefreshAltRef = true }, 1, 0},
		{func(f *header.Frame) { f.CopyToGolden = header.CopyOther }, 0, 1},
		{func(f *header.Frame) { f.CopyToAltRef = header.CopyLast }, 1, 0},
		{func(f *header.Frame) { f.CopyToGolden, f.CopyToAltRef = header.CopyLast, header.CopyOther }, 0, 0},
	} {
		var sent header.Frame
		s = mustDecode(t, s, m.frame(i == 0, func(f *header.Frame) {
			if i > 0 {
				quiet(f)
			}
			step.adjust(f)
			sent = *f
		}))
		want := memory{
			GoldenAge: step.golden, AltRefAge: step.altRefAge,
			Quantizer: uint8(sent.Quantizers.Base), FilterLevel: uint8(sent.FilterLevel), ProbSkip: sent.ProbSkip,
			ProbIntra: sent.ProbIntra, ProbLast: sent.ProbLast, ProbGolden: sent.ProbGolden,
		}
		if !sent.UseSkip {
			want.ProbSkip = 0
		}
		if s.memory != want || remarshalled(t, s).memory != want {
			t.Errorf("step %d: memory %+v, want %+v", i, s.memory, want)
		}
	}
	s.memory.GoldenAge, s.memory.AltRefAge = maxAge, maxAge-1
	if s = mustDecode(t, s, m.frame(false, quiet)); s.memory.GoldenAge != maxAge || s.memory.AltRefAge != maxAge {
		t.Errorf("ages %d and %d after the largest, want them to stay there", s.memory.GoldenAge, s.memory.AltRefAge)
	}
}

func ExampleDecode() {
	s, err := NewState(16, 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	_, _, err = Decode(s, []byte("not VP8"))
	fmt.Println(errors.Is(err, ErrTruncated), s.HasPicture())
	// Output: true false
}
