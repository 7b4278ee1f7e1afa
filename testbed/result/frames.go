package result

import "path/filepath"

// Frame is a line of frames.csv: a picture of the source. Times are milliseconds since the call began; NaN (in the file: nothing) is what did not happen
// or was not measured.
type Frame struct {
	Number        uint64  // of the source's picture
	CapturedMs    float64 // when it was there to be taken
	TakenMs       float64 // when the system had read it
	ShownMs       float64 // when it was on the screen
	FrameDelayMs  float64
	SignalDelayMs float64 // until it or a later one was on the screen
	SSIM          float64 // of luma
	PSNRdB        float64
}

// maxFrames bounds frames.csv: nine hours at 60 pictures a second.
const maxFrames = 2_000_000

// The columns of frames.csv in order, with the decimals of each that are written. SSIM needs more: 0.001 of it is 0.2 dB at 17 dB.
var frameColumns = []column{
	{"number", 0}, {"captured_ms", 3}, {"taken_ms", 3}, {"shown_ms", 3}, {"frame_delay_ms", 3}, {"signal_delay_ms", 3}, {"ssim", 5}, {"psnr_db", 3},
}

// values are the fields behind the number, in the order of the columns.
func (f *Frame) values() []*float64 {
	return []*float64{&f.CapturedMs, &f.TakenMs, &f.ShownMs, &f.FrameDelayMs, &f.SignalDelayMs, &f.SSIM, &f.PSNRdB}
}

// appendFrames appends frames.csv to b. Pictures have to be in the order of their numbers, each once.
func appendFrames(b []byte, frames []Frame) ([]byte, error) {
	b = appendHeader(b, frameColumns)
	for i := range frames {
		f := frames[i]
		if i > 0 && f.Number <= frames[i-1].Number {
			return nil, orderError(i, "number", f.Number, frames[i-1].Number)
		}
		var err error
		if b, err = appendLine(b, &f.Number, frameColumns, f.values()); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// ReadFrames reads frames.csv of a cell's folder. Errors name file and line.
func ReadFrames(folder string) ([]Frame, error) {
	var frames []Frame
	err := readLines(filepath.Join(folder, FramesFile), frameColumns, maxFrames, func(fields []string) error {
		var f Frame
		if err := parseNumber(fields[0], frameColumns[0], &f.Number); err != nil {
			return err
		}
		if err := parseValues(fields[1:], frameColumns[1:], f.values()); err != nil {
			return err
		}
		if n := len(frames); n > 0 && f.Number <= frames[n-1].Number {
			return orderError(n, "number", f.Number, frames[n-1].Number)
		}
		frames = append(frames, f)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return frames, nil
}
