package rdo

import (
	"bytes"
	"testing"

	"salsify/codec/vp8/internal/mode"
	"salsify/codec/vp8/internal/picture"
)

// framesForLevels are frames with all kinds of macroblocks, coded at each speed of the tests.
func framesForLevels(t *testing.T, quantizer int, check func(t *testing.T, f *Frame, speed *Speed)) {
	refs := []*picture.Picture{texture(1, 20), texture(2, 20), texture(3, 20)}
	for _, speed := range []*Speed{&thorough, &middling, &hasty, &quick} {
		for _, src := range []*picture.Picture{texture(4, 10), moved(refs[0], mode.MV{X: 9, Y: 6})} {
			for n := range 4 {
				f := newFrame(src, quantizer, refs[:n]...)
				code(f, speed, nil)
				check(t, f, speed)
			}
		}
	}
}

// TestLevelsAgain: with the same quantizers, modes, levels and reconstruction come out as they were.
func TestLevelsAgain(t *testing.T) {
	for _, q := range []int{2, 40, 90} {
		framesForLevels(t, q, func(t *testing.T, f *Frame, speed *Speed) {
			first := written(f)
			f.Recon = pool.Get()
			f.Start()
			new(Coder).Levels(Task{f, speed}, Thrift{})
			if !bytes.Equal(written(f), first) {
				t.Fatalf("quantizer %d, %+v: the frame is another", q, *speed)
			}
		})
	}
}

// TestThrift: the more of a segment's macroblocks are thrifty, the less the frame takes, but for what one that goes without does to its
// neighbours.
func TestThrift(t *testing.T) {
	framesForLevels(t, 4, func(t *testing.T, f *Frame, speed *Speed) {
		var first, before int
		for eighths := range 9 {
			f.Recon = pool.Get()
			f.Start()
			new(Coder).Levels(Task{f, speed}, Thrift{Segment: 0, Eighths: eighths})
			bytes := len(writtenTokens(f))
			if eighths == 0 {
				first, before = bytes, bytes
			}
			if bytes > before+before/100 {
				t.Fatalf("%d eighths take %d bytes, one less %d", eighths, bytes, before)
			}
			before = bytes
		}
		if before > first-first/50 {
			t.Errorf("all thrifty take %d bytes, without thrift %d", before, first)
		}
	})
}
