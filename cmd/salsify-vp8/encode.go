package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"

	"github.com/spf13/pflag"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/testbed/quality"
)

// Encoding, in order:
//
//  1. The source's header gives size and rate; the first state is new, or comes from --state-in.
//  2. Each picture is coded from the state that the one before led to, and written.
//  3. The stream becomes visible under its name, then the last state is saved, then the summary is printed.

// defaultQuantizer gives an SSIM of about 14 dB, a good picture, where two people talk at 720p; that takes 0.7 Mbit/s at 25 frames/s.
const defaultQuantizer = 30

// assumedRate is for a source that does not tell its frame rate.
var assumedRate = y4m.Rate{Num: 30, Den: 1}

const encodeHelp = `Usage: salsify-vp8 encode [flags] IN.y4m OUT.ivf

Codes pictures (YUV4MPEG2, 8-bit 4:2:0) as VP8 in an IVF file. The first picture becomes a key frame, unless --state-in gives a
state to go on from; all others are interframes. A file named - is standard input or output. OUT.ivf appears only when it is
complete.

Examples:
  salsify-vp8 encode clip.y4m clip.ivf
  salsify-vp8 encode --quantizer 60 --effort 10 clip.y4m small.ivf
  salsify-vp8 encode --frame-bytes 4000 clip.y4m clip.ivf       each frame at most 4000 bytes
  ffmpeg -i clip.mp4 -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-vp8 encode - clip.ivf
  salsify-vp8 encode --state-in S.bin more.y4m more.ivf         go on where --state-out S.bin left off
`

type encodeFlags struct {
	options           vp8.Options
	stateIn, stateOut string
}

func (s *session) encode(args []string) error {
	flags, files, err := s.parseEncode(args)
	if err != nil {
		return err
	}
	in, err := s.open(files[0])
	if err != nil {
		return err
	}
	defer in.Close()
	source, err := y4m.NewReader(in)
	if err != nil {
		return fmt.Errorf("%s: %w", files[0], err)
	}
	state, err := encodeFrom(flags.stateIn, source.Header(), files[0])
	if err != nil {
		return err
	}
	out, err := s.create(files[1])
	if err != nil {
		return err
	}
	defer out.discard()

	p := s.newProgress("encoding", frameCount(in, source.Header()))
	sum, err := s.encodeAll(source, files[0], state, flags.options, out.Writer, p)
	p.end()
	if err != nil {
		return err
	}
	if err := out.commit(); err != nil {
		return err
	}
	if flags.stateOut != "" {
		if err := s.saveState(flags.stateOut, sum.last); err != nil {
			return fmt.Errorf("%s is complete, but its last state could not be saved: %w", files[1], err)
		}
	}
	fmt.Fprintln(s.stderr, sum)
	return nil
}

func (s *session) parseEncode(args []string) (encodeFlags, []string, error) {
	var e encodeFlags
	o := &e.options
	f := pflag.NewFlagSet("encode", pflag.ContinueOnError)
	f.IntVar(&o.Quantizer, "quantizer", defaultQuantizer, "quantizer index `Q` of every frame, 0 (best) to 127")
	f.IntVar(&o.FrameBytes, "frame-bytes", 0, "instead of --quantizer: the best picture of at most `N` bytes for every frame")
	f.IntVar(&o.Effort, "effort", vp8.DefaultEffort, "work `E` for each frame: 0 the fastest, 5 for real time, 10 the best")
	f.IntVar(&o.Goroutines, "threads", 0, "threads `T` at work at once; 0 is one for each processor. Never changes the result")
	f.IntVar(&o.TokenPartitions, "token-partitions", 1, "token partitions `P` of each frame: 1, 2, 4 or 8")
	f.StringVar(&e.stateIn, "state-in", "", "go on from the state in this `file`")
	f.StringVar(&e.stateOut, "state-out", "", "save the last state to this `file`")
	files, err := s.parse(f, encodeHelp, args, 2, 2)
	if err != nil {
		return e, nil, err
	}
	switch p := o.TokenPartitions; {
	case f.Changed("quantizer") && f.Changed("frame-bytes"):
		err = usagef("--quantizer and --frame-bytes exclude each other")
	case o.Quantizer < 0 || o.Quantizer > 127:
		err = usagef("--quantizer %d must be 0 to 127", o.Quantizer)
	case f.Changed("frame-bytes") && o.FrameBytes < 1:
		err = usagef("--frame-bytes %d must be at least 1", o.FrameBytes)
	case o.Effort < vp8.MinEffort || o.Effort > vp8.MaxEffort:
		err = usagef("--effort %d must be %d to %d", o.Effort, vp8.MinEffort, vp8.MaxEffort)
	case o.Goroutines < 0:
		err = usagef("--threads %d must not be negative", o.Goroutines)
	case p != 1 && p != 2 && p != 4 && p != 8:
		err = usagef("--token-partitions %d must be 1, 2, 4 or 8", p)
	default:
		err = checkStateFlags(e.stateIn, e.stateOut)
	}
	if o.Goroutines == 0 {
		o.Goroutines = runtime.GOMAXPROCS(0)
	}
	return e, files, err
}

