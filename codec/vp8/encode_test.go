package vp8_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/vp8"
	"salsify/testbed/quality"
)

// What the encoder's tests share: synthetic scenes, an Encode that checks what must hold of every frame, and a Decode that must
// arrive at the same State. No test says how many bytes a frame takes: that changes with every improvement of the encoder.

// kinds are the scenes that scene.picture knows.
var kinds = []string{"texture", "pan", "noise", "flat", "checker", "cuts", "fade", "squares"}

// scene is a synthetic clip. Its pictures follow from the kind, the size and the seed, so that another process sees the same.
type scene struct {
	kind          string
	width, height int
	seed          uint64
	texture       [textureSize * textureSize]byte
}

// textureSize is after how many pixels the texture repeats.
const textureSize = 128

func newScene(kind string, width, height int, seed uint64) *scene {
	s := &scene{kind: kind, width: width, height: height, seed: seed}
	rng := rand.New(rand.NewPCG(seed, 1))
	// Smoothed noise: the mean of a coarse and a fine one.
	var coarse [16 * 16]int
	for i := range coarse {
		coarse[i] = rng.IntN(256)
	}
	for i := range s.texture {
		x, y := i%textureSize, i/textureSize
		at := func(dx, dy int) int { return coarse[(y/8+dy)%16*16+(x/8+dx)%16] }
		fx, fy := x%8, y%8
		smooth := ((at(0, 0)*(8-fx)+at(1, 0)*fx)*(8-fy) + (at(0, 1)*(8-fx)+at(1, 1)*fx)*fy) / 64
		s.texture[i] = byte((smooth*7 + rng.IntN(256)) / 8)
	}
	return s
}

// at gives the texture at a place in sixteenths of a pixel.
func (s *scene) at(x, y int) int {
	const mask = textureSize - 1
	left, top, fx, fy := x>>4, y>>4, x&15, y&15
	pixel := func(x, y int) int { return int(s.texture[y&mask*textureSize+x&mask]) }
	above := pixel(left, top)*(16-fx) + pixel(left+1, top)*fx
	below := pixel(left, top+1)*(16-fx) + pixel(left+1, top+1)*fx
	return (above*(16-fy) + below*fy) >> 8
}

// picture paints the picture at time t.
func (s *scene) picture(t int) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, s.width, s.height), image.YCbCrSubsampleRatio420)
	rng := rand.New(rand.NewPCG(s.seed, uint64(t)+2))
	paint := func(pix []byte, w, scale int) {
		for i := range pix {
			pix[i] = s.pixel(rng, i%w*scale, i/w*scale, t)
		}
	}
	paint(p.Y, p.YStride, 1)
	paint(p.Cb, p.CStride, 2)
	paint(p.Cr, p.CStride, 2)
	return p
}

func (s *scene) pixel(rng *rand.Rand, x, y, t int) byte {
	switch s.kind {
	case "texture": // moves by fractions of a pixel
		return byte(s.at(16*x+10*t, 16*y-22*t))
	case "pan": // ever faster, out of the picture and back, so that vectors get long and cross the edges
		phase := t % 24
		return byte(s.at(16*x+40*phase*phase, 16*y-25*phase*phase))
	case "noise":
		return byte(rng.Uint32())
	case "flat":
		return byte(16 + t/5)
	case "checker": // the largest coefficients that there are, at every frequency
		size := 1 + t/2%4
		return byte((x/size + y/size + t) % 2 * 255)
	case "cuts": // every third picture is the negative of another place
		return byte(s.at(16*x+t/3*700, 16*y) ^ t/3%2*255)
	case "fade":
		return byte(s.at(16*x, 16*y) * (t % 16) / 15)
	case "squares": // over a still background and over the edges of the picture
		if (x+13*t)%97 < 24 && (y+7*t)%61 < 20 {
			return byte((x/3 + t) % 2 * 255)
		}
		return byte(s.at(16*x, 16*y))
	}
	panic(s.kind)
}

// i420 gives a picture as Y, U and V rows without padding.
func i420(p *image.YCbCr) []byte {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	var out []byte
	for y := range h {
		out = append(out, p.Y[y*p.YStride:][:w]...)
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := range (h + 1) / 2 {
			out = append(out, plane[y*p.CStride:][:(w+1)/2]...)
		}
	}
	return out
}

// trace is what a State is, as far as a test can see.
type trace struct {
	id          vp8.ID
	fingerprint [sha256.Size]byte
	picture     [sha256.Size]byte
}

func traceOf(s *vp8.State) trace {
	tr := trace{id: s.ID(), fingerprint: s.Fingerprint()}
	if p := s.Picture(); p != nil {
		tr.picture = sha256.Sum256(i420(p))
	}
	return tr
}

