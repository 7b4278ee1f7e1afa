package quality

import (
	"bytes"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"salsify/testbed/testenv"
)

// TestAgreesWithFFmpeg compares each frame and the whole with the ssim and psnr filters of the ffmpeg that is installed.
//
// The filter's SSE code miscounts the last window of a row where a row has 4n+1 windows (widths 8 to 11, 24 to 27, and so on;
// seen in ffmpeg 5.1). So all sizes are compared with its plain C code, and the widths that are right with its fast code too.
func TestAgreesWithFFmpeg(t *testing.T) {
	ffmpeg := testenv.Tool(t, "ffmpeg")
	tests := []struct {
		cpuFlags string
		sizes    [][2]int
	}{
		{"0", [][2]int{{8, 8}, {9, 15}, {24, 16}, {64, 48}, {101, 67}, {353, 289}}},
		{"all", [][2]int{{12, 8}, {19, 30}, {64, 48}, {101, 67}, {176, 144}, {353, 289}, {642, 366}}},
	}
	for range 4 { // sizes nobody thought of; the names of the subtests tell which
		tests[0].sizes = append(tests[0].sizes, [2]int{8 + rand.IntN(200), 8 + rand.IntN(200)})
	}
	for _, test := range tests {
		for _, size := range test.sizes {
			w, h := size[0], size[1]
			t.Run(fmt.Sprintf("%dx%d cpuflags %s", w, h, test.cpuFlags), func(t *testing.T) {
				compareWithFFmpeg(t, ffmpeg, test.cpuFlags, w, h)
			})
		}
	}
}

func compareWithFFmpeg(t *testing.T, ffmpeg, cpuFlags string, w, h int) {
	t.Helper()
	var originals, pictures []*image.YCbCr
	for i, amplitude := range []int{1, 3, 10, 40, 255} {
		original := noise(uint64(i), w, h)
		if i%2 == 1 {
			original = gradient(w, h)
		}
		originals = append(originals, original)
		pictures = append(pictures, worsen(original, uint64(i), amplitude))
	}
	ssim, psnr, all := runFilters(t, ffmpeg, cpuFlags, originals, pictures)

	var m Meter
	for i := range originals {
		s, err := m.Add(originals[i], pictures[i])
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(s.SSIM-ssim[i]) > 1e-4 {
			t.Errorf("frame %d: SSIM %.6f, ffmpeg says %.6f", i, s.SSIM, ssim[i])
		}
		if math.Abs(s.PSNR()-psnr[i]) > 0.0051 { // printed with two decimals
			t.Errorf("frame %d: PSNR %.4f, ffmpeg says %.2f", i, s.PSNR(), psnr[i])
		}
	}
	mean := m.Mean()
	if math.Abs(mean.SSIM-all.ssim) > 1e-4 || math.Abs(mean.SSIMdB()-all.ssimDB) > 1e-3 {
		t.Errorf("all: SSIM %.6f (%.4f dB), ffmpeg says %.6f (%.4f dB)", mean.SSIM, mean.SSIMdB(), all.ssim, all.ssimDB)
	}
	if math.Abs(mean.PSNR()-all.psnr) > 1e-4 {
		t.Errorf("all: PSNR %.6f, ffmpeg says %.6f", mean.PSNR(), all.psnr)
	}
}

// gradient returns a smooth picture, where SSIM is at its most sensitive.
func gradient(w, h int) *image.YCbCr {
	p := flat(w, h, 0)
	for y := range h {
		for x := range w {
			p.Y[y*p.YStride+x] = byte((x + 2*y) / 3)
		}
	}
	return p
}

type overall struct{ ssim, ssimDB, psnr float64 }

// runFilters runs both filters over raw gray pictures, whose only plane is luma.
func runFilters(t *testing.T, ffmpeg, cpuFlags string, originals, pictures []*image.YCbCr) (ssim, psnr []float64, all overall) {
	t.Helper()
	dir := t.TempDir()
	size := fmt.Sprintf("%dx%d", originals[0].Rect.Dx(), originals[0].Rect.Dy())
	raw := []string{"-f", "rawvideo", "-pixel_format", "gray", "-video_size", size, "-framerate", "25"}
	args := []string{"-nostdin", "-cpuflags", cpuFlags, "-hide_banner"}
	for name, frames := range map[string][]*image.YCbCr{"a": originals, "b": pictures} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, lumaBytes(frames), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(append(args, raw...), "-i", path)
	}
	ssimLog, psnrLog := filepath.Join(dir, "ssim.log"), filepath.Join(dir, "psnr.log")
	args = append(args, "-filter_complex", "[0]split[a0][a1];[1]split[b0][b1];[a0][b0]ssim=stats_file="+ssimLog+",nullsink;"+
		"[a1][b1]psnr=stats_file="+psnrLog, "-f", "null", "-")
	out, err := exec.Command(ffmpeg, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	ssim = logged(t, ssimLog, `Y:(\S+)`, len(originals))
	psnr = logged(t, psnrLog, `psnr_y:(\S+)`, len(originals))

	summary := regexp.MustCompile(`SSIM Y:(\S+) \((\S+)\)`).FindSubmatch(out)
	psnrSummary := regexp.MustCompile(`PSNR y:(\S+) `).FindSubmatch(out)
	if summary == nil || psnrSummary == nil {
		t.Fatalf("ffmpeg printed no summary:\n%s", out)
	}
	return ssim, psnr, overall{number(t, summary[1]), number(t, summary[2]), number(t, psnrSummary[1])}
}

func lumaBytes(frames []*image.YCbCr) []byte {
	var out bytes.Buffer
	for _, f := range frames {
		out.Write(f.Y)
	}
	return out.Bytes()
}

// logged returns the one number that pattern finds in each line of a filter's log.
func logged(t *testing.T, path, pattern string, lines int) []float64 {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var values []float64
	for _, match := range regexp.MustCompile(pattern).FindAllSubmatch(text, -1) {
		values = append(values, number(t, match[1]))
	}
	if len(values) != lines {
		t.Fatalf("%s has %d frames, want %d:\n%s", path, len(values), lines, text)
	}
	return values
}

func number(t *testing.T, text []byte) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
