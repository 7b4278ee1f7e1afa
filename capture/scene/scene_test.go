package scene

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"salsify/codec/vp8"
)

func newScene(t testing.TB, c Config) *Scene {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fill(p *image.YCbCr, value byte) {
	for _, plane := range [][]byte{p.Y, p.Cb, p.Cr} {
		for i := range plane {
			plane[i] = value
		}
	}
}

func samples(p *image.YCbCr) []byte {
	return append(append(append([]byte(nil), p.Y...), p.Cb...), p.Cr...)
}

// The digests were taken on amd64 and are the same on arm64.
func TestSamePixelsEverywhere(t *testing.T) {
	for _, c := range []struct {
		Config
		n      uint64
		digest string
	}{
		{Config{320, 180, 30, 1}, 100, "94144a95075048a8"},
		{Config{177, 99, 59.94, 7}, 1 << 33, "33b2d143906d34ad"},
		{Config{360, 640, 24000.0 / 1001, 2}, 999, "6a70d12afef92cb4"},
	} {
		s := newScene(t, c.Config)
		p := s.NewPicture()
		s.Render(c.n, p)
		if got := fmt.Sprintf("%x", sha256.Sum256(samples(p)))[:16]; got != c.digest {
			t.Errorf("%+v, picture %d: digest %s, want %s", c.Config, c.n, got, c.digest)
		}
	}
}

func TestOrderDoesNotMatter(t *testing.T) {
	c := Config{160, 90, 30, 3}
	s := newScene(t, c)
	inOrder := map[uint64][]byte{}
	p := s.NewPicture()
	for n := uint64(0); n < 900; n += 37 {
		s.Render(n, p)
		inOrder[n] = samples(p)
	}
	other := newScene(t, c)
	for n, want := range inOrder { // a map's order is random
		other.Render(n, p)
		if !bytes.Equal(samples(p), want) {
			t.Errorf("picture %d differs", n)
		}
	}
	other = newScene(t, Config{160, 90, 30, 4})
	other.Render(0, p)
	if bytes.Equal(samples(p), inOrder[0]) {
		t.Error("another seed gives the same picture")
	}
}

func TestEverySizeIsCovered(t *testing.T) {
	sizes := [][2]int{{16, 16}, {17, 16}, {16, 33}, {31, 17}, {4096, 16}, {16, 4096}, {333, 111}, {640, 480}}
	random := rand.New(rand.NewPCG(1, 2))
	for range 12 {
		sizes = append(sizes, [2]int{16 + random.IntN(200), 16 + random.IntN(200)})
	}
	for _, size := range sizes {
		s := newScene(t, Config{size[0], size[1], 10, uint64(size[0])})
		a, b := s.NewPicture(), s.NewPicture()
		for n := uint64(0); n < 400; n += 23 {
			fill(a, 0)
			fill(b, 255)
			s.Render(n, a)
			s.Render(n, b)
			if !bytes.Equal(samples(a), samples(b)) {
				t.Fatalf("%v, picture %d: not all samples are drawn", size, n)
			}
		}
	}
}

func TestRenderIntoPartOfABuffer(t *testing.T) {
	s := newScene(t, Config{99, 51, 30, 1})
	whole := s.NewPicture()
	buffer := image.NewYCbCr(image.Rect(0, 0, 200, 100), image.YCbCrSubsampleRatio420)
	part := buffer.SubImage(image.Rect(20, 10, 119, 61)).(*image.YCbCr)
	s.Render(5, whole)
	s.Render(5, part)
	for y := range 51 {
		for x := range 99 {
			if whole.YCbCrAt(x, y) != part.YCbCrAt(20+x, 10+y) {
				t.Fatalf("pixel %d,%d differs", x, y)
			}
		}
	}
	if buffer.Y[9*buffer.YStride+20] != 0 || buffer.Y[10*buffer.YStride+119] != 0 {
		t.Error("drawn beside the part")
	}
}

// Noise is added to eight samples at once, which must not leave their bytes.
func TestNoiseHasRoom(t *testing.T) {
	s := newScene(t, Config{320, 180, 5, 1})
	p := s.NewPicture()
	for n := range uint64(500) {
		m := s.motionAt(n)
		f := frameOf(p)
		f.draw(&s.places[m.place].layer, m.camera)
		f.draw(&s.people[m.person].shoulders, m.shoulders)
		f.draw(&s.people[m.person].head, m.head)
		s.people[m.person].drawFace(f, m)
		for _, v := range samples(p) {
			if v < cleanMin || v > cleanMax {
				t.Fatalf("picture %d has a sample of %d", n, v)
			}
		}
	}
}

func TestNoise(t *testing.T) {
	const size = 512
	s := newScene(t, Config{size, size, 30, 1})
	p, q := s.NewPicture(), s.NewPicture()
	fill(p, 100)
	fill(q, 100)
	s.noise.add(frameOf(p), hash(1))
	s.noise.add(frameOf(q), hash(2))
	var sum, squares, product float64
	for i := range p.Y {
		a, b := float64(p.Y[i])-100, float64(q.Y[i])-100
		sum, squares, product = sum+a, squares+a*a, product+a*b
	}
	count := float64(len(p.Y))
	sigma := math.Sqrt(squares / count)
	if math.Abs(sum/count) > 0.03 || sigma < 1.5 || sigma > 1.66 || math.Abs(product/squares) > 0.03 {
		t.Errorf("mean %.3f, sigma %.3f, correlation of two pictures %.3f", sum/count, sigma, product/squares)
	}
}

func TestCuts(t *testing.T) {
	s := newScene(t, Config{64, 64, 30, 9})
	cuts, place, last := 0, -1, uint64(0)
	for n := range uint64(30 * 600) {
		if m := s.motionAt(n); m.place != place {
			if cuts > 1 && (n-last < 30*3 || n-last > 30*17) {
				t.Errorf("cut at picture %d, the one before at %d", n, last)
			}
			place, last = m.place, n
			cuts++
		}
	}
	if cuts < 58 || cuts > 62 {
		t.Errorf("%d cuts in 600 s, want about 60", cuts)
	}
}

// What moves does so smoothly: no position jumps, but at a cut.
func TestMotionIsSmooth(t *testing.T) {
	s := newScene(t, Config{1280, 720, 60, 5})
	before := s.motionAt(0)
	for n := uint64(1); n < 60*60; n++ {
		m := s.motionAt(n)
		if m.place == before.place {
			for name, moved := range map[string]int{
				"camera":    m.camera.corner.x - before.camera.corner.x,
				"shoulders": m.shoulders.corner.x - before.shoulders.corner.x,
				"head":      m.head.corner.x - before.head.corner.x,
				"nod":       m.head.corner.y - before.head.corner.y,
				"turn":      m.turn.x - before.turn.x,
			} {
				if max(moved, -moved) > 6*subpixels {
					t.Errorf("picture %d: %s jumps by %d sixteenths", n, name, moved)
				}
			}
		}
		before = m
	}
}

func TestWave(t *testing.T) {
	for _, period := range []int64{1000, 237_000, 7_300_000} {
		for i := range int64(1000) {
			at := i * period / 997
			want := 16384 * math.Sin(2*math.Pi*float64(at)/float64(period))
			if got := wave(at, period, 0); math.Abs(float64(got)-want) > 100 {
				t.Errorf("wave(%d, %d) is %d, want %.0f", at, period, got, want)
			}
		}
	}
}

func TestMixing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		n := random.IntN(50)
		upper, lower, got := make([]byte, n+1), make([]byte, n+1), make([]byte, n)
		for i := range upper {
			upper[i], lower[i] = byte(random.IntN(3)*random.IntN(128)), byte(255-random.IntN(2)*random.IntN(256))
		}
		x, y := random.IntN(16), random.IntN(16)
		mixFour(got, upper, lower, x, y)
		for i := range got {
			sum := (int(upper[i])*(16-x)+int(upper[i+1])*x)*(16-y) + (int(lower[i])*(16-x)+int(lower[i+1])*x)*y
			if want := byte((sum + 128) / 256); got[i] != want {
				t.Fatalf("mixFour: sample %d is %d, want %d", i, got[i], want)
			}
		}
		mixTwo(got, upper, lower, x)
		for i := range got {
			if want := byte((int(upper[i])*(16-x) + int(lower[i])*x + 8) / 16); got[i] != want {
				t.Fatalf("mixTwo: sample %d is %d, want %d", i, got[i], want)
			}
		}
	}
}

