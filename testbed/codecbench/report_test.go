package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// points makes a curve: the quality rises by 1 dB of SSIM and 2 dB of PSNR for each doubling of rate.
func points(rate, secondsPerFrame float64) []measurement {
	var out []measurement
	for i := range 5 {
		out = append(out, measurement{
			Frames: 10, Bits: int64(rate * math.Pow(2, float64(i))), CPUSeconds: 10 * secondsPerFrame,
			SSIM: 1 - math.Pow(10, -(10+float64(i))/10), MSE: 1000 * math.Pow(10, -2*float64(i)/10),
		})
	}
	return out
}

// outcome makes a result of a clip of 720p: points at effort, taking secondsPerFrame where vpxenc takes 10 ms, and some speed.
func outcome(clip, grain string, effort int, rate, secondsPerFrame float64) result {
	e := effortResult{Effort: effort, Points: points(rate, secondsPerFrame)}
	r := result{Clip: clip, Grain: grain, Width: 720, Height: 1280, Vpxenc: points(1e6, 0.010)}
	e.compare(r.Vpxenc)
	r.Ours = []effortResult{e}
	r.Speed = &speed{
		Frames:     10,
		Candidates: 1000 / (100 * secondsPerFrame),
		Encoders: map[string]cost{
			vpxenc1: {CPU: 10, Wall: 11, Peak: 30e6}, vpxenc2: {CPU: 12, Wall: 7, Peak: 31e6},
			ours1: {CPU: 1000 * secondsPerFrame, Wall: 22, Peak: 40e6}, ours2: {CPU: 24, Wall: 14},
		},
		Decoders: map[string]cost{ours1: {CPU: 3, Wall: 4, Peak: 20e6}, ours2: {CPU: 3.5, Wall: 2}, vpxdec: {CPU: 2}, ffmpeg: {CPU: 4}},
	}
	return r
}

func TestReport(t *testing.T) {
	broken := outcome("c", light, 5, 1e6, 0.040)
	broken.Ours[0].Points = broken.Ours[0].Points[:1]
	broken.Ours[0].compare(broken.Vpxenc)
	small := outcome("d", light, 5, 2e6, 0.080)
	small.Width, small.Height = 352, 288
	r := report{
		Command: "codecbench --x", Efforts: []int{5}, Versions: []string{"vpxenc v9", "go9"}, Machine: "2 cores", VpxencArgs: vpxencArgs("Q", 1),
		Results:  []result{outcome("a", clean, 5, 0.9e6, 0.010), outcome("b", light, 5, 2e6, 0.020), broken, small},
		withBits: true, withSpeed: true,
	}
	var out bytes.Buffer
	if err := r.writeMarkdown(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Effort 5 against vpxenc\n\n| clip | grain | BD-rate SSIM % | BD-rate PSNR % | vpxenc ms/frame | ours ms/frame | ratio |\n" +
			"|---|---|---:|---:|---:|---:|---:|\n",
		"| a | clean | -10.0 | -10.0 | 10.0 | 10.0 | 1.00 |",
		"| b | light | +100.0 | +100.0 | 10.0 | 20.0 | 2.00 |",
		"| c | light | n/a | n/a | 10.0 | 40.0 | 4.00 |",
		"| **average** | clean | -10.0 | -10.0 | 10.0 | 10.0 | 1.00 |",
		"| **average** | light | +100.0 | +100.0 | 10.0 | 46.7 | 4.00 |",  // ratios 2, 4, 8
		"| **average** | all | +63.3 | +63.3 | 10.0 | 37.5 | 2.83 |",      // ratios 1, 2, 4, 8
		"| **median, 720p** | all | +45.0 | +45.0 | 10.0 | 20.0 | 2.00 |", // without d
		"c light: SSIM: no BD-rate: test curve: 1 points",
		"`codecbench --x`: all frames of each clip, vpxenc v9, go9, 2 cores.",
		"| a | clean | 10.0 | 11.0 | 12.0 | 7.0 | 10.0 | 22.0 | 24.0 | 14.0 | 2.00 | 2.00 | n/a | n/a | 1000.0 |",
		"govpx: CPU (GOVPX_DIR not set) |",
		"| a | clean | 3.00 | 2.00 | 4.00 | n/a | 1.50 | 0.75 | n/a | 4.00 | 3.50 | 2.00 | 2.00 |",
		"| a | clean | 30 | 40 | n/a | n/a | n/a | 20 | n/a |", // memory that was not found out is not 0
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "--cache") {
		t.Errorf("it speaks of the cache, which was not used:\n%s", &out)
	}
	r.Results[0].Vpxenc[3].Cached = true
	out.Reset()
	if err := r.writeMarkdown(&out); err != nil || !strings.Contains(out.String(), "earlier run") {
		t.Errorf("%v; it does not say that CPU times are old:\n%s", err, &out)
	}
	path := filepath.Join(t.TempDir(), "r.json")
	if err := r.writeJSON(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var back report
	if err := json.Unmarshal(data, &back); err != nil || len(back.Results) != 4 || *back.Results[1].Ours[0].BDRateSSIM < 99.9 {
		t.Errorf("the JSON file reads back as %+v, %v", back, err)
	}
}

// TestTargets: the median over the clips of 720p decides, and what was not measured is neither met nor missed.
func TestTargets(t *testing.T) {
	small := outcome("small", clean, 5, 9e6, 0.900)
	small.Width = 16
	r := report{Results: []result{
		outcome("a", clean, 5, 0.9e6, 0.009), outcome("b", clean, 5, 0.92e6, 0.010), outcome("c", clean, 5, 0.99e6, 0.090), small,
	}}
	for _, want := range []string{
		"| decode, 1 thread | at most vpxdec's CPU time | 1.50 of it | missed |",
		"| decode, 1 thread | at most that of `ffmpeg -threads 1` | 0.75 of it | met |",
		"| encode, effort 5 | at most vpxenc's CPU time | 1.00 of it | met |",
		"| encode, effort 5 | at least 5 % fewer bits for the same SSIM | -8.0 % | met |",
		"| encode, effort 0 | at most half of vpxenc's CPU time | n/a | not measured |",
		"| encode, effort 10 | at least 25 % fewer bits for the same SSIM | n/a | not measured |",
		"| two candidates, effort 5, 2 goroutines | at least 60 pictures/s | 1000.0 | met |",
		"| decode, 1 thread | at most half of govpx's CPU time | n/a | not measured |",
	} {
		if got := r.targetTable(); !strings.Contains(got, want+"\n") {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	for i := range r.Results {
		r.Results[i].Speed.Candidates = 59.9
		r.Results[i].Speed.Encoders[govpx] = cost{CPU: 30}
	}
	got := r.targetTable()
	for _, want := range []string{"| 59.9 | missed |", "| at most half of govpx's CPU time | 0.33 of it | met |"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestMedian(t *testing.T) {
	values := []float64{5, 1, 4}
	if m := median(values); m != 4 || values[0] != 5 {
		t.Errorf("median of 5, 1, 4 is %v; the list then is %v", m, values)
	}
	if m := median([]float64{5, 1, 4, 2}); m != 3 {
		t.Errorf("median of 5, 1, 4, 2 is %v, want 3", m)
	}
	if m := median(nil); !math.IsNaN(m) {
		t.Errorf("median of nothing is %v", m)
	}
}
