package quality

import (
	"errors"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// flat returns a picture whose luma is all one value.
func flat(w, h int, luma byte) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, w, h), image.YCbCrSubsampleRatio420)
	for i := range p.Y {
		p.Y[i] = luma
	}
	return p
}

// noise returns a picture of random luma.
func noise(seed uint64, w, h int) *image.YCbCr {
	p := flat(w, h, 0)
	random := rand.New(rand.NewPCG(seed, 1))
	for i := range p.Y {
		p.Y[i] = byte(random.UintN(256))
	}
	return p
}

// worsen returns a copy of p with noise of up to amplitude added to its luma.
func worsen(p *image.YCbCr, seed uint64, amplitude int) *image.YCbCr {
	out := flat(p.Rect.Dx(), p.Rect.Dy(), 0)
	random := rand.New(rand.NewPCG(seed, 2))
	for i, v := range p.Y {
		out.Y[i] = byte(min(255, max(0, int(v)+random.IntN(2*amplitude+1)-amplitude)))
	}
	return out
}

func measure(t rapid.TB, a, b *image.YCbCr) Score {
	t.Helper()
	var m Meter
	s, err := m.Add(a, b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFlatPictures checks against values worked out by hand: without variance, SSIM is (2ab+C)/(a^2+b^2+C) with
// C = 416/64^2, and the MSE is (a-b)^2.
func TestFlatPictures(t *testing.T) {
	tests := []struct {
		a, b       byte
		ssim, psnr float64
	}{
		{128, 128, 1, math.Inf(1)},
		{0, 255, 1.5619e-6, 0},
		{100, 110, 0.995475, 28.1308},
		{1, 2, 0.803982, 48.1308},
	}
	for _, test := range tests {
		s := measure(t, flat(32, 24, test.a), flat(32, 24, test.b))
		if math.Abs(s.SSIM-test.ssim) > 1e-6 {
			t.Errorf("%d against %d: SSIM %.7f, want %.7f", test.a, test.b, s.SSIM, test.ssim)
		}
		if got := s.PSNR(); got != test.psnr && math.Abs(got-test.psnr) > 1e-4 {
			t.Errorf("%d against %d: PSNR %.5f, want %.5f", test.a, test.b, got, test.psnr)
		}
	}
}

func TestDB(t *testing.T) {
	for ssim, want := range map[float64]string{0.9: "10.00", 0.99: "20.00", 0: "0.00", 1: "inf", math.NaN(): "n/a"} {
		if got := FormatDB(DB(ssim)); got != want && !(got == "-0.00" && want == "0.00") {
			t.Errorf("SSIM %v: %s dB, want %s", ssim, got, want)
		}
	}
}

func TestMeanIsOfSSIMAndOfMSE(t *testing.T) {
	var m Meter
	if !math.IsNaN(m.Mean().SSIM) {
		t.Errorf("mean of nothing: %v, want NaN", m.Mean())
	}
	var ssim, mse float64
	for _, luma := range []byte{100, 110, 140} {
		s, err := m.Add(flat(16, 16, 100), flat(16, 16, luma))
		if err != nil {
			t.Fatal(err)
		}
		ssim += s.SSIM / 3
		mse += s.MSE / 3
	}
	got := m.Mean()
	if m.Frames() != 3 || math.Abs(got.SSIM-ssim) > 1e-12 || math.Abs(got.MSE-(100+1600)/3.) > 1e-9 || math.Abs(got.MSE-mse) > 1e-9 {
		t.Errorf("mean of %d frames %+v, want 3 frames, SSIM %v, MSE %v", m.Frames(), got, ssim, mse)
	}
}

func TestSmallAndUnequalPictures(t *testing.T) {
	for _, size := range [][2]int{{1, 1}, {7, 100}, {100, 7}} {
		s := measure(t, flat(size[0], size[1], 10), flat(size[0], size[1], 12))
		if !math.IsNaN(s.SSIM) || s.MSE != 4 {
			t.Errorf("%v: %+v, want SSIM NaN and MSE 4", size, s)
		}
	}
	var m Meter
	if _, err := m.Add(flat(16, 16, 0), flat(16, 18, 0)); !errors.Is(err, ErrMismatch) {
		t.Errorf("unequal sizes: %v, want ErrMismatch", err)
	}
	if _, err := m.Add(&image.YCbCr{}, &image.YCbCr{}); !errors.Is(err, ErrMismatch) {
		t.Errorf("empty pictures: %v, want ErrMismatch", err)
	}
	if m.Frames() != 0 {
		t.Errorf("%d frames were counted after errors", m.Frames())
	}
}

// slowSSIM is the definition, window by window and without sums that are carried along.
func slowSSIM(a, b *image.YCbCr) float64 {
	w, h := a.Rect.Dx(), a.Rect.Dy()
	var sum float64
	var windows int
	for y := 0; y+8 <= h/4*4; y += 4 {
		for x := 0; x+8 <= w/4*4; x += 4 {
			var sa, sb, squares, product float64
			for j := range 8 {
				for i := range 8 {
					va := float64(a.Y[a.YOffset(a.Rect.Min.X+x+i, a.Rect.Min.Y+y+j)])
					vb := float64(b.Y[b.YOffset(b.Rect.Min.X+x+i, b.Rect.Min.Y+y+j)])
					sa, sb, squares, product = sa+va, sb+vb, squares+va*va+vb*vb, product+va*vb
				}
			}
			sum += (2*sa*sb + 416) * (2*(64*product-sa*sb) + 235963) /
				((sa*sa + sb*sb + 416) * (64*squares - sa*sa - sb*sb + 235963))
			windows++
		}
	}
	return sum / float64(windows)
}

func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, h := rapid.IntRange(8, 70).Draw(t, "width"), rapid.IntRange(8, 70).Draw(t, "height")
		seed := rapid.Uint64().Draw(t, "seed")
		amplitude := rapid.IntRange(1, 255).Draw(t, "amplitude")
		a := noise(seed, w, h)
		b := worsen(a, seed, amplitude)

		s := measure(t, a, b)
		if want := slowSSIM(a, b); math.Abs(s.SSIM-want) > 1e-6 {
			t.Errorf("%dx%d: SSIM %.8f, by definition %.8f", w, h, s.SSIM, want)
		}
		if back := measure(t, b, a); back != s {
			t.Errorf("not symmetric: %+v and %+v", s, back)
		}
		if same := measure(t, a, a); same != (Score{SSIM: 1}) {
			t.Errorf("a picture against itself: %+v", same)
		}
		// The same picture as a part of a bigger one: neither stride nor origin matter.
		x, y := rapid.IntRange(0, 9).Draw(t, "x"), rapid.IntRange(0, 9).Draw(t, "y")
		big := noise(seed+1, w+20, h+20)
		part := big.SubImage(image.Rect(x, y, x+w, y+h)).(*image.YCbCr)
		for row := range h {
			copy(part.Y[row*part.YStride:][:w], a.Y[row*a.YStride:][:w])
		}
		if got := measure(t, part, b); got != s {
			t.Errorf("as a part of a bigger picture: %+v, want %+v", got, s)
		}
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	a := noise(1, 320, 240)
	b := worsen(a, 1, 9)
	var m Meter
	if n := testing.AllocsPerRun(5, func() { _, _ = m.Add(a, b) }); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkAdd720p(b *testing.B) {
	original := noise(1, 1280, 720)
	picture := worsen(original, 1, 9)
	var m Meter
	for b.Loop() {
		if _, err := m.Add(original, picture); err != nil {
			b.Fatal(err)
		}
	}
}
