package main

import (
	"bufio"
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"hash"
	"image"
	"io"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/pflag"

	"salsify/codec/y4m"
)

// Decoding, in order:
//
//  1. stream (below) opens the IVF file and finds the first state: from --state-in, the file header, or the first key frame.
//  2. Each frame is decoded from the state that the one before led to.
//  3. A picture that is to be shown goes to the Y4M file and to the list of MD5 sums.
//  4. A frame that cannot be decoded ends it. The pictures before it are kept, and the message says so.

const decodeHelp = `Usage: salsify-vp8 decode [flags] IN.ivf [OUT.y4m]

Decodes VP8 in an IVF file to pictures (YUV4MPEG2), or with --md5 to one line for each picture on standard output: the MD5 sum of
its visible samples in I420 order (all of Y, then U, then V), and a name made of the file's, the picture's size and the number of
the frame in the file. Frames that are not to be shown give nothing, but count. Without OUT.y4m and --md5 it only checks that
every frame can be decoded. A file named - is standard input or output.

If a frame cannot be decoded, the exit status is 1, and OUT.y4m holds the pictures before it. The size may change at a key frame:
a Y4M file cannot hold that and ends there, the MD5 sums go on.

Examples:
  salsify-vp8 decode clip.ivf clip.y4m
  salsify-vp8 decode --md5 clip.ivf | diff - clip.ivf.md5
  salsify-vp8 decode clip.ivf - | ffplay -
  salsify-vp8 decode --state-out S.bin 1.ivf 1.y4m && salsify-vp8 decode --state-in S.bin 2.ivf 2.y4m
`

type decodeFlags struct {
	md5               bool
	threads           int
	stateIn, stateOut string
}

func (s *session) decode(args []string) error {
	var flags decodeFlags
	f := pflag.NewFlagSet("decode", pflag.ContinueOnError)
	f.BoolVar(&flags.md5, "md5", false, "print the MD5 sum of each picture")
	f.IntVar(&flags.threads, "threads", 0, "threads `T` at work at once; 0 is one for each processor. Never changes the result")
	f.StringVar(&flags.stateIn, "state-in", "", "go on from the state in this `file`")
	f.StringVar(&flags.stateOut, "state-out", "", "save the last state to this `file`")
	files, err := s.parse(f, decodeHelp, args, 1, 2)
	if err != nil {
		return err
	}
	if flags.threads < 0 {
		return usagef("--threads %d must not be negative", flags.threads)
	}
	if flags.threads == 0 {
		flags.threads = runtime.GOMAXPROCS(0)
	}
	if err := checkStateFlags(flags.stateIn, flags.stateOut); err != nil {
		return err
	}
	if flags.md5 && len(files) == 2 && files[1] == standard {
		return usagef("--md5 and the pictures cannot both go to standard output")
	}
	in, err := s.openStream(files[0], flags.stateIn)
	if err != nil {
		return err
	}
	defer in.close()
	in.options.Goroutines = flags.threads

	d := &decoding{in: in}
	if len(files) == 2 {
		out, err := s.create(files[1])
		if err != nil {
			return err
		}
		defer out.discard()
		d.video = &videoFile{name: outputName(files[1]), out: out, rate: in.rate()}
	}
	if flags.md5 {
		d.list = &md5List{out: bufio.NewWriter(s.stdout), name: md5Name(files[0]), sum: md5.New()}
	}
	p := s.newProgress("decoding", int(in.file.Header().Frames))
	err = d.all(s.ctx, p)
	p.end()
	if err = d.finish(err); err != nil {
		return err
	}
	if flags.stateOut != "" {
		if err := s.saveState(flags.stateOut, in.state); err != nil {
			return err
		}
	}
	w, h := in.state.Size()
	fmt.Fprintf(s.stderr, "%d frames, %d shown, %dx%d\n", in.number, d.shown, w, h)
	return nil
}

// decoding is a stream on its way into files.
type decoding struct {
	in    *stream
	shown int        // pictures so far
	video *videoFile // nil: not asked for
	list  *md5List   // nil: not asked for

	videoErr error // why the video file ended before the stream
}