func newState(t rapid.TB, width, height int) *vp8.State {
	t.Helper()
	s, err := vp8.NewState(width, height)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// encode encodes a picture that must succeed, and checks what Encode promises of every frame.
func encode(t rapid.TB, s *vp8.State, src *image.YCbCr, o vp8.Options) ([]byte, *vp8.State, vp8.Stats) {
	t.Helper()
	frame, next, stats, err := vp8.Encode(s, src, o)
	if err != nil {
		t.Fatalf("%+v: %v", o, err)
	}
	if o.FrameBytes > 0 && len(frame) > o.FrameBytes {
		t.Fatalf("%+v: a frame of %d bytes", o, len(frame))
	}
	if info, err := vp8.Inspect(s, frame); err != nil || info != stats.Info {
		t.Fatalf("%+v: the statistics say\n%+v, the frame says\n%+v, %v", o, stats.Info, info, err)
	}
	parts := stats.HeaderBytes + stats.ModeBytes
	for _, n := range stats.TokenBytes {
		parts += n
	}
	if parts != len(frame) {
		t.Fatalf("%+v: the parts %d + %d + %d are %d bytes, the frame has %d", o, stats.HeaderBytes, stats.ModeBytes, stats.TokenBytes, parts, len(frame))
	}
	if e := squaredError(src, next.Picture()); e != stats.SquaredErr {
		t.Fatalf("%+v: the statistics say a squared error of %d, it is %d", o, stats.SquaredErr, e)
	}
	if !(stats.SSIM >= -1 && stats.SSIM <= 1) {
		t.Fatalf("%+v: an SSIM of %v", o, stats.SSIM)
	}
	if stats.Info.Key != (o.KeyFrame || !s.HasPicture()) {
		t.Fatalf("%+v: a key frame: %v; the State holds a picture: %v", o, stats.Info.Key, s.HasPicture())
	}
	return frame, next, stats
}

// squaredError is that of the visible luma.
func squaredError(a, b *image.YCbCr) (sum uint64) {
	for y := range a.Rect.Dy() {
		ra, rb := a.Y[a.YOffset(a.Rect.Min.X, a.Rect.Min.Y+y):], b.Y[b.YOffset(b.Rect.Min.X, b.Rect.Min.Y+y):]
		for x := range a.Rect.Dx() {
			d := int(ra[x]) - int(rb[x])
			sum += uint64(d * d)
		}
	}
	return sum
}

// follow decodes a frame that Encode made on its way to the State made, and fails unless the decoder comes to the same State.
func follow(t rapid.TB, s *vp8.State, frame []byte, made *vp8.State) *vp8.State {
	t.Helper()
	next, shown, err := vp8.Decode(s, frame)
	if err != nil {
		t.Fatal(err)
	}
	if shown == nil {
		t.Fatal("the frame is not to be shown")
	}
	if got, want := traceOf(next), traceOf(made); got != want {
		t.Fatalf("the decoder came to %x, picture %x;\nthe encoder to %x, picture %x", got.fingerprint, got.picture, want.fingerprint, want.picture)
	}
	return next
}

// randomOptions picks any options of at most an effort. Where it asks for a budget, that may be too small.
func randomOptions(rng *rand.Rand, most int) vp8.Options {
	o := vp8.Options{
		Quantizer:       rng.IntN(128),
		Effort:          rng.IntN(most + 1),
		Goroutines:      rng.IntN(5),
		TokenPartitions: []int{0, 1, 2, 4, 8}[rng.IntN(5)],
		KeyFrame:        rng.IntN(12) == 0,
	}
	if rng.IntN(4) == 0 {
		o.FrameBytes = 1 << rng.IntN(17)
	}
	return o
}

// encodeRandomly encodes with random options, without the budget where it turns out to be too small.
func encodeRandomly(t rapid.TB, s *vp8.State, src *image.YCbCr, rng *rand.Rand, most int) ([]byte, *vp8.State) {
	t.Helper()
	o := randomOptions(rng, most)
	if o.FrameBytes > 0 {
		if _, _, _, err := vp8.Encode(s, src, o); errors.Is(err, vp8.ErrBudget) {
			o.FrameBytes = 0
		}
	}
	frame, next, _ := encode(t, s, src, o)
	return frame, next
}

// underRace tells whether the test runs under the race detector, where everything is slower and pools forget at random.
func underRace() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// onlyWithoutRace skips a test of results that takes long and has nothing to do with goroutines.
func onlyWithoutRace(t *testing.T) {
	t.Helper()
	if underRace() {
		t.Skip("skipped: the race detector has nothing to find here, and slows it down too much")
	}
}

// TestReconstruction: for any small scene and options, decoding gives the encoder's own reconstruction.
func TestReconstruction(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 50).Draw(t, "width"), rapid.IntRange(1, 50).Draw(t, "height")
		seed := rapid.Uint64().Draw(t, "seed")
		sc := newScene(rapid.SampledFrom(kinds).Draw(t, "kind"), width, height, seed)
		rng := rand.New(rand.NewPCG(seed, 3))
		encoder, decoder := newState(t, width, height), newState(t, width, height)
		start := rapid.IntRange(0, 100).Draw(t, "start")
		for i := range rapid.IntRange(1, 8).Draw(t, "frames") {
			frame, next := encodeRandomly(t, encoder, sc.picture(start+i), rng, vp8.MaxEffort)
			encoder, decoder = next, follow(t, decoder, frame, next)
		}
	})
}

// TestEveryQuantizer encodes a key frame and an interframe with each quantizer index.
func TestEveryQuantizer(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range []string{"texture", "checker"} {
		sc := newScene(kind, 40, 40, 1)
		for q := range 128 {
			encoder, decoder := newState(t, 40, 40), newState(t, 40, 40)
			for i := range 2 {
				frame, next, stats := encode(t, encoder, sc.picture(i), vp8.Options{Quantizer: q, Effort: 4 + i})
				if stats.Info.Quantizer != q {
					t.Errorf("%s: quantizer %d, want %d", kind, stats.Info.Quantizer, q)
				}
				encoder, decoder = next, follow(t, decoder, frame, next)
			}
		}
	}
}

