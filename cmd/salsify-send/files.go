package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"salsify/codec/ivf"
	"salsify/sender"
)

// files are what --record and --stats write.
type files struct {
	record    *recorder
	statsFile *os.File
	stats     *bufio.Writer
	err       error // the first of a write; the stream goes on without the file
}

func openFiles(o *options, width, height int) (*files, error) {
	f := &files{}
	if o.record != "" {
		r, err := newRecorder(o.record, width, height)
		if err != nil {
			return nil, fmt.Errorf("--record: %w", err)
		}
		f.record = r
	}
	if o.stats != "" {
		file, err := os.Create(o.stats)
		if err != nil {
			return nil, fmt.Errorf("--stats: %w", err)
		}
		f.statsFile, f.stats = file, bufio.NewWriter(file)
	}
	return f, nil
}

// statsLine is a line of --stats; docs/endpoint.md describes it.
type statsLine struct {
	Time       int64   `json:"time_us"`     // when it was decided, Unix time in microseconds
	Picture    uint64  `json:"picture"`     // number of the source's picture
	Captured   int64   `json:"captured_us"` // when it was captured, Unix time
	Outcome    string  `json:"outcome"`     // "sent", or why not
	Frame      uint64  `json:"frame,omitempty"`
	Source     uint64  `json:"source_frame"`
	Key        bool    `json:"key,omitempty"`
	Quantizers []int   `json:"quantizers"`
	Bytes      []int   `json:"candidate_bytes"`
	Chosen     int     `json:"chosen"` // -1: none
	SSIM       float64 `json:"ssim,omitempty"`
	Budget     int     `json:"budget_bytes"`
	Capacity   float64 `json:"capacity_kbit_s"`
	Queue      float64 `json:"queue_delay_ms"`
	Encode     float64 `json:"encode_ms"`
	Effort     int     `json:"effort"`
	Cautious   bool    `json:"cautious,omitempty"`
	Lost       uint64  `json:"lost_packets"` // so far
	WireBytes  uint64  `json:"wire_bytes"`   // so far
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// frame writes a picture's fate.
func (f *files) frame(e sender.Event) {
	if f.err != nil {
		return
	}
	if f.record != nil {
		f.err = errors.Join(f.err, f.record.event(e))
	}
	if f.stats == nil {
		return
	}
	d := e.Decision
	line := statsLine{
		Time: e.At.UnixMicro(), Picture: e.Picture.Number, Captured: e.Picture.Captured.UnixMicro(), Outcome: d.Reason,
		Frame: d.Frame, Source: d.Source, Chosen: d.Chosen, Budget: d.Budget, Capacity: d.Capacity.Kbit(),
		Queue: milliseconds(d.QueueDelay), Encode: milliseconds(d.Took), Effort: d.Effort, Cautious: d.Cautious,
		Lost: e.Snapshot.LostPackets, WireBytes: e.Snapshot.WireBytes,
	}
	for i, c := range e.Candidates {
		line.Quantizers = append(line.Quantizers, c.Stats.Info.Quantizer)
		line.Bytes = append(line.Bytes, len(c.Frame))
		if i == d.Chosen {
			line.Key, line.SSIM = c.Stats.Info.Key, c.Stats.SSIM
		}
	}
	b, err := json.Marshal(line)
	if err == nil {
		_, err = f.stats.Write(append(b, '\n'))
	}
	f.err = errors.Join(f.err, err)
}

func (f *files) close() error {
	err := f.err
	if f.record != nil {
		err = errors.Join(err, f.record.close())
	}
	if f.stats != nil {
		err = errors.Join(err, f.stats.Flush(), f.statsFile.Close())
	}
	return err
}

// recorder writes the frames that were sent to an IVF file that any player decodes. A player goes from each frame to the next,
// the stream does not: after a loss it starts again from an older state. So a frame is written only when it is settled that the
// stream goes on from it, and those that it does not go on from are left out.
type recorder struct {
	file    *os.File
	ivf     *ivf.Writer
	pending []recorded
	last    uint64    // number of the frame written last
	began   time.Time // capture of the first picture
}

type recorded struct {
	number, source uint64
	captured       time.Time
	data           []byte
}

// recordTimeBase is the unit of the file's time stamps: milliseconds, since frames come when they come.
const recordTimeBase = 1000

func newRecorder(path string, width, height int) (*recorder, error) {
	file, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := ivf.NewWriter(file, ivf.Header{Width: width, Height: height, Rate: recordTimeBase, Scale: 1})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &recorder{file: file, ivf: w}, nil
}

func (r *recorder) event(e sender.Event) error {
	d := e.Decision
	if d.Frame == 1 && len(r.pending) > 0 { // a new session counts anew
		if err := r.settle(r.pending[len(r.pending)-1].number); err != nil {
			return err
		}
		r.pending, r.last = nil, 0
	}
	if d.Chosen >= 0 {
		if r.began.IsZero() {
			r.began = e.Picture.Captured
		}
		r.pending = append(r.pending, recorded{
			number: d.Frame, source: d.Source, captured: e.Picture.Captured, data: e.Candidates[d.Chosen].Frame,
		})
	}
	return r.settle(e.Settled)
}

// settle writes the frames that lead to that one, and drops the others before it.
func (r *recorder) settle(number uint64) error {
	wanted := number
	var path []int // backwards
	for i := len(r.pending) - 1; i >= 0; i-- {
		if r.pending[i].number == wanted {
			path = append(path, i)
			wanted = r.pending[i].source
		}
	}
	if len(path) == 0 || wanted != r.last && wanted != 0 {
		return nil
	}
	for i := len(path) - 1; i >= 0; i-- {
		f := r.pending[path[i]]
		if err := r.ivf.Write(f.data, uint64(f.captured.Sub(r.began).Milliseconds())); err != nil {
			return err
		}
	}
	r.last = number
	r.pending = append(r.pending[:0], r.pending[path[0]+1:]...)
	return nil
}

func (r *recorder) close() error {
	var err error
	if len(r.pending) > 0 { // the newest frames were never reported, but most will have come
		err = r.settle(r.pending[len(r.pending)-1].number)
	}
	return errors.Join(err, r.ivf.Close(), r.file.Close())
}
