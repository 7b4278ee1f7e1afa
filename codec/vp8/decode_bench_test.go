package vp8

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"salsify/codec/vp8/internal/header"
	"salsify/testbed/testenv"
)

// BenchmarkDecode720p decodes real-time streams of vpxenc, of our own moving texture and of a camera where the shared clips are
// there, with one goroutine and two. Bytes allocated are those of a decoder that releases its States.
func BenchmarkDecode720p(b *testing.B) {
	b.Run("texture", func(b *testing.B) {
		benchmarkDecode(b, testClip(1280, 720, 12))
	})
	b.Run("camera", func(b *testing.B) {
		benchmarkDecode(b, cameraClip(b))
	})
}

// cameraClip gives the first 60 pictures of a shared clip of 1280x720, as I420.
func cameraClip(b *testing.B) []byte {
	source := testenv.Shared(b, "clips", "talk_duo_1280x720p25.mkv")
	out := filepath.Join(b.TempDir(), "clip.yuv")
	cmd := exec.Command(testenv.Tool(b, "ffmpeg"), "-v", "error", "-nostdin", "-i", source, "-map", "0:v:0",
		"-vsync", "passthrough", "-frames:v", "60", "-f", "rawvideo", "-pix_fmt", "yuv420p", out)
	if complaint, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("ffmpeg: %v: %s", err, complaint)
	}
	pictures, err := os.ReadFile(out)
	if err != nil {
		b.Fatal(err)
	}
	return pictures
}

func benchmarkDecode(b *testing.B, pictures []byte) {
	path := vpxencode(b, testenv.Tool(b, "vpxenc"), pictures, "-w 1280 -h 720 --rt --cpu-used=-6 --passes=1 --end-usage=cbr --target-bitrate=2500")
	frames := readIVF(b, path)
	size := 0
	for _, frame := range frames {
		size += len(frame)
	}
	s := firstState(b, 1280, 720)
	for _, frame := range frames { // fills the pool
		next := mustDecode(b, s, frame)
		s.Release()
		s = next
	}
	for _, goroutines := range []int{1, 2} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			b.ReportAllocs()
			for i := range b.N {
				next, _, err := DecodeWith(s, frames[i%len(frames)], DecodeOptions{Goroutines: goroutines}) // each round begins with a key frame
				if err != nil {
					b.Fatal(err)
				}
				s.Release()
				s = next
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
			b.ReportMetric(float64(size)/float64(len(frames)), "B/frame")
		})
	}
}

// TestSteadyStateMemory: once the pool is warm, decoding allocates no picture (1.5 MB with its border at this size), only the
// State and a few small things.
func TestSteadyStateMemory(t *testing.T) {
	m := newMaker(70, 1280, 720)
	nearlyAllSkipped := func(f *header.Frame) { f.UseSkip, f.ProbSkip = true, 2 }
	s := mustDecode(t, firstState(t, 1280, 720), m.frame(true, nearlyAllSkipped))
	frame := m.frame(false, func(f *header.Frame) {
		nearlyAllSkipped(f)
		f.RefreshGolden, f.CopyToAltRef = false, header.CopyLast
		f.Segmentation, f.UpdateMap = true, true
	})
	checkGarbage(t, s, frame, DecodeOptions{})
}

// checkGarbage decodes a frame over and over, each time from the State that it led to, and checks what a frame then allocates.
func checkGarbage(t *testing.T, s *State, frame []byte, o DecodeOptions) {
	t.Helper()
	if raceDetector {
		t.Skip("skipped: with the race detector, pools forget at random")
	}
	// A pool loses what it holds to the garbage collector, and to a move between processors.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	decode := func(count int) {
		for range count {
			next, _, err := DecodeWith(s, frame, o)
			if err != nil {
				t.Fatal(err)
			}
			s.Release()
			s = next
		}
	}
	decode(5)
	const count = 20
	n := allocated(func() { decode(count) }) / count
	t.Logf("%d bytes a frame", n)
	if n > 1<<10 {
		t.Errorf("a frame makes DecodeWith allocate %d bytes", n)
	}
}