// TestEveryEffort encodes each kind of scene with each effort, long enough that GOLDEN and ALTREF are in use.
func TestEveryEffort(t *testing.T) {
	onlyWithoutRace(t)
	for effort := vp8.MinEffort; effort <= vp8.MaxEffort; effort++ {
		for _, kind := range kinds {
			sc := newScene(kind, 34, 34, 2)
			encoder, decoder := newState(t, 34, 34), newState(t, 34, 34)
			for i := range 16 {
				frame, next, _ := encode(t, encoder, sc.picture(i), vp8.Options{Quantizer: 10 + 6*i, Effort: effort})
				nextDecoder := follow(t, decoder, frame, next)
				encoder.Release()
				decoder.Release()
				encoder, decoder = next, nextDecoder
			}
		}
	}
}

// TestTokenPartitions: the frame has as many as were asked for, also if there are more partitions than rows.
func TestTokenPartitions(t *testing.T) {
	for _, height := range []int{16, 130, 300} {
		sc := newScene("noise", 40, height, 3)
		s := newState(t, 40, height)
		for _, n := range []int{0, 1, 2, 4, 8} {
			frame, next, stats := encode(t, s, sc.picture(n), vp8.Options{Quantizer: 30, TokenPartitions: n})
			if got := stats.Info.TokenPartitions; got != max(n, 1) {
				t.Errorf("%d token partitions, want %d", got, n)
			}
			for i, bytes := range stats.TokenBytes {
				// Noise has something in every row.
				if row := i * 16; i >= max(n, 1) && bytes != 0 || row < height && i < n && bytes < 100 {
					t.Errorf("height %d: partition %d of %d has %d bytes", height, i, n, bytes)
				}
			}
			follow(t, s, frame, next)
			s = next
		}
	}
}

// refuses checks that Encode fails with an error of a kind, gives nothing else, and leaves the State as it was.
func refuses(t *testing.T, s *vp8.State, src *image.YCbCr, o vp8.Options, want error) {
	t.Helper()
	var before trace
	if w, _ := s.Size(); w != 0 {
		before = traceOf(s)
	}
	frame, next, stats, err := vp8.Encode(s, src, o)
	if !errors.Is(err, want) {
		t.Errorf("%+v: %v, want %v", o, err, want)
	}
	if frame != nil || next != nil || stats != (vp8.Stats{}) {
		t.Errorf("%+v: a frame of %d bytes, state %v or statistics along with an error", o, len(frame), next)
	}
	if w, _ := s.Size(); w != 0 && traceOf(s) != before {
		t.Errorf("%+v: the State changed", o)
	}
}

func TestOptions(t *testing.T) {
	sc := newScene("texture", 20, 20, 4)
	_, s, _ := encode(t, newState(t, 20, 20), sc.picture(0), vp8.Options{})
	wantFrame, wantNext, _ := encode(t, s, sc.picture(1), vp8.Options{Quantizer: 20})
	for _, o := range []vp8.Options{
		{Quantizer: -1}, {Quantizer: 128}, {Quantizer: math.MinInt}, {Quantizer: math.MaxInt},
		{FrameBytes: -1}, {FrameBytes: math.MinInt},
		{Effort: -1}, {Effort: 11}, {FrameBytes: 5000, Effort: 11},
		{Goroutines: -1},
		{TokenPartitions: -1}, {TokenPartitions: 3}, {TokenPartitions: 5}, {TokenPartitions: 7}, {TokenPartitions: 9}, {TokenPartitions: 16},
	} {
		refuses(t, s, sc.picture(1), o, vp8.ErrOptions)
	}
	// Other than with the errors, the quantizer does not matter where there is a budget.
	encode(t, s, sc.picture(1), vp8.Options{Quantizer: 999, FrameBytes: 100000})
	// After all that the State gives what it gave before.
	frame, next, _ := encode(t, s, sc.picture(1), vp8.Options{Quantizer: 20})
	if !bytes.Equal(frame, wantFrame) || traceOf(next) != traceOf(wantNext) {
		t.Error("after errors a State gives another frame")
	}
}

func TestWrongPicture(t *testing.T) {
	picture := func(width, height int, ratio image.YCbCrSubsampleRatio) *image.YCbCr {
		return image.NewYCbCr(image.Rect(0, 0, width, height), ratio)
	}
	broken := func(damage func(p *image.YCbCr)) *image.YCbCr {
		p := picture(20, 30, image.YCbCrSubsampleRatio420)
		damage(p)
		return p
	}
	s := newState(t, 20, 30)
	for range 2 { // before and after the first frame
		for _, src := range []*image.YCbCr{
			broken(func(p *image.YCbCr) { p.Y = p.Y[:len(p.Y)-1] }),
			broken(func(p *image.YCbCr) { p.Cb = p.Cb[:50] }),
			broken(func(p *image.YCbCr) { p.Cr = nil }),
			broken(func(p *image.YCbCr) { p.YStride = 19 }),
			broken(func(p *image.YCbCr) { p.CStride = -10 }),
			nil,
			new(image.YCbCr),
			picture(0, 0, image.YCbCrSubsampleRatio420),
			picture(30, 20, image.YCbCrSubsampleRatio420),
			picture(20, 29, image.YCbCrSubsampleRatio420),
			picture(20, 31, image.YCbCrSubsampleRatio420),
			picture(19, 30, image.YCbCrSubsampleRatio420),
			picture(32, 32, image.YCbCrSubsampleRatio420),
			picture(20, 30, image.YCbCrSubsampleRatio444),
			picture(20, 30, image.YCbCrSubsampleRatio422),
			picture(20, 30, image.YCbCrSubsampleRatio440),
			picture(20, 30, image.YCbCrSubsampleRatio411),
			picture(20, 30, image.YCbCrSubsampleRatio410),
		} {
			refuses(t, s, src, vp8.Options{}, vp8.ErrSize)
		}
		_, s, _ = encode(t, s, picture(20, 30, image.YCbCrSubsampleRatio420), vp8.Options{})
	}
	refuses(t, new(vp8.State), picture(20, 30, image.YCbCrSubsampleRatio420), vp8.Options{}, vp8.ErrSize)
}

