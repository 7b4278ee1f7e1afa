package synthetic

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
	"salsify/testbed/system/internal/rehearsal"
	"salsify/testbed/system/parameters"
)

// A real call in real time, 3 s. Pictures, their scores and their delays have to be those that were computed. On a quiet machine the delay is right
// within some 0.1 ms, which the log shows; the bounds here are for a machine that runs other tests at the same time.
func TestCallIsAsComputed(t *testing.T) {
	const length = 3 * time.Second
	config := Config{Delay: 120 * time.Millisecond, Noise: 6, Every: 2, FreezeAt: time.Second, FreezeFor: 500 * time.Millisecond}
	r := rehearsal.New(t, clip.Config{})
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Run(s, length); err != nil {
		t.Fatal(err)
	}
	log, _ := os.ReadFile(filepath.Join(r.Logs, "synthetic.log"))
	t.Logf("%s", log)
	if err := r.Call.Screen.Score(t.Context(), r.Call.Video, nil); err != nil {
		t.Fatal(err)
	}
	shown := r.Shown()
	want := config.Pictures(r.Call.Video.Rate(), length)
	if len(shown) < 5 || len(shown) > len(want) {
		t.Errorf("%d pictures were shown, of %d", len(shown), len(want))
	}
	var lateness []time.Duration
	for _, p := range shown {
		if !slices.ContainsFunc(want, func(w Picture) bool { return w.Number == p.Number }) {
			t.Errorf("picture %d was shown", p.Number)
		}
		score, err := config.Score(r.Call.Video, p.Number)
		if err != nil {
			t.Fatal(err)
		}
		if !p.Scored || p.Score != score {
			t.Errorf("picture %d was scored %+v, must be %+v", p.Number, p.Score, score)
		}
		late := p.Delay - config.Delay
		lateness = append(lateness, late)
	}
	slices.Sort(lateness)
	if len(lateness) > 0 {
		median := lateness[len(lateness)/2]
		t.Logf("%d of %d pictures, later than computed by %v (median), %v to %v", len(shown), len(want), median, lateness[0], lateness[len(lateness)-1])
		if max(median, -median) > 20*time.Millisecond { // below 0 where the camera was late
			t.Errorf("pictures were %v late (median)", median)
		}
	}
}

func TestDistortionIsKnown(t *testing.T) {
	video, err := clip.Open(t.Context(), clip.Config{Source: "test:", Width: 322, Height: 182, Rate: 30}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer video.Close()
	original, p := video.NewPicture(), video.NewPicture()
	for _, noise := range []int{0, 1, 4, maxNoise} {
		c := Config{Noise: noise}
		for n := range uint64(5) {
			video.Picture(n, original)
			video.Picture(n, p)
			c.Distort(n, p)
			up, cut := 0, 0
			for i, v := range original.Y {
				switch moved := int(p.Y[i]) - int(v); {
				case noise == 0 && moved != 0, moved > noise, moved < -noise:
					t.Fatalf("a sample moved by %d, not %d", moved, noise)
				case moved == noise:
					up++
				case moved != -noise:
					cut++
				}
			}
			if share := float64(up) / float64(len(p.Y)); noise > 0 && math.Abs(share-0.5) > 0.05 {
				t.Errorf("noise %d: %.3f of the samples went up", noise, share)
			}
			if !slices.Equal(p.Cb, original.Cb) || !slices.Equal(p.Cr, original.Cr) {
				t.Error("chroma was changed")
			}
			if s := clip.Number(p); !s.OK || s.Number != n {
				t.Errorf("noise %d: the codes of picture %d say %+v", noise, n, s)
			}
			score, err := c.Score(video, n)
			if err != nil {
				t.Fatal(err)
			}
			if want := float64(noise * noise); cut == 0 && math.Abs(score.MSE-want) > 1e-9 || score.MSE > want {
				t.Errorf("noise %d: the squared error is %v", noise, score.MSE)
			}
		}
	}
}

func TestPictures(t *testing.T) {
	rate := y4m.Rate{Num: 10, Den: 1}
	c := Config{Delay: 150 * time.Millisecond, Every: 3, FreezeAt: 700 * time.Millisecond, FreezeFor: 300 * time.Millisecond}
	var got []uint64
	for _, p := range c.Pictures(rate, 2*time.Second) {
		got = append(got, p.Number)
		if p.ShowAt-p.Due != c.Delay || p.Due != time.Duration(p.Number)*100*time.Millisecond {
			t.Errorf("%+v", p)
		}
	}
	if want := []uint64{0, 3, 9, 12, 15, 18}; !slices.Equal(got, want) { // 6 would be at 750 ms
		t.Errorf("%v, want %v", got, want)
	}
}

func TestDueIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := y4m.Rate{Num: rapid.IntRange(1, 240000).Draw(t, "num"), Den: rapid.IntRange(1, 1001).Draw(t, "den")}
		n := rapid.Uint64Range(0, 1<<20).Draw(t, "n")
		want := float64(n) * float64(rate.Den) / float64(rate.Num)
		if got := due(n, rate).Seconds(); math.Abs(got-want) > 2e-9+want*1e-12 {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Config{
		"":                             {Delay: 100 * time.Millisecond, Noise: 4, Every: 1},
		"delay=80ms,noise=0,every=2":   {Delay: 80 * time.Millisecond, Every: 2},
		"freeze=500ms@5s":              {Delay: 100 * time.Millisecond, Noise: 4, Every: 1, FreezeAt: 5 * time.Second, FreezeFor: 500 * time.Millisecond},
		"every=30, noise=24 ,delay=0s": {Noise: 24, Every: 30},
	} {
		got, err := Parse(text)
		if err != nil || got.(*System).Config() != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"x", "delay=100", "delay=4s", "delay=-1ms", "noise=25", "every=0", "freeze=1s", "freeze=1s@", "freeze=@1s", "freeze=0s@1s",
		"freeze=1s@-1s", "speed=1"} {
		if got, err := Parse(text); !errors.Is(err, parameters.ErrParameters) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := Parse("freeze=1s"); !strings.Contains(err.Error(), "500ms@5s") {
		t.Error(err)
	}
	for _, c := range []Config{{Delay: -1}, {Delay: time.Minute}, {Noise: -1}, {Noise: 25}, {Every: 1e6}, {FreezeAt: -1}, {FreezeFor: -1}} {
		if _, err := New(c); !errors.Is(err, parameters.ErrParameters) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "delay=100ms,noise=4,every=2", "freeze=500ms@5s", "freeze=@"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, parameters.ErrParameters) || s != nil {
				t.Fatal(s, err)
			}
			return
		}
		if _, err := New(s.(*System).Config()); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	})
}
