package vp8_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"slices"
	"testing"

	"salsify/codec/vp8"
)

// encodeTogether encodes a picture with several options, and checks that the first candidate is what Encode makes, that each is what
// its frame decodes to, and that none depends on the number of goroutines.
func encodeTogether(t *testing.T, s *vp8.State, src *image.YCbCr, options []vp8.Options) []vp8.Candidate {
	t.Helper()
	all := vp8.EncodeAll(s, src, options)
	alone, state, _ := encode(t, s, src, options[0])
	state.Release()
	if !bytes.Equal(all[0].Frame, alone) {
		t.Error("the first candidate is not what Encode makes")
	}
	parallel := slices.Clone(options)
	for i := range parallel {
		parallel[i].Goroutines = 3
	}
	for i, again := range vp8.EncodeAll(s, src, parallel) {
		c := all[i]
		if c.Err != nil || again.Err != nil {
			t.Fatalf("candidate %d: %v, %v", i, c.Err, again.Err)
		}
		if !bytes.Equal(c.Frame, again.Frame) {
			t.Errorf("candidate %d: with more goroutines the bytes are others", i)
		}
		follow(t, s, c.Frame, c.State).Release()
		follow(t, s, again.Frame, again.State).Release()
		again.State.Release()
	}
	return all
}

// TestEncodeAll: the first candidate is what Encode makes, each is what its frame decodes to, and none depends on the number of
// goroutines.
func TestEncodeAll(t *testing.T) {
	for _, size := range [][2]int{{176, 144}, {40, 24}, {16, 16}} {
		for _, effort := range []int{0, 1, 3, 5, 7, 10} {
			t.Run(fmt.Sprintf("%dx%d,effort=%d", size[0], size[1], effort), func(t *testing.T) {
				sc := newScene("texture", size[0], size[1], uint64(effort))
				s := newState(t, size[0], size[1])
				for n := range 3 {
					src := sc.picture(n)
					options := []vp8.Options{
						{Quantizer: 20, Effort: effort, Goroutines: 1},
						{Quantizer: 50, Effort: effort, Goroutines: 1},
						{Quantizer: 100, Effort: effort, Goroutines: 1, TokenPartitions: 4},
						{Quantizer: 50, Effort: effort, Goroutines: 1, KeyFrame: true},
					}
					all := encodeTogether(t, s, src, options)
					next := all[n%len(all)].State
					for i, c := range all {
						if i != n%len(all) {
							c.State.Release()
						}
					}
					s.Release()
					s = next
				}
			})
		}
	}
}

// TestEncodeAllIsAsGood: a candidate that shares what the first one found is about what it would be alone.
func TestEncodeAllIsAsGood(t *testing.T) {
	sc := newScene("texture", 352, 288, 7)
	first, _ := vp8.NewState(352, 288)
	_, s, _ := encode(t, first, sc.picture(0), vp8.Options{Quantizer: 30})
	for _, effort := range []int{0, 2, 5, 8} {
		options := []vp8.Options{{Quantizer: 20, Effort: effort}, {Quantizer: 60, Effort: effort}}
		together := vp8.EncodeAll(s, sc.picture(1), options)[1]
		frame, _, stats := encode(t, s, sc.picture(1), options[1])
		size := float64(len(together.Frame)) / float64(len(frame))
		squaredErr := float64(together.Stats.SquaredErr) / float64(stats.SquaredErr)
		if size > 1.05 || size < 0.9 || squaredErr > 1.05 {
			t.Errorf("effort %d: %.3f times the bytes and %.3f times the squared error", effort, size, squaredErr)
		}
	}
}

// TestEncodeAllErrors: an error concerns its candidate, unless nothing can be encoded.
func TestEncodeAllErrors(t *testing.T) {
	sc := newScene("texture", 64, 48, 3)
	s := newState(t, 64, 48)
	got := vp8.EncodeAll(s, sc.picture(0), []vp8.Options{{Quantizer: 128}, {Quantizer: 30}, {FrameBytes: 5}, {FrameBytes: 2000}})
	for i, want := range []error{vp8.ErrOptions, nil, vp8.ErrBudget, nil} {
		if !errors.Is(got[i].Err, want) {
			t.Errorf("candidate %d: %v, want %v", i, got[i].Err, want)
		}
		if (want == nil) != (got[i].State != nil && len(got[i].Frame) > 0) {
			t.Errorf("candidate %d: %d bytes and state %v with error %v", i, len(got[i].Frame), got[i].State, got[i].Err)
		}
	}
	if len(got[3].Frame) > 2000 {
		t.Errorf("%d bytes with a budget of 2000", len(got[3].Frame))
	}
	for i, c := range vp8.EncodeAll(s, newScene("texture", 32, 32, 1).picture(0), make([]vp8.Options, 2)) {
		if !errors.Is(c.Err, vp8.ErrSize) {
			t.Errorf("another size, candidate %d: %v", i, c.Err)
		}
	}
	if all := vp8.EncodeAll(s, sc.picture(0), nil); len(all) != 0 {
		t.Errorf("%d candidates of no options", len(all))
	}
}