// TestReleased: a released State encodes no more, one that came from it does.
func TestEncodeReleased(t *testing.T) {
	sc := newScene("texture", 20, 20, 5)
	first := newState(t, 20, 20)
	_, s, _ := encode(t, first, sc.picture(0), vp8.Options{})
	first.Release()
	_, next, _ := encode(t, s, sc.picture(1), vp8.Options{})
	s.Release()
	for _, s := range []*vp8.State{first, s} {
		if frame, n, _, err := vp8.Encode(s, sc.picture(2), vp8.Options{}); !errors.Is(err, vp8.ErrReleased) || frame != nil || n != nil {
			t.Errorf("from a released State: %d bytes, %v, %v", len(frame), n, err)
		}
	}
	encode(t, next, sc.picture(2), vp8.Options{})
}

// placed gives a copy of a picture that lies at a place within a larger buffer whose other pixels are garbage.
func placed(p *image.YCbCr, at image.Point, right, below int) *image.YCbCr {
	w, h := p.Rect.Dx(), p.Rect.Dy()
	all := image.NewYCbCr(image.Rect(0, 0, at.X+w+right+1, at.Y+h+below+1), image.YCbCrSubsampleRatio420)
	for _, plane := range [][]byte{all.Y, all.Cb, all.Cr} {
		for i := range plane {
			plane[i] = byte(i*37 + i/7)
		}
	}
	for y := range h {
		copy(all.Y[all.YOffset(at.X, at.Y+y):][:w], p.Y[y*p.YStride:])
	}
	for y := range (h + 1) / 2 {
		start := all.COffset(at.X, at.Y) + y*all.CStride
		copy(all.Cb[start:][:(w+1)/2], p.Cb[y*p.CStride:])
		copy(all.Cr[start:][:(w+1)/2], p.Cr[y*p.CStride:])
	}
	return all.SubImage(image.Rectangle{at, at.Add(image.Pt(w, h))}).(*image.YCbCr)
}

// TestPicturePlace: a picture may lie anywhere in its buffer and have rows of any length; what is around it does not matter.
func TestPicturePlace(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {16, 16}, {17, 33}, {40, 21}, {5, 100}} {
		sc := newScene("texture", size.X, size.Y, 6)
		s := newState(t, size.X, size.Y)
		for i := range 3 {
			o := vp8.Options{Quantizer: 10, Effort: 5}
			want, next, _ := encode(t, s, sc.picture(i), o)
			for _, at := range []image.Point{{0, 0}, {2, 4}, {3, 1}, {32, 0}, {1, 16}} {
				for _, around := range []image.Point{{0, 0}, {1, 0}, {50, 9}} {
					src := placed(sc.picture(i), at, around.X, around.Y)
					got, _, _ := encode(t, s, src, o)
					if !bytes.Equal(got, want) {
						t.Errorf("%v at %v in a buffer with %v more: another frame", size, at, around)
					}
				}
			}
			s = next
		}
	}
	// Rect may also begin left of and above 0.
	sc := newScene("texture", 20, 20, 6)
	src := sc.picture(0)
	want, _, _ := encode(t, newState(t, 20, 20), src, vp8.Options{})
	src.Rect = image.Rect(-8, -30, 12, -10)
	if got, _, _ := encode(t, newState(t, 20, 20), src, vp8.Options{}); !bytes.Equal(got, want) {
		t.Error("a picture at negative coordinates gives another frame")
	}
}

// TestSourceIsLeftAlone: Encode does not write to the picture, and does not look at it after it has returned.
func TestSourceIsLeftAlone(t *testing.T) {
	sc := newScene("squares", 45, 37, 7)
	var kept, changed []trace
	for _, change := range []bool{false, true} {
		s := newState(t, 45, 37)
		for i := range 5 {
			src := placed(sc.picture(i), image.Pt(2, 2), 6, 6)
			y, cb, cr := bytes.Clone(src.Y), bytes.Clone(src.Cb), bytes.Clone(src.Cr)
			_, next, _ := encode(t, s, src, vp8.Options{Quantizer: 8, Effort: 7, Goroutines: 2})
			if !bytes.Equal(src.Y, y) || !bytes.Equal(src.Cb, cb) || !bytes.Equal(src.Cr, cr) {
				t.Fatal("Encode wrote to the picture")
			}
			s = next
			if change {
				for _, plane := range [][]byte{src.Y, src.Cb, src.Cr} {
					clear(plane)
				}
				changed = append(changed, traceOf(s))
			} else {
				kept = append(kept, traceOf(s))
			}
		}
	}
	if !slices.Equal(kept, changed) {
		t.Error("what was written to a picture after it was encoded changed something")
	}
}

