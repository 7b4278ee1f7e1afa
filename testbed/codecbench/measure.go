package main

import (
	"context"
	"fmt"
	"image"

	"salsify/testbed/quality"
)

// measurement is what one coding of a clip cost and gave.
type measurement struct {
	Q          int     `json:"vpxenc_q"`        // vpxenc's quantizer, 0 to 63
	Quantizer  int     `json:"quantizer_index"` // the same as VP8's index, 0 to 127
	Frames     int     `json:"frames"`
	Bits       int64   `json:"bits"`             // of all frames, without the file's headers
	SSIM       float64 `json:"luma_ssim"`        // mean
	MSE        float64 `json:"luma_mse"`         // mean
	CPUSeconds float64 `json:"cpu_seconds"`      // user and system
	Cached     bool    `json:"cached,omitempty"` // the result, and so its CPU time, is from an earlier run
}

func (m measurement) score() quality.Score { return quality.Score{SSIM: m.SSIM, MSE: m.MSE} }

func (m measurement) String() string {
	s := fmt.Sprintf("%d frames, %d kbit, SSIM %s dB, PSNR %s dB, %.1f ms/frame", m.Frames, m.Bits/1000,
		quality.FormatDB(m.score().SSIMdB()), quality.FormatDB(m.score().PSNR()), cpuPerFrame([]measurement{m}))
	if m.Cached {
		s += " (cached)"
	}
	return s
}

// compareClip reads the source clip frame by frame, lets coded return what became of each, and returns the mean score and the
// number of frames. The coded picture need only be valid until the next call.
func compareClip(ctx context.Context, source string, coded func(original *image.YCbCr) (*image.YCbCr, error)) (quality.Score, int, error) {
	var meter quality.Meter
	err := eachPicture(source, func(original *image.YCbCr) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		picture, err := coded(original)
		if err != nil {
			return err
		}
		_, err = meter.Add(original, picture)
		return err
	})
	if err != nil {
		return quality.Score{}, 0, err
	}
	return meter.Mean(), meter.Frames(), nil
}