// all decodes frame by frame until the end, or until a failure leaves nothing to do.
func (d *decoding) all(ctx context.Context, p progress) error {
	for ; ; p.frame() {
		if err := ctx.Err(); err != nil {
			return err
		}
		frame, err := d.in.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		picture, err := d.in.decode(frame)
		if err != nil {
			return err
		}
		if picture == nil {
			continue
		}
		d.shown++
		if d.list != nil {
			d.list.add(picture, d.in.number)
		}
		if d.video == nil || d.videoErr != nil {
			continue
		}
		if err := d.video.add(picture); err != nil {
			d.videoErr = fmt.Errorf("%s: frame %d: %w", d.in.name, d.in.number, err)
			if d.list == nil {
				return nil
			}
		}
	}
}

// finish ends the files after all returned err, and returns what there is to tell.
func (d *decoding) finish(err error) error {
	if d.list != nil {
		err = errors.Join(err, d.list.out.Flush())
	}
	v := d.video
	if v == nil || errors.Is(err, context.Canceled) {
		return err
	}
	err = errors.Join(d.videoErr, err)
	switch {
	case err == nil:
		return v.commit(d.in.state.Size())
	case d.videoErr != nil && !errors.Is(d.videoErr, errSizeChange):
		return err // the file could not be written: what there is of it may be cut anywhere
	case v.pictures == 0:
		return fmt.Errorf("%w; no picture came before it, so %s was not written", err, v.name)
	}
	if failed := v.commit(d.in.state.Size()); failed != nil {
		return errors.Join(err, failed)
	}
	return fmt.Errorf("%w; the pictures before it (%d) are in %s", err, v.pictures, v.name)
}

// errSizeChange ends a video file, but leaves it whole.
var errSizeChange = errors.New("the size changes")

// videoFile is the Y4M file that is written.
type videoFile struct {
	name     string
	out      *output
	rate     y4m.Rate
	header   y4m.Header  // of the first picture
	writer   *y4m.Writer // nil before the first picture
	pictures int
}

func (v *videoFile) add(picture *image.YCbCr) error {
	size := picture.Rect.Size()
	if v.writer == nil {
		if err := v.begin(size.X, size.Y); err != nil {
			return err
		}
	}
	if size.X != v.header.Width || size.Y != v.header.Height {
		return fmt.Errorf("%w from %dx%d to %dx%d, which a Y4M file cannot hold", errSizeChange,
			v.header.Width, v.header.Height, size.X, size.Y)
	}
	if err := v.writer.Write(picture); err != nil {
		return err
	}
	v.pictures++
	return nil
}

func (v *videoFile) begin(width, height int) (err error) {
	v.header = y4m.Header{Width: width, Height: height, Rate: v.rate}
	v.writer, err = y4m.NewWriter(v.out, v.header)
	return err
}

// commit makes the file visible. One without pictures gets a header of the given size.
func (v *videoFile) commit(width, height int) error {
	if v.writer == nil {
		if err := v.begin(width, height); err != nil {
			return err
		}
	}
	return v.out.commit()
}

// md5List is the list of MD5 sums that is printed.
type md5List struct {
	out  *bufio.Writer // keeps its first error for Flush
	name string
	sum  hash.Hash
}

// md5Name returns the name that goes into each line: the file's without folder and extension.
func md5Name(file string) string {
	if file == standard {
		return "stdin"
	}
	return strings.TrimSuffix(filepath.Base(file), ".ivf")
}

// add prints the line of a picture. number is that of its frame in the file, from 1, as in the lists of the conformance streams.
func (l *md5List) add(picture *image.YCbCr, number int) {
	w, h := picture.Rect.Dx(), picture.Rect.Dy()
	chromaWidth, chromaHeight := (w+1)/2, (h+1)/2
	l.sum.Reset()
	for y := range h {
		l.sum.Write(picture.Y[y*picture.YStride:][:w])
	}
	for _, plane := range [][]byte{picture.Cb, picture.Cr} {
		for y := range chromaHeight {
			l.sum.Write(plane[y*picture.CStride:][:chromaWidth])
		}
	}
	fmt.Fprintf(l.out, "%x  %s-%dx%d-%04d.i420\n", l.sum.Sum(nil), l.name, w, h, number)
}
