package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"

	"salsify/codec/y4m"
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

// millisecondsPerFrame returns the CPU time of a frame.
func (m measurement) millisecondsPerFrame() float64 { return 1000 * m.CPUSeconds / float64(m.Frames) }

func (m measurement) String() string {
	s := fmt.Sprintf("%d frames, %d kbit, SSIM %s dB, PSNR %s dB, %.1f ms/frame", m.Frames, m.Bits/1000,
		quality.FormatDB(m.score().SSIMdB()), quality.FormatDB(m.score().PSNR()), m.millisecondsPerFrame())
	if m.Cached {
		s += " (cached)"
	}
	return s
}

// compareClip reads the source clip frame by frame, lets coded return what became of each, and returns the mean score and the
// number of frames. The coded picture need only be valid until the next call.
func compareClip(ctx context.Context, source string, coded func(original *image.YCbCr) (*image.YCbCr, error)) (quality.Score, int, error) {
	file, err := os.Open(source)
	if err != nil {
		return quality.Score{}, 0, err
	}
	defer file.Close()
	in, err := y4m.NewReader(file)
	if err != nil {
		return quality.Score{}, 0, err
	}
	original := in.Header().NewPicture()
	var meter quality.Meter
	for {
		if err := ctx.Err(); err != nil {
			return quality.Score{}, 0, err
		}
		err := in.Read(original)
		if err == io.EOF {
			break
		}
		if err != nil {
			return quality.Score{}, 0, err
		}
		picture, err := coded(original)
		if err != nil {
			return quality.Score{}, 0, fmt.Errorf("frame %d: %w", meter.Frames()+1, err)
		}
		if _, err := meter.Add(original, picture); err != nil {
			return quality.Score{}, 0, fmt.Errorf("frame %d: %w", meter.Frames()+1, err)
		}
	}
	if meter.Frames() == 0 {
		return quality.Score{}, 0, errors.New("the clip has no frames")
	}
	return meter.Mean(), meter.Frames(), nil
}
