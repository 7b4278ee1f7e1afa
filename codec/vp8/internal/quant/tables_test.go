package quant

import (
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8/internal/header"
)

func TestTables(t *testing.T) {
	for _, test := range []struct {
		index  int
		dc, ac int
	}{{0, 4, 4}, {1, 5, 5}, {6, 10, 10}, {7, 10, 11}, {58, 53, 66}, {100, 98, 167}, {127, 157, 284}} {
		if dcSteps[test.index] != uint8(test.dc) || acSteps[test.index] != uint16(test.ac) {
			t.Errorf("index %d: steps %d and %d, want %d and %d", test.index, dcSteps[test.index], acSteps[test.index], test.dc, test.ac)
		}
	}
	// Of the tables in the RFC: the sum of the entries and of each times its place, counted from 1.
	dc, ac, dcPlaces, acPlaces := 0, 0, 0, 0
	for i := range MaxIndex + 1 {
		dc, dcPlaces = dc+int(dcSteps[i]), dcPlaces+(i+1)*int(dcSteps[i])
		ac, acPlaces = ac+int(acSteps[i]), acPlaces+(i+1)*int(acSteps[i])
	}
	if got, want := [4]int{dc, dcPlaces, ac, acPlaces}, [4]int{8168, 715436, 12723, 1172814}; got != want {
		t.Errorf("sums %v, want %v", got, want)
	}
	for i := 1; i <= MaxIndex; i++ {
		if dcSteps[i] < dcSteps[i-1] || acSteps[i] <= acSteps[i-1] {
			t.Errorf("the steps fall at index %d", i)
		}
	}
}

// TestAt checks the steps at the ends of the range, with their special rules: Y2's DC is doubled, its AC is 155/100 and at least
// 8, the chroma's DC at most 132.
func TestAt(t *testing.T) {
	for _, test := range []struct {
		index int
		q     header.Quantizers
		want  Steps
	}{
		{0, header.Quantizers{}, Steps{Y1: [2]int16{4, 4}, Y2: [2]int16{8, 8}, UV: [2]int16{4, 4}}},
		{127, header.Quantizers{}, Steps{Y1: [2]int16{157, 284}, Y2: [2]int16{314, 440}, UV: [2]int16{132, 284}}},
		{-5, header.Quantizers{}, Steps{Y1: [2]int16{4, 4}, Y2: [2]int16{8, 8}, UV: [2]int16{4, 4}}},
		{500, header.Quantizers{}, Steps{Y1: [2]int16{157, 284}, Y2: [2]int16{314, 440}, UV: [2]int16{132, 284}}},
		{2, header.Quantizers{Y1DC: -15, Y2DC: 1, Y2AC: 2, UVDC: 3, UVAC: 4}, Steps{Y1: [2]int16{4, 6}, Y2: [2]int16{14, 12}, UV: [2]int16{9, 10}}},
		{120, header.Quantizers{Y1DC: 15, Y2DC: 15, Y2AC: 15, UVDC: -15, UVAC: 15}, Steps{Y1: [2]int16{157, 249}, Y2: [2]int16{314, 440}, UV: [2]int16{106, 284}}},
		// An index out of range is clamped before it is adjusted.
		{-10, header.Quantizers{Y1DC: 10}, Steps{Y1: [2]int16{13, 4}, Y2: [2]int16{8, 8}, UV: [2]int16{4, 4}}},
	} {
		if got := At(test.index, &test.q); got != test.want {
			t.Errorf("At(%d, %+v) = %+v, want %+v", test.index, test.q, got, test.want)
		}
	}
}

func TestSegmentIndex(t *testing.T) {
	segments := [4]int8{0, 20, -20, 127}
	for _, test := range []struct {
		name         string
		segmentation bool
		absolute     bool
		want         [4]int
	}{
		{"none", false, true, [4]int{50, 50, 50, 50}},
		{"absolute", true, true, [4]int{0, 20, 0, 127}},
		{"added", true, false, [4]int{50, 70, 30, 127}},
	} {
		f := header.Frame{Segmentation: test.segmentation, Quantizers: header.Quantizers{Base: 50, UVDC: 2}}
		f.Context.Segments = header.Segments{Absolute: test.absolute, Quantizer: segments}
		steps := Segments(&f)
		for i, want := range test.want {
			if got := SegmentIndex(&f, i); got != want {
				t.Errorf("%s: segment %d has index %d, want %d", test.name, i, got, want)
			}
			if steps[i] != At(want, &f.Quantizers) {
				t.Errorf("%s: segment %d has steps %+v, want those of index %d", test.name, i, steps[i], want)
			}
		}
	}
}

// TestStepsAreMonotone: a coarser index never has a smaller step, whatever the adjustments.
func TestStepsAreMonotone(t *testing.T) {
	delta := rapid.IntRange(-15, 15)
	rapid.Check(t, func(t *rapid.T) {
		q := header.Quantizers{
			Y1DC: delta.Draw(t, "Y1DC"), Y2DC: delta.Draw(t, "Y2DC"), Y2AC: delta.Draw(t, "Y2AC"),
			UVDC: delta.Draw(t, "UVDC"), UVAC: delta.Draw(t, "UVAC"),
		}
		for i := range MaxIndex {
			a, b := At(i, &q), At(i+1, &q)
			for k := range 2 {
				if a.Y1[k] > b.Y1[k] || a.Y2[k] > b.Y2[k] || a.UV[k] > b.UV[k] || min(a.Y1[k], a.Y2[k], a.UV[k]) < 1 {
					t.Fatalf("steps %+v at index %d, %+v at the next", a, i, b)
				}
			}
		}
	})
}
