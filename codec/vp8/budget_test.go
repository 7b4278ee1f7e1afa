package vp8_test

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"math"
	"path/filepath"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

// budgetKinds are scenes whose size follows the quantizer in the way that pictures of a camera do. Not so noise, which hardly
// gets smaller, and checkerboards, which are coded exactly or hardly at all.
var budgetKinds = []string{"texture", "pan", "squares", "fade", "flat", "cuts"}

// TestBudget: a frame is never larger than the budget, and uses it: 70 % at least, unless it has the finest quantizer or the
// next finer ones would be too large. That the budget changes by large factors from frame to frame is what networks do.
func TestBudget(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range budgetKinds {
		for _, size := range []int{48, 176} {
			t.Run(fmt.Sprintf("%s,%d", kind, size), func(t *testing.T) {
				sc := newScene(kind, size, size*3/4, 40)
				s := newState(t, size, size*3/4)
				perMacroblock := []int{10, 10, 40, 40, 5, 80, 4, 4, 160, 20}
				for i := range 20 {
					o := vp8.Options{FrameBytes: 100 + perMacroblock[i%len(perMacroblock)]*size*size*3/4/256, Effort: 4, KeyFrame: i == 13}
					src := sc.picture(i)
					frame, next, stats, err := vp8.Encode(s, src, o)
					if err != nil {
						frame, next = coarsest(t, s, src, o, err)
					} else {
						checkUse(t, i, s, src, o, len(frame), stats.Info.Quantizer)
					}
					follow(t, s, frame, next)
					s = next
				}
			})
		}
	}
}

// withinReach is how many quantizer indices finer the frame might be without that counting as a budget badly used.
const withinReach = 8

// checkUse checks that what a frame leaves of the budget could not well have been used.
func checkUse(t *testing.T, i int, s *vp8.State, src *image.YCbCr, o vp8.Options, bytes, quantizer int) {
	t.Helper()
	budget := o.FrameBytes
	if bytes > budget {
		t.Errorf("frame %d: %d bytes, the budget is %d", i, bytes, budget)
	}
	if bytes*10 >= budget*7 || quantizer == 0 {
		return
	}
	o.FrameBytes, o.Quantizer = 0, max(quantizer-withinReach, 0)
	if finer, _, _ := encode(t, s, src, o); len(finer) <= budget {
		t.Errorf("frame %d: %d bytes of %d with quantizer %d, while quantizer %d needs only %d", i, bytes, budget, quantizer, o.Quantizer, len(finer))
	}
}

// coarsest checks that Encode was right to refuse a budget, and gives the frame of the coarsest quantizer.
func coarsest(t *testing.T, s *vp8.State, src *image.YCbCr, o vp8.Options, err error) ([]byte, *vp8.State) {
	t.Helper()
	if !errors.Is(err, vp8.ErrBudget) {
		t.Fatal(err)
	}
	budget := o.FrameBytes
	o.FrameBytes, o.Quantizer = 0, 127
	frame, next, _ := encode(t, s, src, o)
	if len(frame) <= budget {
		t.Errorf("%v, but a frame of %d bytes is possible", err, len(frame))
	}
	return frame, next
}

// TestBudgetRandom: any budget is kept or refused for good reason, from any State.
func TestBudgetRandom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 64).Draw(t, "width"), rapid.IntRange(1, 64).Draw(t, "height")
		sc := newScene(rapid.SampledFrom(kinds).Draw(t, "kind"), width, height, rapid.Uint64().Draw(t, "seed"))
		s, decoder := newState(t, width, height), newState(t, width, height)
		for i := range rapid.IntRange(1, 5).Draw(t, "frames") {
			o := vp8.Options{
				FrameBytes: rapid.IntRange(1, 4000).Draw(t, "budget"),
				Effort:     rapid.IntRange(0, 6).Draw(t, "effort"),
				Quantizer:  rapid.Int().Draw(t, "unused"),
			}
			before := traceOf(s)
			frame, next, _, err := vp8.Encode(s, sc.picture(i), o)
			if errors.Is(err, vp8.ErrBudget) {
				if frame != nil || next != nil || traceOf(s) != before {
					t.Fatal("a refused budget left something behind")
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(frame) > o.FrameBytes {
				t.Fatalf("%d bytes, the budget is %d", len(frame), o.FrameBytes)
			}
			s, decoder = next, follow(t, decoder, frame, next)
		}
	})
}

