package vp8

import (
	"errors"
	"testing"

	"salsify/codec/vp8/internal/header"
)

// TestInspect compares what Inspect tells with the headers that went into the frames, and with the modes that Decode's next
// State cannot contradict: the references that changed.
func TestInspect(t *testing.T) {
	m := newMaker(40, 40, 24)
	s := firstState(t, 1, 1)
	for i := range 40 {
		var h header.Frame
		if i == 20 {
			m.width, m.height = 18, 50
		}
		frame := m.frame(i%20 == 0, func(f *header.Frame) { f.Version, h = i%4, *f })
		info, err := Inspect(s, frame)
		if err != nil {
			t.Fatal(err)
		}
		next := mustDecode(t, s, frame)
		w, hgt := next.Size()
		want := FrameInfo{
			Key: h.Key, Show: h.Show, Version: i % 4, Width: w, Height: hgt,
			HorizontalScale: next.scale[0], VerticalScale: next.scale[1],
			Quantizer: h.Quantizers.Base, Segmentation: h.Segmentation, FilterLevel: h.FilterLevel, Sharpness: h.Sharpness,
			RefreshLast:     h.RefreshLast,
			RefreshGolden:   h.RefreshGolden || h.CopyToGolden != header.CopyNone,
			RefreshAltRef:   h.RefreshAltRef || h.CopyToAltRef != header.CopyNone,
			TokenPartitions: h.Partitions,
			Macroblocks:     next.macroblocks(),
		}
		if h.Key && (info.HorizontalScale != h.HorizontalScale || info.VerticalScale != h.VerticalScale || w != m.width || hgt != m.height) {
			t.Errorf("frame %d: size or scale of a key frame is not its header's", i)
		}
		counts := info
		info.Intra, info.Skipped, info.Split, info.FromGolden, info.FromAltRef = 0, 0, 0, 0, 0
		if info != want {
			t.Errorf("frame %d: %+v, want %+v", i, info, want)
		}
		if h.Key && counts.Intra != counts.Macroblocks || counts.Intra+counts.Split > counts.Macroblocks ||
			counts.Intra+counts.FromGolden+counts.FromAltRef > counts.Macroblocks || counts.Skipped > counts.Macroblocks || !h.UseSkip && counts.Skipped != 0 {
			t.Errorf("frame %d: %d intra, %d split, %d skipped of %d macroblocks", i, counts.Intra, counts.Split, counts.Skipped, counts.Macroblocks)
		}
		s = next
	}
}

// TestInspectCounts counts the macroblocks of frames in which all are of one kind, as far as probabilities can say so.
func TestInspectCounts(t *testing.T) {
	const size, macroblocks = 160, 100
	m := newMaker(41, size, size)
	s := mustDecode(t, firstState(t, size, size), m.frame(true, nil))
	for _, test := range []struct {
		name   string
		adjust func(*header.Frame)
		count  func(FrameInfo) int
		least  int
		most   int
	}{
		{"intra", func(f *header.Frame) { f.ProbIntra = 255 }, func(i FrameInfo) int { return i.Intra }, 90, macroblocks},
		{"inter", func(f *header.Frame) { f.ProbIntra = 1 }, func(i FrameInfo) int { return i.Intra }, 0, 10},
		{"skipped", func(f *header.Frame) { f.UseSkip, f.ProbSkip = true, 1 }, func(i FrameInfo) int { return i.Skipped }, 90, macroblocks},
		{"coded", func(f *header.Frame) { f.UseSkip, f.ProbSkip = true, 255 }, func(i FrameInfo) int { return i.Skipped }, 0, 10},
		{"golden", func(f *header.Frame) { f.ProbIntra, f.ProbLast, f.ProbGolden = 1, 1, 255 }, func(i FrameInfo) int { return i.FromGolden }, 85, macroblocks},
		{"altref", func(f *header.Frame) { f.ProbIntra, f.ProbLast, f.ProbGolden = 1, 1, 1 }, func(i FrameInfo) int { return i.FromAltRef }, 85, macroblocks},
		{"from GOLDEN", func(f *header.Frame) { f.ProbIntra, f.ProbLast, f.ProbGolden = 1, 1, 255 }, func(i FrameInfo) int { return i.FromGolden }, 80, macroblocks},
		{"from ALTREF", func(f *header.Frame) { f.ProbIntra, f.ProbLast, f.ProbGolden = 1, 1, 1 }, func(i FrameInfo) int { return i.FromAltRef }, 80, macroblocks},
		{"from neither", func(f *header.Frame) { f.ProbIntra, f.ProbLast = 1, 255 }, func(i FrameInfo) int { return i.FromGolden + i.FromAltRef }, 0, 10},
		{"split", func(f *header.Frame) { f.ProbIntra = 1 }, func(i FrameInfo) int { return i.Split }, 5, macroblocks},
	} {
		info, err := Inspect(s, m.frame(false, test.adjust))
		if err != nil {
			t.Fatal(err)
		}
		if n := test.count(info); n < test.least || n > test.most {
			t.Errorf("%s: %d of %d macroblocks, want %d to %d", test.name, n, macroblocks, test.least, test.most)
		}
	}
}

// TestInspectChangesNothing: it leaves the State as it is, and reads headers even if the coefficients are missing.
func TestInspectChangesNothing(t *testing.T) {
	m := newMaker(42, 20, 20)
	s := mustDecode(t, firstState(t, 20, 20), m.frame(true, nil))
	before := traceOf(s)
	frame := m.frame(false, func(f *header.Frame) { f.Partitions, f.UseSkip = 1, false })
	whole, err := Inspect(s, frame)
	if err != nil {
		t.Fatal(err)
	}
	head := frame[:headBytes(t, frame)]
	if cut, err := Inspect(s, head); err != nil || cut != whole {
		t.Errorf("without coefficients: %+v, %v; want %+v", cut, err, whole)
	}
	if _, _, err := Decode(s, head); !errors.Is(err, ErrTruncated) {
		t.Errorf("Decode without coefficients: %v, want ErrTruncated", err)
	}
	if traceOf(s) != before {
		t.Error("Inspect changed the State")
	}
}