// encodeFrom returns the state for the first picture.
func encodeFrom(stateIn string, h y4m.Header, source string) (*vp8.State, error) {
	if stateIn == "" {
		return vp8.NewState(h.Width, h.Height)
	}
	state, err := loadState(stateIn)
	if err != nil {
		return nil, err
	}
	if w, height := state.Size(); w != h.Width || height != h.Height {
		return nil, fmt.Errorf("%s is a state of %dx%d pictures, but %s has %dx%d: scale the video, or leave out --state-in",
			stateIn, w, height, source, h.Width, h.Height)
	}
	return state, nil
}

// frameCount returns how many frames a regular file holds, for the progress line; 0 if that cannot be told.
func frameCount(in io.Reader, h y4m.Header) int {
	file, ok := in.(*os.File)
	if !ok {
		return 0
	}
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return 0
	}
	return int(info.Size() / int64(h.FrameBytes()+len("FRAME\n")))
}

// encodeSummary is what the line at the end tells.
type encodeSummary struct {
	frames int
	bytes  int64
	rate   y4m.Rate
	ssim   float64 // sum over the frames
	last   *vp8.State
}

func (e encodeSummary) String() string {
	if e.frames == 0 {
		return "0 frames: the input has no pictures"
	}
	seconds := float64(e.frames) * float64(e.rate.Den) / float64(e.rate.Num)
	return fmt.Sprintf("%d frames, %d bytes, %.1f kbit/s at %.2f frames/s, luma SSIM about %s dB", e.frames, e.bytes,
		8*float64(e.bytes)/1000/seconds, float64(e.rate.Num)/float64(e.rate.Den), quality.FormatDB(quality.DB(e.ssim/float64(e.frames))))
}

// encodeAll codes every picture of source into out, from state on.
func (s *session) encodeAll(source *y4m.Reader, name string, state *vp8.State, o vp8.Options, out io.Writer, p progress) (encodeSummary, error) {
	h := source.Header()
	sum := encodeSummary{rate: h.Rate, last: state}
	if sum.rate.Num <= 0 || sum.rate.Den <= 0 || sum.rate.Num > math.MaxUint32 || sum.rate.Den > math.MaxUint32 {
		sum.rate = assumedRate
	}
	stream, err := ivf.NewWriter(out, ivf.Header{
		Width: h.Width, Height: h.Height, Rate: uint32(sum.rate.Num), Scale: uint32(sum.rate.Den),
	})
	if err != nil {
		return sum, err
	}
	picture := h.NewPicture()
	for ; ; p.frame() {
		if err := s.ctx.Err(); err != nil {
			return sum, err
		}
		err := source.Read(picture)
		if err == io.EOF {
			return sum, stream.Close()
		}
		if err != nil {
			return sum, fmt.Errorf("%s: %w", name, err)
		}
		frame, next, stats, err := vp8.Encode(sum.last, picture, o)
		if errors.Is(err, vp8.ErrBudget) {
			err = fmt.Errorf("%w; give more --frame-bytes", err)
		}
		if err != nil {
			return sum, fmt.Errorf("%s: frame %d: %w", name, sum.frames+1, err)
		}
		if err := stream.Write(frame, uint64(sum.frames)); err != nil {
			return sum, err
		}
		sum.last.Release()
		sum.last = next
		sum.frames++
		sum.bytes += int64(len(frame))
		sum.ssim += stats.SSIM
	}
}