// TestGoroutines: their number never changes anything. Some of the pictures have fewer rows than there are goroutines.
func TestGoroutines(t *testing.T) {
	for _, size := range []image.Point{{1, 1}, {16, 16}, {200, 16}, {16, 200}, {17, 33}, {176, 144}} {
		for _, effort := range []int{0, 3, 5, 8} {
			t.Run(fmt.Sprintf("%dx%d,effort=%d", size.X, size.Y, effort), func(t *testing.T) {
				sc := newScene("pan", size.X, size.Y, 8)
				s := newState(t, size.X, size.Y)
				for i := range 3 {
					o := vp8.Options{Quantizer: 30, Effort: effort, TokenPartitions: 1 << i}
					if i == 1 {
						o.FrameBytes = 300 + size.X*size.Y/8
					}
					want, next, wantStats := encode(t, s, sc.picture(5+i), o)
					for _, n := range []int{1, 2, 3, 8} {
						o.Goroutines = n
						got, same, stats := encode(t, s, sc.picture(5+i), o)
						if !bytes.Equal(got, want) || traceOf(same) != traceOf(next) {
							t.Fatalf("frame %d: %d goroutines give other bytes", i, n)
						}
						if stats != wantStats {
							t.Fatalf("frame %d: %d goroutines give other statistics: %+v, want %+v", i, n, stats, wantStats)
						}
						same.Release()
					}
					s.Release()
					s = next
				}
			})
		}
	}
}

// TestDeadline: one that is far away changes nothing, and one that has passed gives what the lowest effort gives.
func TestDeadline(t *testing.T) {
	sc := newScene("pan", 96, 80, 7)
	first := newState(t, 96, 80)
	_, source, _ := encode(t, first, sc.picture(0), vp8.Options{Quantizer: 60})
	for _, effort := range []int{0, 5, vp8.MaxEffort} {
		for _, goroutines := range []int{1, 3} {
			encoded := func(effort int, deadline time.Time) ([]byte, int) {
				frame, next, stats := encode(t, source, sc.picture(1),
					vp8.Options{Quantizer: 40, Effort: effort, Goroutines: goroutines, Deadline: deadline})
				next.Release()
				return frame, stats.Effort
			}
			want, told := encoded(effort, time.Time{})
			if told != effort {
				t.Errorf("effort %d without a deadline is given as %d", effort, told)
			}
			if got, told := encoded(effort, time.Now().Add(time.Hour)); !bytes.Equal(got, want) || told != effort {
				t.Errorf("effort %d, %d goroutines: with an hour's time the frame is another, or of effort %d", effort, goroutines, told)
			}
			want, _ = encoded(vp8.MinEffort, time.Time{})
			if got, told := encoded(effort, time.Now().Add(-time.Second)); !bytes.Equal(got, want) || told != vp8.MinEffort {
				t.Errorf("effort %d, %d goroutines: too late, the frame is not of the lowest effort, but of %d", effort, goroutines, told)
			}
		}
	}
}

// TestManyGoroutines: more goroutines than rows do not cost memory.
func TestManyGoroutines(t *testing.T) {
	sc := newScene("texture", 16, 32, 9)
	s := newState(t, 16, 32)
	src := sc.picture(0)
	want, _, _ := encode(t, s, src, vp8.Options{})
	var got []byte
	spent := allocated(func() { got, _, _ = encode(t, s, src, vp8.Options{Goroutines: 20000}) })
	if !bytes.Equal(got, want) {
		t.Error("another frame")
	}
	if spent > 5<<20 {
		t.Errorf("%d bytes were allocated", spent)
	}
}

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestConcurrentEncodes: many goroutines encode from one State at the same time, with different options, and each gets what it
// would have got alone.
func TestConcurrentEncodes(t *testing.T) {
	sc := newScene("squares", 120, 90, 10)
	_, s, _ := encode(t, newState(t, 120, 90), sc.picture(0), vp8.Options{Quantizer: 20})
	rng := rand.New(rand.NewPCG(10, 10))
	type job struct {
		options vp8.Options
		src     *image.YCbCr
		frame   []byte
		trace   trace
		stats   vp8.Stats
	}
	var jobs []job
	for i := range 12 {
		j := job{options: randomOptions(rng, 7), src: sc.picture(i / 2)}
		j.options.FrameBytes *= 1000
		frame, next, stats := encode(t, s, j.src, j.options)
		j.frame, j.trace, j.stats = frame, traceOf(next), stats
		next.Release() // so that the goroutines below use its memory again
		jobs = append(jobs, j)
	}
	before := traceOf(s)
	var all sync.WaitGroup
	for _, j := range jobs {
		all.Go(func() {
			for range 3 {
				frame, next, stats, err := vp8.Encode(s, j.src, j.options)
				if err != nil {
					t.Errorf("%+v: %v", j.options, err)
					return
				}
				if !bytes.Equal(frame, j.frame) || traceOf(next) != j.trace || stats != j.stats {
					t.Errorf("%+v: beside other encodes the result is another", j.options)
				}
				decoded, _, err := vp8.Decode(s, frame)
				if err != nil || traceOf(decoded) != j.trace {
					t.Errorf("%+v: it does not decode to the same (%v)", j.options, err)
				}
				next.Release()
			}
		})
	}
	all.Wait()
	if traceOf(s) != before {
		t.Error("the State changed")
	}
}

// TestReleaseDuringEncode: a State may be released while others encode from it. They finish, or are refused.
func TestReleaseDuringEncode(t *testing.T) {
	sc := newScene("pan", 64, 48, 11)
	first := newState(t, 64, 48)
	_, parent, _ := encode(t, first, sc.picture(0), vp8.Options{})
	want, wantNext, _ := encode(t, parent, sc.picture(1), vp8.Options{Quantizer: 30, Effort: 2})
	wantTrace := traceOf(wantNext)
	for range 20 {
		_, s, _ := encode(t, first, sc.picture(0), vp8.Options{})
		var all sync.WaitGroup
		for i := range 4 {
			all.Go(func() {
				if i == 3 {
					s.Release()
					return
				}
				frame, next, _, err := vp8.Encode(s, sc.picture(1), vp8.Options{Quantizer: 30, Effort: 2})
				switch {
				case errors.Is(err, vp8.ErrReleased):
				case err != nil:
					t.Error(err)
				case !bytes.Equal(frame, want) || traceOf(next) != wantTrace:
					t.Error("another frame")
				default:
					next.Release()
				}
			})
		}
		all.Wait()
	}
}

