package main

import (
	"context"
	"fmt"
	"image"
	"runtime"
	"time"

	"salsify/codec/vp8"
)

// ours codes source with vp8.Encode at the quantizer index that matches vpxenc's q. The CPU time is taken around Encode alone:
// reading the clip and measuring the picture are not part of it.
//
// With one job the clock is that of the whole process, so it includes the garbage collector's threads. With several jobs, whose
// work would be counted too, it is that of the encoding thread.
func (b *bencher) ours(ctx context.Context, source string, q, effort int) (measurement, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	clock := processCPU
	if b.jobs > 1 {
		clock = threadCPU
	}
	m := measurement{Q: q, Quantizer: quantizerOf[q]}
	options := vp8.Options{Quantizer: m.Quantizer, Effort: effort, Goroutines: 1}

	var state *vp8.State
	var cpu time.Duration
	score, frames, err := compareClip(ctx, source, func(original *image.YCbCr) (*image.YCbCr, error) {
		if state == nil {
			first, err := vp8.NewState(original.Rect.Dx(), original.Rect.Dy())
			if err != nil {
				return nil, err
			}
			state = first
		}
		start := clock()
		frame, next, _, err := vp8.Encode(state, original, options)
		cpu += clock() - start
		if err != nil {
			return nil, err
		}
		state.Release()
		state = next
		m.Bits += 8 * int64(len(frame))
		picture := next.Picture()
		if picture == nil {
			return nil, fmt.Errorf("the encoder gave no picture")
		}
		return picture, nil
	})
	if err != nil {
		return measurement{}, err
	}
	state.Release()
	m.SSIM, m.MSE, m.Frames, m.CPUSeconds = score.SSIM, score.MSE, frames, cpu.Seconds()
	return m, nil
}
