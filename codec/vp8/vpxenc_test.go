package vp8

import (
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"salsify/testbed/testenv"
)

// testClip makes pictures, as I420 one after the other, that give an encoder something of everything: a textured background that
// moves by fractions of a pixel, squares that move over it and out of the picture, noise, a part that stands still, and a scene
// cut after two thirds.
func testClip(width, height, count int) []byte {
	rng := rand.New(rand.NewPCG(uint64(width), uint64(height)))
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	var out []byte
	for i := range count {
		scene, t := 0.0, float64(i)
		if i >= count*2/3 {
			scene = 1
		}
		still := image.Rect(0, 0, width/3, height/4)
		texture := func(x, y, scale float64) float64 {
			x, y = (x+0.63*t*(1+scene))*scale, (y-1.37*t+40*scene)*scale
			return 128 + 50*math.Sin(x/7+scene)*math.Cos(y/5) + 30*math.Sin((x+2*y)/(3+2*scene)) + 15*math.Sin(x*y/90)
		}
		square := image.Rect(0, 0, 24, 20).Add(image.Pt(i*5-12, height/3+i*3/2))
		for y := range height {
			for x := range width {
				v := texture(float64(x), float64(y), 1)
				switch at := image.Pt(x, y); {
				case at.In(still):
					v = float64(60 + x*3 + y)
				case at.In(square):
					v = float64(220 - (x^y)&8*4)
				default:
					v += rng.NormFloat64() * 3
				}
				p.Y[y*p.YStride+x] = uint8(min(max(v, 0), 255))
			}
		}
		for y := range (height + 1) / 2 {
			for x := range (width + 1) / 2 {
				v := texture(float64(x), float64(y), 2)
				p.Cb[y*p.CStride+x] = uint8(min(max(v, 0), 255))
				p.Cr[y*p.CStride+x] = uint8(min(max(255-v/2+float64(y%16), 0), 255))
			}
		}
		out = append(out, i420(p)...)
	}
	return out
}

// A factor is a group of vpxenc's options of which each stream of the grid uses one.
type factor []string

var factors = []factor{
	{"-w 175 -h 143", "-w 33 -h 17", "-w 16 -h 16", "-w 1 -h 1", "-w 96 -h 130", "-w 64 -h 48"},
	{"--profile=0", "--profile=1", "--profile=2", "--profile=3"},
	{"--token-parts=0", "--token-parts=1", "--token-parts=2", "--token-parts=3"},
	{"--error-resilient=0", "--error-resilient=1", "--error-resilient=2", "--error-resilient=3"},
	{
		"--rt --cpu-used=-12", "--rt --cpu-used=-4", "--rt --cpu-used=8", "--good --cpu-used=0 --passes=1",
		"--good --cpu-used=3 --passes=2 --auto-alt-ref=1 --lag-in-frames=16 --arnr-maxframes=5",
		"--best --passes=2 --auto-alt-ref=1 --lag-in-frames=8",
	},
	{"--sharpness=0", "--sharpness=3", "--sharpness=7"},
	{"--noise-sensitivity=0", "--noise-sensitivity=1", "--noise-sensitivity=4"},
	{"--static-thresh=0", "--static-thresh=800"},
	{"--kf-max-dist=999", "--kf-max-dist=4"},
	{
		"--end-usage=vbr --target-bitrate=100",
		"--end-usage=cbr --target-bitrate=60 --undershoot-pct=95 --overshoot-pct=10 --buf-sz=400 --buf-initial-sz=200 --buf-optimal-sz=300 --drop-frame=60",
		"--end-usage=cbr --target-bitrate=5 --buf-sz=200 --buf-initial-sz=100 --buf-optimal-sz=150 --resize-allowed=1 --resize-down=90 --resize-up=95",
	},
	{ // behind --end-usage, since the last of these options counts
		"--min-q=0 --max-q=63", "--min-q=0 --max-q=0", "--min-q=63 --max-q=63", "--min-q=4 --max-q=30",
		"--min-q=0 --max-q=63 --end-usage=cq --cq-level=20",
	},
	{"--screen-content-mode=0", "--screen-content-mode=1", "--screen-content-mode=2"},
	{"--threads=1", "--threads=2"},
	{"--tune=psnr", "--tune=ssim"},
}