// TestKeyFrames: the first frame is one, one comes when asked for, and it decodes by itself.
func TestKeyFrames(t *testing.T) {
	sc := newScene("texture", 50, 50, 12)
	s := newState(t, 50, 50)
	for i := range 9 {
		frame, next, stats := encode(t, s, sc.picture(i), vp8.Options{Quantizer: 40, KeyFrame: i == 4})
		if want := i == 0 || i == 4; stats.Info.Key != want {
			t.Errorf("frame %d: key frame %v, want %v", i, stats.Info.Key, want)
		}
		if info := stats.Info; info.Key && !(info.RefreshLast && info.RefreshGolden && info.RefreshAltRef && info.Intra == info.Macroblocks) {
			t.Errorf("frame %d: a key frame that leaves something: %+v", i, info)
		}
		if stats.Info.Key {
			alone, _, err := vp8.Decode(newState(t, 1, 1), frame)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(i420(alone.Picture()), i420(next.Picture())) {
				t.Errorf("frame %d: by itself the key frame decodes to another picture", i)
			}
		} else if _, _, err := vp8.Decode(newState(t, 50, 50), frame); !errors.Is(err, vp8.ErrNoReference) {
			t.Errorf("frame %d: without a reference: %v", i, err)
		}
		s = next
	}
}

// TestReferenceRefresh: GOLDEN and ALTREF are not left to grow old, nor replaced all the time.
func TestReferenceRefresh(t *testing.T) {
	sc := newScene("texture", 64, 64, 13)
	s := newState(t, 64, 64)
	const frames, least, most = 60, 4, 30
	lastGolden, lastAltRef, golden := 0, 0, 0
	for i := range frames {
		frame, next, _ := encode(t, s, sc.picture(i), vp8.Options{Quantizer: 50, Effort: 4})
		info, err := vp8.Inspect(s, frame)
		if err != nil {
			t.Fatal(err)
		}
		if !info.RefreshLast {
			t.Errorf("frame %d leaves LAST", i)
		}
		if info.RefreshGolden && i > 0 {
			if age := i - lastGolden; age < least {
				t.Errorf("frame %d: GOLDEN was replaced after %d frames", i, age)
			}
			golden++
			lastGolden = i
		}
		if info.RefreshAltRef {
			lastAltRef = i
		}
		if i-lastGolden > most || i-lastAltRef > 2*most {
			t.Fatalf("frame %d: GOLDEN is %d frames old, ALTREF %d", i, i-lastGolden, i-lastAltRef)
		}
		s = next
	}
	if golden < 2 {
		t.Errorf("GOLDEN was replaced %d times in %d frames", golden, frames)
	}
}

// TestGoldenIsUsed: what was covered for some frames comes back, and costs little since GOLDEN or ALTREF still show it.
func TestGoldenIsUsed(t *testing.T) {
	background, cover := newScene("texture", 64, 64, 14), newScene("noise", 64, 64, 15)
	still, other := background.picture(0), cover.picture(0)
	size := map[bool]int{}
	for _, seenBefore := range []bool{false, true} {
		s := newState(t, 64, 64)
		o := vp8.Options{Quantizer: 40, Effort: 7}
		if seenBefore {
			_, s, _ = encode(t, s, still, o)
		}
		for range 3 {
			_, s, _ = encode(t, s, other, o)
		}
		frame, _, _ := encode(t, s, still, o)
		size[seenBefore] = len(frame)
	}
	if size[true]*4 > size[false] {
		t.Errorf("%d bytes for a background that GOLDEN shows, %d where it does not", size[true], size[false])
	}
}

// TestStillPicture: a picture that does not change costs next to nothing once it is there.
func TestStillPicture(t *testing.T) {
	src := newScene("texture", 320, 240, 16).picture(0)
	for _, effort := range []int{0, 5, 10} {
		first, s, _ := encode(t, newState(t, 320, 240), src, vp8.Options{Quantizer: 60, Effort: effort})
		var frame []byte
		var stats vp8.Stats
		for range 4 {
			frame, s, stats = encode(t, s, src, vp8.Options{Quantizer: 60, Effort: effort})
		}
		if len(frame)*20 > len(first) || stats.Info.Skipped*10 < stats.Info.Macroblocks*9 {
			t.Errorf("effort %d: %d bytes after a key frame of %d, %d of %d macroblocks skipped", effort, len(frame), len(first), stats.Info.Skipped, stats.Info.Macroblocks)
		}
	}
}

// coded is what encoding a scene took and gave.
type coded struct {
	bytes int
	score quality.Score
}

func encodeScene(t *testing.T, sc *scene, frames int, o vp8.Options) coded {
	t.Helper()
	var c coded
	var meter quality.Meter
	s := newState(t, sc.width, sc.height)
	for i := range frames {
		src := sc.picture(i)
		frame, next, _ := encode(t, s, src, o)
		if _, err := meter.Add(src, next.Picture()); err != nil {
			t.Fatal(err)
		}
		c.bytes += len(frame)
		s.Release()
		s = next
	}
	c.score = meter.Mean()
	return c
}