// TestTooSmallBudget: what the coarsest quantizer needs is always enough, and a fraction of it is too little.
func TestTooSmallBudget(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range []string{"texture", "squares", "pan", "noise", "checker"} {
		sc := newScene(kind, 80, 64, 41)
		s := newState(t, 80, 64)
		for i, q := range []int{5, 60, 127, 30} { // of the frame before, where the search begins
			o := vp8.Options{Quantizer: 127, Effort: 4}
			least, _, _ := encode(t, s, sc.picture(i), o)
			o.FrameBytes = len(least) + len(least)/50 + 8
			if frame, _, _, err := vp8.Encode(s, sc.picture(i), o); err != nil {
				t.Errorf("%s, frame %d: %v; the coarsest quantizer needs %d bytes", kind, i, err, len(least))
			} else if len(frame) > o.FrameBytes {
				t.Errorf("%s, frame %d: %d bytes, the budget is %d", kind, i, len(frame), o.FrameBytes)
			}
			for _, budget := range []int{1, 2, 9, len(least) / 2} {
				o.FrameBytes = budget
				refuses(t, s, sc.picture(i), o, vp8.ErrBudget)
			}
			_, s, _ = encode(t, s, sc.picture(i), vp8.Options{Quantizer: q, Effort: 4})
		}
	}
}

// TestHugeBudget: where everything fits, the finest quantizer is used. The largest budgets must not overflow anything.
func TestHugeBudget(t *testing.T) {
	sc := newScene("texture", 40, 30, 44)
	for _, budget := range []int{1 << 20, math.MaxInt32, 1 << 44, 1 << 50, math.MaxInt / 16, math.MaxInt} {
		s := newState(t, 40, 30)
		for i := range 2 {
			_, next, stats := encode(t, s, sc.picture(i), vp8.Options{FrameBytes: budget, Effort: 3})
			if stats.Info.Quantizer != 0 {
				t.Errorf("budget %d, frame %d: quantizer %d", budget, i, stats.Info.Quantizer)
			}
			s = next
		}
	}
}

// TestBudgetBuysQuality: up to a small wobble, twice the bytes never give a worse picture, and over the whole range they give a
// much better one.
func TestBudgetBuysQuality(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range []string{"texture", "squares"} {
		sc := newScene(kind, 112, 96, 42)
		var psnr []float64
		for budget := 1200; budget <= 20000; budget *= 2 {
			c := encodeScene(t, sc, 4, vp8.Options{FrameBytes: budget, Effort: 4})
			if n := len(psnr); n > 0 && c.score.PSNR() < psnr[n-1]-0.1 {
				t.Errorf("%s: %.2f dB with %d bytes a frame, %.2f with half of that", kind, c.score.PSNR(), budget, psnr[n-1])
			}
			psnr = append(psnr, c.score.PSNR())
		}
		if gain := psnr[len(psnr)-1] - psnr[0]; gain < 8 {
			t.Errorf("%s: 16 times the bytes give only %.2f dB", kind, gain)
		}
	}
}

// TestBudgetIsNoWorseThanQuantizer: a frame that was made to fit, which takes several passes over the picture, is about what one
// pass with its quantizer gives.
func TestBudgetIsNoWorseThanQuantizer(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range []string{"texture", "squares", "pan"} {
		sc := newScene(kind, 112, 96, 43)
		s := newState(t, 112, 96)
		for i, budget := range []int{9000, 1500, 1500, 6000, 800, 2500} {
			o := vp8.Options{FrameBytes: budget, Effort: 5}
			src := sc.picture(i)
			fitted, next, stats := encode(t, s, src, o)
			o.FrameBytes, o.Quantizer = 0, stats.Info.Quantizer
			direct, _, directStats := encode(t, s, src, o)
			// In bytes and decibels: a point less far out on one axis may be further out on the other. Where most segments have
			// the next index, that is most of the way to it.
			const tolerance = 1.25
			larger := math.Log2(float64(len(fitted)) / float64(len(direct)))
			worse := 10 * math.Log10(float64(stats.SquaredErr+1)/float64(directStats.SquaredErr+1))
			if larger*6+worse > tolerance {
				t.Errorf("%s, frame %d: quantizer %d gives %d bytes where it was made to fit, %d directly, and is %.2f dB worse",
					kind, i, o.Quantizer, len(fitted), len(direct), worse)
			}
			s = next
		}
	}
}