// The scene must be as hard to code as a camera's video: interframes neither nothing nor whole pictures, and a quality that falls
// step by step with the quantizer.
func TestCodesLikeVideo(t *testing.T) {
	s := newScene(t, Config{640, 360, 30, 1})
	p := s.NewPicture()
	lastBytes, lastSSIM := math.Inf(1), 1.0
	for _, quantizer := range []int{10, 30, 60, 100} {
		state, err := vp8.NewState(640, 360)
		if err != nil {
			t.Fatal(err)
		}
		var size, ssim float64
		const frames = 6
		for n := range uint64(1 + frames) {
			s.Render(60+n, p)
			frame, next, stats, err := vp8.Encode(state, p, vp8.Options{Quantizer: quantizer, Effort: 2})
			if err != nil {
				t.Fatal(err)
			}
			state.Release()
			state = next
			if n > 0 {
				size, ssim = size+float64(len(frame))/frames, ssim+stats.SSIM/frames
			}
		}
		t.Logf("quantizer %d: %.0f bytes an interframe, SSIM %.3f", quantizer, size, ssim)
		if size > 0.8*lastBytes || ssim > lastSSIM-0.005 {
			t.Errorf("quantizer %d: %.0f bytes an interframe and SSIM %.3f after %.0f and %.3f", quantizer, size, ssim, lastBytes, lastSSIM)
		}
		if quantizer == 30 && (size < 700 || size > 5000) {
			t.Errorf("quantizer 30: %.0f bytes an interframe at 640x360", size)
		}
		lastBytes, lastSSIM = size, ssim
	}
}

func TestConfigErrors(t *testing.T) {
	for _, c := range []Config{{15, 16, 30, 0}, {16, 15, 30, 0}, {4097, 16, 30, 0}, {16, 4097, 30, 0}, {64, 64, 0, 0},
		{64, 64, -1, 0}, {64, 64, math.NaN(), 0}, {64, 64, math.Inf(1), 0}} {
		if _, err := New(c); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: error %v, want ErrConfig", c, err)
		}
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	s := newScene(t, Config{160, 90, 30, 1})
	p := s.NewPicture()
	n := uint64(0)
	if got := testing.AllocsPerRun(100, func() { s.Render(n, p); n += 7 }); got != 0 {
		t.Errorf("%v allocations a picture", got)
	}
}

func BenchmarkRender(b *testing.B) {
	s := newScene(b, Config{1280, 720, 30, 1})
	p := s.NewPicture()
	b.ReportAllocs()
	b.ResetTimer()
	for n := range b.N {
		s.Render(uint64(n), p)
	}
}

func BenchmarkNew(b *testing.B) {
	for range b.N {
		newScene(b, Config{1280, 720, 30, 1})
	}
}
