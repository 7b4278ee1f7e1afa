package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/codec/y4m"
)

// vpxencQs are the quantizers of vpxenc at which a clip is coded: from about the best to about the worst that a call sends.
var vpxencQs = []int{10, 18, 28, 38, 50}

// quantizerOf maps vpxenc's quantizer, 0 to 63, to VP8's quantizer index: the table q_trans of libvpx's VP8 interface.
var quantizerOf = [64]int{
	0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 15, 17, 18, 19,
	20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33, 35, 37, 39, 41,
	43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 64, 67, 70, 73, 76, 79,
	82, 85, 88, 91, 94, 97, 100, 103, 106, 109, 112, 115, 118, 121, 124, 127,
}

// vpxencArgs are vpxenc's arguments for a real-time call at one quantizer: no look-ahead, one key frame, one thread.
func vpxencArgs(q string) []string {
	return []string{"-q", "-y", "--codec=vp8", "--rt", "--cpu-used=-6", "--threads=1", "--end-usage=q", "--lag-in-frames=0",
		"--kf-max-dist=9999", "--ivf", "--cq-level=" + q, "--min-q=" + q, "--max-q=" + q}
}

// theirs codes source with vpxenc at quantizer q and measures the result, or takes it from the cache.
func (b *bencher) theirs(ctx context.Context, j job, source string, q int) (measurement, error) {
	args := vpxencArgs(strconv.Itoa(q))
	entry, err := b.newCacheEntry(j, q, args)
	if err != nil {
		return measurement{}, err
	}
	if m, ok := entry.load(); ok {
		return m, nil
	}
	stream := source + ".ivf"
	defer os.Remove(stream)
	cmd := exec.CommandContext(ctx, b.tools["vpxenc"], append(args, "-o", stream, source)...)
	if _, err := output(cmd); err != nil {
		return measurement{}, err
	}
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	m := measurement{Q: q, Quantizer: quantizerOf[q], CPUSeconds: cpu.Seconds()}
	if err := b.measureStream(ctx, source, stream, &m); err != nil {
		return measurement{}, err
	}
	return m, entry.store(m)
}

// measureStream fills in the frames, bits and quality of a stream. It decodes with our decoder; should that fail, with vpxdec,
// and says so: a bench of the encoder ought not to stop for the decoder.
func (b *bencher) measureStream(ctx context.Context, source, stream string, m *measurement) error {
	var err error
	if m.Frames, m.Bits, err = countStream(stream); err != nil {
		return err
	}
	err = b.measureDecoded(ctx, source, stream, m, openOurDecoder)
	if err != nil && ctx.Err() == nil {
		b.log.printf("our decoder failed on vpxenc's stream (%v); taking vpxdec", err)
		err = b.measureDecoded(ctx, source, stream, m, b.openVpxdec)
	}
	return err
}

// countStream returns how many frames and bits an IVF file holds.
func countStream(stream string) (frames int, bits int64, err error) {
	file, err := os.Open(stream)
	if err != nil {
		return 0, 0, err
	}
	defer file.Close()
	in, err := ivf.NewReader(bufio.NewReader(file))
	if err != nil {
		return 0, 0, err
	}
	var buf []byte
	for {
		buf, _, err = in.Next(buf)
		if err == io.EOF {
			return frames, bits, nil
		}
		if err != nil {
			return 0, 0, err
		}
		frames++
		bits += 8 * int64(len(buf))
	}
}

// decoder returns one shown picture after the other, each valid until the next call, and io.EOF at the end.
type decoder struct {
	next  func() (*image.YCbCr, error)
	close func()
}

func (b *bencher) measureDecoded(ctx context.Context, source, stream string, m *measurement,
	open func(ctx context.Context, stream string) (*decoder, error)) error {
	d, err := open(ctx, stream)
	if err != nil {
		return err
	}
	defer d.close()
	score, frames, err := compareClip(ctx, source, func(*image.YCbCr) (*image.YCbCr, error) { return d.next() })
	if err != nil {
		return err
	}
	if frames != m.Frames {
		return fmt.Errorf("the stream has %d frames, the clip %d", m.Frames, frames)
	}
	m.SSIM, m.MSE = score.SSIM, score.MSE
	return nil
}

