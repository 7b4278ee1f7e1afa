package vp8_test

import (
	"bytes"
	"fmt"
	"image"
	"math/rand/v2"
	"os/exec"
	"testing"

	"salsify/codec/vp8"
	"salsify/testbed/testenv"
)

// stream is one to be encoded and then decoded by everyone.
type stream struct {
	width, height int
	kind          string
	frames        int
	effort        int // the highest
}

// streams are small pictures of every kind with all options, and some large ones.
func streams() (all []stream) {
	for _, size := range []image.Point{{1, 1}, {16, 16}, {17, 33}, {175, 33}, {33, 175}, {96, 96}} {
		for _, kind := range kinds {
			if s := (stream{size.X, size.Y, kind, 24, vp8.MaxEffort}); size.X*size.Y <= 16*16 || !underRace() || kind == "pan" {
				all = append(all, s)
			}
		}
	}
	if underRace() {
		return all
	}
	return append(all,
		stream{vp8.MaxSize, 9, "pan", 4, 5}, // distances that take all bits of a vector
		stream{9, vp8.MaxSize, "pan", 4, 5},
		stream{1280, 720, "pan", 4, 5},
		stream{1280, 720, "squares", 3, 8},
		stream{1920, 1080, "texture", 3, 2},
		stream{1920, 1080, "checker", 2, 0},
	)
}

// TestCrossCheck: vpxdec, ffmpeg and our own decoder give the pictures of the encoder's reconstruction, frame by frame.
func TestCrossCheck(t *testing.T) {
	vpxdec, ffmpeg := testenv.Tool(t, "vpxdec"), testenv.Tool(t, "ffmpeg")
	var seen coverage
	for i, st := range streams() {
		t.Run(fmt.Sprintf("%dx%d,%s", st.width, st.height, st.kind), func(t *testing.T) {
			sc := newScene(st.kind, st.width, st.height, uint64(i))
			rng := rand.New(rand.NewPCG(uint64(i), 7))
			encoder, decoder := newState(t, st.width, st.height), newState(t, st.width, st.height)
			var frames [][]byte
			var want []byte
			for n := range st.frames {
				src := sc.picture(n + i)
				frame, next := encodeRandomly(t, encoder, src, rng, st.effort)
				seen.note(t, encoder, frame)
				followed := follow(t, decoder, frame, next)
				encoder.Release()
				decoder.Release()
				encoder, decoder = next, followed
				frames = append(frames, frame)
				want = append(want, i420(next.Picture())...)
			}
			file := ivfOf(t, st.width, st.height, frames)
			comparePictures(t, "vpxdec", want, runVpxdec(t, vpxdec, file), st.frames)
			comparePictures(t, "ffmpeg", want, runFFmpeg(t, ffmpeg, file), st.frames)
			seen.streams++
		})
	}
	if seen.streams == len(streams()) { // else only some were asked for
		seen.check(t)
	}
}

// coverage counts what the streams are made of, since a stream that has nothing special tests less than it seems to.
type coverage struct {
	streams                                                                   int
	keys, golden, altRef, split, intra, skipped, segmented, unfiltered, sharp int
	partitions                                                                [9]int
}

func (c *coverage) note(t *testing.T, s *vp8.State, frame []byte) {
	t.Helper()
	info, err := vp8.Inspect(s, frame)
	if err != nil {
		t.Fatal(err)
	}
	count := func(n *int, is bool) {
		if is {
			*n++
		}
	}
	count(&c.keys, info.Key && s.HasPicture())
	count(&c.golden, info.RefreshGolden && !info.Key)
	count(&c.altRef, info.RefreshAltRef && !info.Key)
	count(&c.split, info.Split > 0)
	count(&c.intra, info.Intra > 0 && !info.Key)
	count(&c.skipped, info.Skipped > 0)
	count(&c.segmented, info.Segmentation)
	count(&c.unfiltered, info.FilterLevel == 0)
	count(&c.sharp, info.Sharpness > 0)
	c.partitions[info.TokenPartitions]++
}

func (c *coverage) check(t *testing.T) {
	for name, n := range map[string]int{
		"key frames in mid stream": c.keys, "golden refreshes": c.golden, "altref refreshes": c.altRef, "split macroblocks": c.split,
		"intra macroblocks in interframes": c.intra, "skipped macroblocks": c.skipped, "segments": c.segmented,
		"frames without loop filter": c.unfiltered, "frames with sharpness": c.sharp,
		"1 partition": c.partitions[1], "2 partitions": c.partitions[2], "4 partitions": c.partitions[4], "8 partitions": c.partitions[8],
	} {
		if n == 0 {
			t.Errorf("the streams have no %s", name)
		}
	}
}

// runVpxdec decodes an IVF file with libvpx, to I420 pictures one after the other.
func runVpxdec(t *testing.T, vpxdec string, file []byte) []byte {
	t.Helper()
	return output(t, file, vpxdec, "--i420", "--rawvideo", "-o", "-", "-")
}

// runFFmpeg does it with ffmpeg's own decoder.
func runFFmpeg(t *testing.T, ffmpeg string, file []byte) []byte {
	t.Helper()
	return output(t, file, ffmpeg, "-v", "error", "-nostdin", "-c:v", "vp8", "-i", "pipe:0", "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
}

// output runs a tool that reads the file and has nothing to complain about.
func output(t *testing.T, file []byte, tool string, arguments ...string) []byte {
	t.Helper()
	cmd := exec.Command(tool, arguments...)
	var complaint bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(file), &complaint
	out, err := cmd.Output()
	if err != nil || complaint.Len() > 0 {
		t.Fatalf("%s: %v: %s", tool, err, complaint.String())
	}
	return out
}

// comparePictures compares count pictures of the same size.
func comparePictures(t *testing.T, tool string, want, got []byte, count int) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s gives %d bytes of pictures, want %d", tool, len(got), len(want))
	}
	size := len(want) / count
	for i := range count {
		if !bytes.Equal(got[i*size:][:size], want[i*size:][:size]) {
			t.Fatalf("%s: picture %d of %d differs from the encoder's reconstruction", tool, i, count)
		}
	}
}
