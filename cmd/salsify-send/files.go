package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"salsify/cmd/internal/live"
	"salsify/codec/ivf"
	"salsify/sender"
)

// files are what --record and --stats write.
type files struct {
	screen    *live.Screen
	record    *recorder
	statsFile *os.File
	stats     *bufio.Writer
	err       error // the first of a write; the stream goes on without the files
}

func openFiles(o *options, width, height int, screen *live.Screen) (*files, error) {
	f := &files{screen: screen}
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
			return nil, errors.Join(fmt.Errorf("--stats: %w", err), f.close())
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
		if err := f.record.event(e); err != nil {
			f.err = fmt.Errorf("--record: %w", err)
		}
	}
	if f.stats != nil {
		if err := f.writeStats(e); err != nil {
			f.err = errors.Join(f.err, fmt.Errorf("--stats: %w", err))
		}
	}
	if f.err != nil { // now, while something can be done about it
		f.screen.Say("warning: nothing more is written to files: %v", f.err)
	}
}

func (f *files) writeStats(e sender.Event) error {
	d := e.Decision
	line := statsLine{
		Time: e.At.UnixMicro(), Picture: e.Picture.Number, Captured: e.Picture.Captured.UnixMicro(), Outcome: d.Reason,
		Frame: d.Frame, Source: d.Source, Chosen: d.Chosen, Budget: d.Budget, Capacity: d.Capacity.Kbit(),
		Queue: milliseconds(d.QueueDelay), Encode: milliseconds(d.Took), Effort: d.Effort, Cautious: d.Cautious,
		Lost: e.Snapshot.LostPackets, WireBytes: e.Snapshot.WireBytes,
		Quantizers: []int{}, Bytes: []int{},
	}
	for i, c := range e.Candidates {
		line.Quantizers = append(line.Quantizers, c.Stats.Info.Quantizer)
		line.Bytes = append(line.Bytes, len(c.Frame))
		if i == d.Chosen {
			line.Key = c.Stats.Info.Key
			if !math.IsNaN(c.Stats.SSIM) { // which JSON has not
				line.SSIM = c.Stats.SSIM
			}
		}
	}
	b, err := json.Marshal(line)
	if err == nil {
		_, err = f.stats.Write(append(b, '\n'))
	}
	return err
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
// the stream does not: after a loss it starts again from an older state. So a frame is written only when all that may follow
// goes on from it, and those that the stream does not go on from are left out.
type recorder struct {
	file    *os.File
	ivf     *ivf.Writer
	pending []recorded // in the order of their numbers, which grow
	last    uint64     // number of the frame written last; 0: none of this session
	began   time.Time  // capture of the first picture
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
	if d.Frame == 1 { // a new session counts anew
		if err := r.finish(); err != nil {
			return err
		}
	}
	if d.Chosen >= 0 {
		if r.began.IsZero() {
			r.began = e.Picture.Captured
		}
		r.pending = append(r.pending, recorded{
			number: d.Frame, source: d.Source, captured: e.Picture.Captured, data: e.Candidates[d.Chosen].Frame,
		})
		if len(r.pending) > maxPending { // after that, only a key frame can go on
			r.pending = append(r.pending[:0], r.pending[1:]...)
		}
	}
	return r.settle(e.Settled)
}

// maxPending bounds the frames that wait; as many as a sender keeps states, and more.
const maxPending = 1024

// settle writes what cannot change any more, when frames to come start from that one or a later one: the frames that lead to the
// newest common ancestor of all those. It then forgets what no frame to come starts from.
func (r *recorder) settle(oldest uint64) error {
	if r.last >= oldest { // a frame to come may start from what was written last
		return nil
	}
	var common []int // the way to the common ancestor, by places in pending, backwards
	for i := len(r.pending) - 1; i >= 0 && r.pending[i].number >= oldest; i-- {
		if way := r.way(i); common == nil {
			common = way
		} else if common = suffix(common, way); len(common) == 0 {
			return nil
		}
	}
	if len(common) == 0 {
		return nil
	}
	for i := len(common) - 1; i >= 0; i-- {
		if err := r.write(r.pending[common[i]]); err != nil {
			return err
		}
	}
	r.pending = append(r.pending[:0], r.pending[common[0]+1:]...)
	return nil
}

// way returns the places of a frame and of those that lead to it, backwards, as far as they were not written. It is empty if it
// does not begin where what was written ends, nor with a key frame.
func (r *recorder) way(i int) []int {
	var way []int
	for wanted := r.pending[i].number; i >= 0; i-- {
		if r.pending[i].number == wanted {
			way = append(way, i)
			wanted = r.pending[i].source
			if wanted == r.last || wanted == 0 {
				return way
			}
		}
	}
	return []int{}
}

// suffix returns the longest common end of two ways.
func suffix(a, b []int) []int {
	n := 0
	for n < min(len(a), len(b)) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return a[len(a)-n:]
}

func (r *recorder) write(f recorded) error {
	r.last = f.number
	return r.ivf.Write(f.data, uint64(f.captured.Sub(r.began).Milliseconds()))
}

// finish writes the way to the newest frame: no report of it will come, but most will have arrived.
func (r *recorder) finish() error {
	var err error
	if n := len(r.pending); n > 0 {
		err = r.settle(r.pending[n-1].number)
	}
	r.pending, r.last = nil, 0
	return err
}

func (r *recorder) close() error { return errors.Join(r.finish(), r.ivf.Close(), r.file.Close()) }