// TestQuantizerTradesBytesForQuality: up to small wobbles, a coarser quantizer makes the frames smaller and the pictures worse.
func TestQuantizerTradesBytesForQuality(t *testing.T) {
	onlyWithoutRace(t)
	for _, kind := range []string{"texture", "squares", "pan"} {
		sc := newScene(kind, 112, 96, 17)
		var results []coded
		for q := 0; q <= 127; q += 8 {
			results = append(results, encodeScene(t, sc, 4, vp8.Options{Quantizer: q, Effort: 4}))
		}
		for i := range results[1:] {
			finer, coarser := results[i], results[i+1]
			if float64(coarser.bytes) > 1.02*float64(finer.bytes) {
				t.Errorf("%s: quantizer %d gives %d bytes, %d gives %d", kind, 8*i, finer.bytes, 8*i+8, coarser.bytes)
			}
			if coarser.score.PSNR() > finer.score.PSNR()+0.15 || coarser.score.SSIMdB() > finer.score.SSIMdB()+0.15 {
				t.Errorf("%s: quantizer %d gives %.2f dB and SSIM %.2f dB, %d gives %.2f and %.2f",
					kind, 8*i, finer.score.PSNR(), finer.score.SSIMdB(), 8*i+8, coarser.score.PSNR(), coarser.score.SSIMdB())
			}
		}
		first, last := results[0], results[len(results)-1]
		if first.bytes < 8*last.bytes || first.score.PSNR() < last.score.PSNR()+15 {
			t.Errorf("%s: the quantizer goes only from %d bytes, %.2f dB to %d bytes, %.2f dB", kind, first.bytes, first.score.PSNR(), last.bytes, last.score.PSNR())
		}
	}
}

// TestEffortPays: a higher effort needs no more bytes for the same quality, give or take what a synthetic scene may deviate.
func TestEffortPays(t *testing.T) {
	onlyWithoutRace(t)
	const tolerance = 8.0 // percent
	for _, kind := range []string{"texture", "squares"} {
		sc := newScene(kind, 112, 96, 18)
		curve := func(effort int) (points []quality.Point) {
			for _, q := range []int{12, 28, 48, 76} {
				c := encodeScene(t, sc, 6, vp8.Options{Quantizer: q, Effort: effort})
				points = append(points, quality.Point{Rate: float64(c.bytes), Quality: c.score.SSIMdB()})
			}
			return points
		}
		efforts := []int{0, 1, 3, 5, 7, 10}
		curves := make([][]quality.Point, len(efforts))
		for i, effort := range efforts {
			curves[i] = curve(effort)
		}
		for i := range efforts[1:] {
			change, err := quality.BDRate(curves[i], curves[i+1])
			if err != nil {
				t.Fatal(err)
			}
			if change > tolerance {
				t.Errorf("%s: effort %d needs %.1f %% more than effort %d", kind, efforts[i+1], change, efforts[i])
			}
		}
		if change, err := quality.BDRate(curves[0], curves[len(curves)-1]); err != nil || change > -tolerance {
			t.Errorf("%s: the highest effort needs %.1f %% more than the lowest, %v", kind, change, err)
		}
	}
}

// TestStatsSSIM: the estimate is near the SSIM that the testbed measures.
func TestStatsSSIM(t *testing.T) {
	onlyWithoutRace(t)
	const tolerance = 0.05
	for _, kind := range kinds {
		for _, size := range []image.Point{{8, 8}, {16, 16}, {33, 47}, {160, 128}} {
			sc := newScene(kind, size.X, size.Y, 19)
			for _, q := range []int{0, 30, 60, 127} {
				s := newState(t, size.X, size.Y)
				for i := range 2 {
					src := sc.picture(4 + i)
					_, next, stats := encode(t, s, src, vp8.Options{Quantizer: q, Effort: 3})
					var meter quality.Meter
					want, err := meter.Add(src, next.Picture())
					if err != nil {
						t.Fatal(err)
					}
					// A small picture has few windows, and those of the two measures are not the same.
					if size.X >= 160 && math.Abs(stats.SSIM-want.SSIM) > tolerance {
						t.Errorf("%s %v, quantizer %d: SSIM %.4f, the testbed says %.4f", kind, size, q, stats.SSIM, want.SSIM)
					}
					if (size.X|size.Y)%8 == 0 && size.X == 8 && math.Abs(stats.SSIM-want.SSIM) > 0.01 {
						t.Errorf("%s %v, quantizer %d: SSIM %.4f of a single window, the testbed says %.4f", kind, size, q, stats.SSIM, want.SSIM)
					}
					if (stats.SSIM > 1-1e-9) != (stats.SquaredErr == 0) && size.X%8|size.Y%8 == 0 {
						t.Errorf("%s %v, quantizer %d: SSIM %v with a squared error of %d", kind, size, q, stats.SSIM, stats.SquaredErr)
					}
					s = next
				}
			}
		}
	}
}

// TestUnscored: without the scores an encoder makes the same frames, with a quantizer and with a budget, and says that it has none.
func TestUnscored(t *testing.T) {
	sc := newScene(kinds[0], 160, 128, 23)
	s := newState(t, 160, 128)
	for i := range 2 {
		src := sc.picture(4 + i)
		var after *vp8.State
		for _, o := range []vp8.Options{{FrameBytes: 1500}, {Quantizer: 40, Effort: 5}, {Quantizer: 40}} {
			scored, next, _ := encode(t, s, src, o)
			o.Unscored = true
			frame, same, stats, err := vp8.Encode(s, src, o)
			if err != nil {
				t.Fatal(err)
			}
			if stats.SquaredErr != 0 || !math.IsNaN(stats.SSIM) {
				t.Errorf("frame %d, %+v: a squared error of %d and an SSIM of %v", i, o, stats.SquaredErr, stats.SSIM)
			}
			if !bytes.Equal(frame, scored) {
				t.Errorf("frame %d, %+v: not the frame that is made with scores", i, o)
			}
			follow(t, s, frame, same).Release()
			after = next
		}
		s = after
	}
}