// openOurDecoder decodes a stream with vp8.Decode.
func openOurDecoder(_ context.Context, stream string) (*decoder, error) {
	file, err := os.Open(stream)
	if err != nil {
		return nil, err
	}
	in, err := ivf.NewReader(bufio.NewReader(file))
	if err != nil {
		file.Close()
		return nil, err
	}
	state, err := vp8.NewState(in.Header().Width, in.Header().Height)
	if err != nil {
		file.Close()
		return nil, err
	}
	var buf []byte
	next := func() (*image.YCbCr, error) {
		for {
			if buf, _, err = in.Next(buf); err != nil {
				return nil, err
			}
			after, picture, err := vp8.Decode(state, buf)
			if err != nil {
				return nil, err
			}
			state.Release()
			state = after
			if picture != nil {
				return picture, nil
			}
		}
	}
	return &decoder{next: next, close: func() { file.Close() }}, nil
}

// openVpxdec decodes a stream with vpxdec, which writes raw pictures to a pipe.
func (b *bencher) openVpxdec(ctx context.Context, stream string) (*decoder, error) {
	file, err := os.Open(stream)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	in, err := ivf.NewReader(file)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	cmd := exec.CommandContext(ctx, b.tools["vpxdec"], "--i420", "-o", "-", stream)
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return nil, err
	}
	picture := y4m.Header{Width: in.Header().Width, Height: in.Header().Height}.NewPicture()
	next := func() (*image.YCbCr, error) {
		for _, plane := range [][]byte{picture.Y, picture.Cb, picture.Cr} {
			if _, err := io.ReadFull(pipe, plane); err != nil {
				return nil, err
			}
		}
		return picture, nil
	}
	return &decoder{next: next, close: func() {
		cancel()
		_ = cmd.Wait() // it may have been stopped early; what it gave was checked by then
	}}, nil
}

// cacheEntry is a result of vpxenc in the cache folder. It serves only if what led to it is the same.
type cacheEntry struct {
	path string // empty: no cache

	Args        []string    `json:"vpxenc_args"`
	ClipBytes   int64       `json:"clip_bytes"` // tells another version of the clip
	Measurement measurement `json:"measurement"`
}

func (b *bencher) newCacheEntry(j job, q int, args []string) (*cacheEntry, error) {
	if b.cache == "" {
		return &cacheEntry{}, nil
	}
	info, err := os.Stat(j.path)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("vpxenc-%s-%s-q%02d-frames%d.json", j.name, j.grain, q, b.frames)
	return &cacheEntry{path: filepath.Join(b.cache, name), Args: args, ClipBytes: info.Size()}, nil
}

// load returns the cached result, if there is one that fits.
func (e *cacheEntry) load() (measurement, bool) {
	if e.path == "" {
		return measurement{}, false
	}
	data, err := os.ReadFile(e.path)
	if err != nil {
		return measurement{}, false
	}
	var old cacheEntry
	if json.Unmarshal(data, &old) != nil || !slices.Equal(old.Args, e.Args) || old.ClipBytes != e.ClipBytes || old.Measurement.Frames == 0 {
		return measurement{}, false
	}
	old.Measurement.Cached = true
	return old.Measurement, true
}

func (e *cacheEntry) store(m measurement) error {
	if e.path == "" {
		return nil
	}
	e.Measurement = m
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(e.path, data, 0o666)
}

var versionPattern = regexp.MustCompile(`WebM Project VP8 Encoder (\S+)`)

// vpxencVersion returns the version that vpxenc's help tells, for the report.
func vpxencVersion(ctx context.Context, path string) string {
	help, err := exec.CommandContext(ctx, path, "--help").CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) { // some versions exit with 1 after their help
		return "unknown"
	}
	if found := versionPattern.FindSubmatch(help); found != nil {
		return string(found[1])
	}
	return "unknown"
}