// TestBudgetsTogether: candidates with budgets keep them, and are what candidates must be.
func TestBudgetsTogether(t *testing.T) {
	sc := newScene("texture", 176, 144, 45)
	for _, effort := range []int{0, 1, 5} {
		s := newState(t, 176, 144)
		for n, budget := range []int{9000, 3000, 3000, 800, 6000} {
			src := sc.picture(n)
			options := []vp8.Options{
				{FrameBytes: budget, Effort: effort},
				{FrameBytes: budget / 2, Effort: effort, TokenPartitions: 2},
				{FrameBytes: budget * 2, Effort: effort},
			}
			all := encodeTogether(t, s, src, options)
			for i, c := range all {
				if len(c.Frame) > options[i].FrameBytes {
					t.Errorf("effort %d, picture %d: %d bytes, the budget is %d", effort, n, len(c.Frame), options[i].FrameBytes)
				}
			}
			s = all[n%len(all)].State
		}
	}
}

// TestBudgetOnClips: of a camera's pictures, nine in ten take 90 to 100 % of their budget, and none takes more. So do both
// candidates of a picture, one of them with half the other's budget.
func TestBudgetOnClips(t *testing.T) {
	onlyWithoutRace(t)
	t.Logf("%-35s %9s %5s %9s %5s %8s", "clip", "bytes", "met", "mean use", "finest", "refused")
	for _, path := range clips(t) {
		pictures := clipPictures(t, path, 10)
		var all use
		for _, budgets := range [][]int{{5000}, {20000, 10000}, {50000}, {120000}} {
			u := useBudgets(t, pictures, budgets)
			t.Logf("%-35s %9v %3d %% %7.0f %% %6d %8d", filepath.Base(path), budgets, u.percent(), u.mean(), u.finest, u.refused)
			all.add(u)
		}
		if all.percent() < 90 {
			t.Errorf("%s: only %d %% of the budgets are met", filepath.Base(path), all.percent())
		}
	}
}

// clips are the paths of the shared clips.
func clips(t *testing.T) (paths []string) {
	t.Helper()
	for _, pattern := range []string{"*.mkv", "*.mp4"} {
		found, err := filepath.Glob(filepath.Join(testenv.Shared(t, "clips"), pattern))
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	return paths
}

// clipPictures are the first pictures of a clip.
func clipPictures(t *testing.T, path string, count int) (pictures []*image.YCbCr) {
	t.Helper()
	out := output(t, nil, testenv.Tool(t, "ffmpeg"), "-v", "error", "-nostdin", "-i", path, "-map", "0:v:0",
		"-vsync", "passthrough", "-frames:v", strconv.Itoa(count), "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-")
	r, err := y4m.NewReader(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for range count {
		picture := r.Header().NewPicture()
		if err := r.Read(picture); err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, picture)
	}
	return pictures
}

// use is how frames used their budgets.
type use struct {
	finest, refused int     // the frames with quantizer 0, and those that quantizer 127 makes too large: these count as met
	met, missed     int     // the others
	share           float64 // of them, the sum of their bytes as shares of their budgets
}

func (u *use) percent() int {
	good := u.finest + u.refused + u.met
	return 100 * good / (good + u.missed)
}

func (u *use) mean() float64 { return 100 * u.share / float64(max(u.met+u.missed, 1)) }

func (u *use) add(v use) {
	u.finest, u.refused = u.finest+v.finest, u.refused+v.refused
	u.met, u.missed, u.share = u.met+v.met, u.missed+v.missed, u.share+v.share
}

// useBudgets encodes each picture to candidates with these budgets, and goes on from the first.
func useBudgets(t *testing.T, pictures []*image.YCbCr, budgets []int) (u use) {
	t.Helper()
	var options []vp8.Options
	for _, budget := range budgets {
		options = append(options, vp8.Options{FrameBytes: budget, Effort: 1})
	}
	s := newState(t, pictures[0].Rect.Dx(), pictures[0].Rect.Dy())
	for i, src := range pictures {
		candidates := vp8.EncodeAll(s, src, options)
		for j := range candidates {
			c := &candidates[j]
			share := float64(len(c.Frame)) / float64(budgets[j])
			switch {
			case c.Err != nil:
				u.refused++
				_, c.State = coarsest(t, s, src, options[j], c.Err)
				continue
			case share > 1:
				t.Errorf("picture %d: %d bytes, the budget is %d", i, len(c.Frame), budgets[j])
			case c.Stats.Info.Quantizer == 0:
				u.finest++
				continue
			case share >= 0.9:
				u.met++
			default:
				u.missed++
			}
			u.share += share
		}
		for _, c := range candidates[1:] {
			c.State.Release()
		}
		s.Release()
		s = candidates[0].State
	}
	return u
}