// TestSteadyStateGarbage: once the pools are warm, encoding allocates no pictures (1.7 MB each at this size), only the frame and less than a
// kilobyte; with a budget, the frames of all attempts too.
func TestSteadyStateGarbage(t *testing.T) {
	if underRace() {
		t.Skip("skipped: with the race detector, pools forget at random")
	}
	// A pool loses what it holds to the garbage collector, and to a move between processors.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	sc := newScene("texture", 1280, 720, 20)
	pictures := []*image.YCbCr{sc.picture(0), sc.picture(1), sc.picture(2)}
	for _, test := range []struct {
		name    string
		options vp8.Options
		most    int // bytes a frame, beside the frame
	}{
		{"quantizer", vp8.Options{Quantizer: 70, Effort: 1}, 1 << 10},
		{"goroutines", vp8.Options{Quantizer: 70, Effort: 1, Goroutines: 2}, 1 << 10},
		{"budget", vp8.Options{FrameBytes: 60000, Effort: 1}, 900 << 10},
	} {
		s := newState(t, 1280, 720)
		run := func(rounds int) (size int) {
			for range rounds {
				for _, src := range pictures {
					frame, next, _, err := vp8.Encode(s, src, test.options)
					if err != nil {
						t.Fatal(err)
					}
					size += len(frame)
					s.Release()
					s = next
				}
			}
			return size
		}
		run(10) // until GOLDEN and ALTREF have pictures of their own
		const rounds = 12
		size := 0
		all := int(allocated(func() { size = run(rounds) }))
		frames := rounds * len(pictures)
		each, frame := (all-size)/frames, size/frames
		t.Logf("%s: %d bytes of garbage a frame, beside %d of the frame", test.name, each, frame)
		// Memory comes in sizes up to an eighth apart.
		if each > test.most+frame/8 {
			t.Errorf("%s: %d bytes of garbage a frame, must be at most %d", test.name, each, test.most)
		}
	}
}

// TestStatesShareMemory: a chain of States that are all kept takes one picture for each, and what they share only once.
func TestStatesShareMemory(t *testing.T) {
	const width, height, count = 320, 240, 60
	// With the border of 32 pixels that motion vectors may point into.
	const picture = (width+64)*(height+64) + 2*(width/2+64)*(height/2+64)
	sc := newScene("texture", width, height, 21)
	states := []*vp8.State{newState(t, width, height)}
	var traces []trace
	held := heap()
	for i := range count {
		s := states[i]
		_, next, _, err := vp8.Encode(s, sc.picture(i), vp8.Options{Quantizer: 60, Effort: 1})
		if err != nil {
			t.Fatal(err)
		}
		states, traces = append(states, next), append(traces, traceOf(next))
		// Candidates that are dropped take nothing.
		_, candidate, _, err := vp8.Encode(s, sc.picture(i), vp8.Options{Quantizer: 80, Effort: 1})
		if err != nil {
			t.Fatal(err)
		}
		candidate.Release()
	}
	// Beside the pictures each State has its tables and its segment map.
	if got, most := heap()-held, count*(picture+picture/8+8<<10); got > most {
		t.Errorf("%d States hold %d KB, %d for each; a picture takes %d KB", count, got>>10, got>>10/count, picture>>10)
	}
	for i, s := range states[1:] {
		if traceOf(s) != traces[i] {
			t.Fatalf("State %d changed", i)
		}
	}
	// Whoever keeps the last one keeps at most its three references.
	last := states[count]
	states = nil
	if got, most := heap()-held, 4*(picture+picture/8)+64<<10; got > most {
		t.Errorf("the last State alone holds %d KB; a picture takes %d KB", got>>10, picture>>10)
	}
	runtime.KeepAlive(last)
}

// heap is how many bytes are in use. The pools are emptied by the second of two collections.
func heap() int {
	runtime.GC()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// FuzzEncode encodes pictures made of the input's bytes and decodes them again.
func FuzzEncode(f *testing.F) {
	f.Add([]byte{}, uint8(0), uint8(0), uint64(0))
	f.Add([]byte{0, 255}, uint8(15), uint8(15), uint64(1))
	f.Add([]byte{0, 255, 255, 0, 128}, uint8(16), uint8(32), uint64(2))
	f.Add([]byte("a picture that is made of text, and moves since its rows are of another length"), uint8(36), uint8(22), uint64(3))
	f.Fuzz(func(t *testing.T, pixels []byte, w, h uint8, options uint64) {
		width, height := 1+int(w)%34, 1+int(h)%34
		next := 0
		fill := func(plane []byte) {
			for i := range plane {
				if len(pixels) > 0 {
					plane[i] = pixels[next%len(pixels)]
				}
				next++
			}
		}
		rng := rand.New(rand.NewPCG(options, 4))
		encoder, decoder := newState(t, width, height), newState(t, width, height)
		for range 2 {
			src := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
			fill(src.Y)
			fill(src.Cb)
			fill(src.Cr)
			frame, made := encodeRandomly(t, encoder, src, rng, vp8.MaxEffort)
			encoder, decoder = made, follow(t, decoder, frame, made)
		}
	})
}