// pairwise picks rows of options such that any two options of different factors stand in some row together. It always picks
// the same.
func pairwise(factors []factor) [][]string {
	type option struct{ factor, value int }
	type pair [2]option
	missing := map[pair]bool{}
	var pairs []pair
	for f := range factors {
		for g := range f {
			for v := range factors[f] {
				for w := range factors[g] {
					p := pair{{g, w}, {f, v}}
					missing[p], pairs = true, append(pairs, p)
				}
			}
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var rows [][]string
	for _, p := range pairs {
		if !missing[p] {
			continue
		}
		row := make([]int, len(factors))
		for i := range row {
			row[i] = -1
		}
		row[p[0].factor], row[p[1].factor] = p[0].value, p[1].value
		for _, f := range rng.Perm(len(factors)) {
			if row[f] >= 0 {
				continue
			}
			// The value that covers most of the missing pairs with the options chosen so far.
			best := -1
			for _, v := range rng.Perm(len(factors[f])) {
				gain := 0
				for g, w := range row {
					if w >= 0 && (missing[pair{{g, w}, {f, v}}] || missing[pair{{f, v}, {g, w}}]) {
						gain++
					}
				}
				if gain > best {
					best, row[f] = gain, v
				}
			}
		}
		var options []string
		for f, v := range row {
			for g := range f {
				delete(missing, pair{{g, row[g]}, {f, v}})
			}
			options = append(options, factors[f][v])
		}
		rows = append(rows, options)
	}
	return rows
}

func TestPairwise(t *testing.T) {
	rows := pairwise(factors)
	for f := range factors {
		for g := range f {
			for _, a := range factors[f] {
				for _, b := range factors[g] {
					found := false
					for _, row := range rows {
						found = found || row[f] == a && row[g] == b
					}
					if !found {
						t.Errorf("no row has both %s and %s", a, b)
					}
				}
			}
		}
	}
	if len(rows) > 60 {
		t.Errorf("%d rows, want fewer", len(rows))
	}
}

// vpxencode encodes pictures with vpxenc and returns the path of the stream.
func vpxencode(t testing.TB, vpxenc string, pictures []byte, options ...string) string {
	t.Helper()
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in.yuv"), filepath.Join(dir, "out.ivf")
	if err := os.WriteFile(in, pictures, 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--codec=vp8", "--i420", "--ivf", "--quiet", "--disable-warning-prompt", "--fps=30/1", "--fpf=" + filepath.Join(dir, "stats"), "-o", out}
	for _, o := range options {
		args = append(args, strings.Fields(o)...)
	}
	if complaint, err := exec.Command(vpxenc, append(args, in)...).CombinedOutput(); err != nil {
		t.Fatalf("vpxenc %s: %v: %s", strings.Join(args, " "), err, complaint)
	}
	return out
}

// sizeOf gives the size that the first options of a row ask for.
func sizeOf(t *testing.T, row []string) (width, height int) {
	t.Helper()
	if _, err := fmt.Sscanf(row[0], "-w %d -h %d", &width, &height); err != nil {
		t.Fatal(err)
	}
	return width, height
}

// seen counts what the streams of the grid are made of.
type seen struct {
	streams, keys, hidden, golden, altRef, notLast, split, intra, skipped, segmented, sizeChanges int
	versions, partitions                                                                          [9]int // by their number
}

func (n *seen) note(t *testing.T, s *State, frame []byte) {
	t.Helper()
	info, err := Inspect(s, frame)
	if err != nil {
		t.Fatal(err)
	}
	count := func(c *int, is bool) {
		if is {
			*c++
		}
	}
	w, h := s.Size()
	count(&n.keys, info.Key)
	count(&n.sizeChanges, s.HasPicture() && (info.Width != w || info.Height != h))
	count(&n.hidden, !info.Show)
	count(&n.golden, info.RefreshGolden && !info.Key)
	count(&n.altRef, info.RefreshAltRef && !info.Key)
	count(&n.notLast, !info.RefreshLast)
	count(&n.split, info.Split > 0)
	count(&n.intra, info.Intra > 0 && !info.Key)
	count(&n.skipped, info.Skipped > 0)
	count(&n.segmented, info.Segmentation)
	n.versions[info.Version]++
	n.partitions[info.TokenPartitions]++
}

// TestVpxenc compares every picture of a grid of streams with vpxdec's, and those of some with ffmpeg's.
func TestVpxenc(t *testing.T) {
	vpxenc, vpxdec := testenv.Tool(t, "vpxenc"), testenv.Tool(t, "vpxdec")
	var seen seen
	rows := pairwise(factors)
	// Error resilience keeps the encoder from hidden frames in most of the grid, so here are some more.
	for profile := range 4 {
		rows = append(rows, []string{
			"-w 175 -h 143", fmt.Sprintf("--profile=%d", profile), "--target-bitrate=150",
			"--good --cpu-used=1 --passes=2 --auto-alt-ref=1 --lag-in-frames=16 --arnr-maxframes=7 --arnr-strength=5",
		})
	}
	for i, row := range rows {
		t.Run(strings.ReplaceAll(strings.Join(row, " "), " ", ","), func(t *testing.T) {
			width, height := sizeOf(t, row)
			path := vpxencode(t, vpxenc, testClip(width, height, 36), row...)
			frames := readIVF(t, path)
			seen.streams++
			got, ends := decodeShown(t, frames, func(s *State, frame []byte) { seen.note(t, s, frame) })
			comparePictures(t, got, ends, vpxdecFile(t, vpxdec, path))
			// ffmpeg scales all pictures to the size of the first.
			if i%8 == 0 && !strings.Contains(strings.Join(row, " "), "resize-allowed") {
				t.Run("ffmpeg", func(t *testing.T) { comparePictures(t, got, ends, ffmpegFile(t, path)) })
			}
		})
	}
	if seen.streams < len(rows) {
		return // only some were asked for
	}
	// A grid that misses a feature tests less than it seems to.
	for name, n := range map[string]int{
		"more key frames than streams": seen.keys - seen.streams, "size changes": seen.sizeChanges,
		"frames not shown": seen.hidden, "golden updates": seen.golden, "altref updates": seen.altRef,
		"frames that leave LAST": seen.notLast, "split macroblocks": seen.split, "intra macroblocks": seen.intra,
		"skipped macroblocks": seen.skipped, "segments": seen.segmented,
		"version 0": seen.versions[0], "version 1": seen.versions[1], "version 2": seen.versions[2], "version 3": seen.versions[3],
		"1 partition": seen.partitions[1], "2 partitions": seen.partitions[2], "4 partitions": seen.partitions[4], "8 partitions": seen.partitions[8],
	} {
		if n <= 0 {
			t.Errorf("the streams have no %s", name)
		}
	}
}

func ffmpegFile(t *testing.T, path string) []byte {
	t.Helper()
	cmd := exec.Command(testenv.Tool(t, "ffmpeg"), "-v", "error", "-nostdin", "-i", path, "-vsync", "passthrough", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	return out
}

// TestConcatenated decodes streams of different sizes as one: every size change is at a key frame, and the frames after it
// refer to pictures of the new size.
func TestConcatenated(t *testing.T) {
	vpxenc, vpxdec := testenv.Tool(t, "vpxenc"), testenv.Tool(t, "vpxdec")
	var frames [][]byte
	for _, size := range [][2]int{{64, 48}, {175, 143}, {1, 1}, {33, 17}, {64, 48}} {
		path := vpxencode(t, vpxenc, testClip(size[0], size[1], 5), fmt.Sprintf("-w %d -h %d --rt --cpu-used=4 --passes=1", size[0], size[1]))
		frames = append(frames, readIVF(t, path)...)
	}
	got, ends := decodeShown(t, frames, nil)
	comparePictures(t, got, ends, runVpxdec(t, vpxdec, frames))
}
