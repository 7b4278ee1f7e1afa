package barcode

import (
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/vp8"
)

// sizes at which all of the package's claims hold.
var sizes = []image.Point{{1280, 720}, {640, 360}, {320, 180}, {640, 480}, {352, 288}, {639, 361}, {323, 183}, {360, 640}}

func newPicture(width, height int) *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
}

// busyPicture has a coarse pattern of every luma, which moves with n, and colour.
func busyPicture(width, height, n int) *image.YCbCr {
	p := newPicture(width, height)
	for y := range height {
		for x := range width {
			p.Y[y*p.YStride+x] = byte((x+2*n)*(y+n)/64 + (x/8^y/8)*16)
		}
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = byte(i), byte(255-i)
	}
	return p
}

func wantBoth(t testing.TB, p *image.YCbCr, value uint64, what string) {
	t.Helper()
	upper, lower := Read(p)
	if want := (Result{value, true}); upper != want || lower != want {
		t.Errorf("%v, %s: read %+v and %+v, want %+v twice", p.Rect, what, upper, lower, want)
	}
}

func TestStampThenRead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(MinWidth, 1500).Draw(t, "width"), rapid.IntRange(MinHeight, 900).Draw(t, "height")
		value := rapid.Uint64().Draw(t, "value")
		x, y := rapid.IntRange(0, 9).Draw(t, "x"), rapid.IntRange(0, 9).Draw(t, "y")
		p := newPicture(width+x, height+y).SubImage(image.Rect(x, y, width+x, height+y)).(*image.YCbCr)
		if err := Stamp(p, value); err != nil {
			t.Fatal(err)
		}
		upper, lower := Read(p)
		if want := (Result{value, true}); upper != want || lower != want {
			t.Fatalf("read %+v and %+v, want %+v", upper, lower, want)
		}
	})
}

func TestStampWritesItsAreaOnly(t *testing.T) {
	for _, size := range append(sizes, image.Pt(161, 121)) {
		p, before := busyPicture(size.X, size.Y, 1), busyPicture(size.X, size.Y, 1)
		if err := Stamp(p, 0x0123456789ABCDEF); err != nil {
			t.Fatal(err)
		}
		areas := Area(size.X, size.Y)
		inside := func(x, y int) bool { return image.Pt(x, y).In(areas[0]) || image.Pt(x, y).In(areas[1]) }
		for y := range size.Y {
			for x := range size.X {
				luma, i := p.Y[p.YOffset(x, y)], p.COffset(x, y)
				if in := inside(x, y); in && luma != black && luma != white || !in && luma != before.Y[p.YOffset(x, y)] {
					t.Fatalf("%v: luma at %d,%d is %d", size, x, y, luma)
				}
				near := inside(x&^1, y&^1) || inside(x|1, y|1) || inside(x&^1, y|1) || inside(x|1, y&^1)
				if near && (p.Cb[i] != grey || p.Cr[i] != grey) || !near && (p.Cb[i] != before.Cb[i] || p.Cr[i] != before.Cr[i]) {
					t.Fatalf("%v: chroma at %d,%d is %d, %d", size, x, y, p.Cb[i], p.Cr[i])
				}
			}
		}
	}
}

func TestAreaIsUnderFourPercent(t *testing.T) {
	for _, size := range sizes {
		covered := 0
		for _, a := range Area(size.X, size.Y) {
			covered += a.Dx() * a.Dy()
		}
		if share := float64(covered) / float64(size.X*size.Y); share >= 0.04 {
			t.Errorf("%v: codes take %.1f %% of the picture, want under 4", size, 100*share)
		}
	}
}

func TestReadAfterCoarsestQuantizer(t *testing.T) {
	const frames = 12
	for _, size := range sizes {
		for _, effort := range []int{vp8.MinEffort, vp8.DefaultEffort} {
			if size.X*size.Y > 320*200 && effort > vp8.MinEffort {
				continue // to save time: the smallest cells are the test
			}
			t.Run(fmt.Sprintf("%dx%d effort %d", size.X, size.Y, effort), func(t *testing.T) {
				t.Parallel()
				state, err := vp8.NewState(size.X, size.Y)
				if err != nil {
					t.Fatal(err)
				}
				captured := time.UnixMicro(1_700_000_000_123_456)
				for n := range frames {
					value := Value{Frame: uint32(n), Captured: captured.Add(time.Duration(n) * 33_371 * time.Microsecond)}.Pack()
					p := busyPicture(size.X, size.Y, n)
					if err := Stamp(p, value); err != nil {
						t.Fatal(err)
					}
					_, next, _, err := vp8.Encode(state, p, vp8.Options{Quantizer: 127, Effort: effort})
					if err != nil {
						t.Fatal(err)
					}
					wantBoth(t, next.Picture(), value, fmt.Sprintf("frame %d", n))
					wantBoth(t, scale(next.Picture(), 640, 360), value, fmt.Sprintf("frame %d, scaled to 640x360", n))
					state.Release()
					state = next
				}
			})
		}
	}
}

// scale gives a picture of another size: each sample is the mean of the source's area under it, with linear interpolation where
// that is less than a sample.
func scale(p *image.YCbCr, width, height int) *image.YCbCr {
	into := newPicture(width, height)
	fromWidth, fromHeight := p.Rect.Dx(), p.Rect.Dy()
	at := func(x, y int) float64 {
		x, y = min(max(x, 0), fromWidth-1), min(max(y, 0), fromHeight-1)
		return float64(p.Y[p.YOffset(p.Rect.Min.X+x, p.Rect.Min.Y+y)])
	}
	weights := func(i, from, to int) (first int, weight []float64) {
		ratio := float64(from) / float64(to)
		radius := max(ratio, 1) // of the triangle filter, in source pixels
		centre := (float64(i)+0.5)*ratio - 0.5
		first = int(centre-radius+100) - 100 + 1
		total := 0.0
		for k := first; float64(k) < centre+radius; k++ {
			w := 1 - max(float64(k)-centre, centre-float64(k))/radius
			weight = append(weight, w)
			total += w
		}
		for k := range weight {
			weight[k] /= total
		}
		return first, weight
	}
	columns, columnWeights := make([]int, width), make([][]float64, width)
	for x := range width {
		columns[x], columnWeights[x] = weights(x, fromWidth, width)
	}
	for y := range height {
		row, rowWeights := weights(y, fromHeight, height)
		for x := range width {
			sum := 0.0
			for j, v := range rowWeights {
				for i, w := range columnWeights[x] {
					sum += v * w * at(columns[x]+i, row+j)
				}
			}
			into.Y[y*into.YStride+x] = byte(sum + 0.5)
		}
	}
	return into
}

func TestReadAfterScaling(t *testing.T) {
	for i, size := range sizes {
		value := uint64(i)*0x9E3779B97F4A7C15 + 5
		p := busyPicture(size.X, size.Y, i)
		if err := Stamp(p, value); err != nil {
			t.Fatal(err)
		}
		half := scale(p, (size.X+1)/2, (size.Y+1)/2)
		wantBoth(t, half, value, "at half the size")
		wantBoth(t, scale(half, size.X, size.Y), value, "at half the size and back")
		wantBoth(t, scale(p, 800, 600), value, "at 800x600")
	}
}

func TestReadUnderNoise(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range sizes {
		for range 5 {
			value := random.Uint64()
			p := busyPicture(size.X, size.Y, 0)
			if err := Stamp(p, value); err != nil {
				t.Fatal(err)
			}
			for i, luma := range p.Y {
				p.Y[i] = byte(min(max(float64(luma)+25*random.NormFloat64(), 0), 255))
			}
			wantBoth(t, p, value, "with noise")
		}
	}
}

func TestTornPicture(t *testing.T) {
	p := newPicture(640, 360)
	other := newPicture(640, 360)
	if err := errors.Join(Stamp(p, 1), Stamp(other, 2)); err != nil {
		t.Fatal(err)
	}
	copy(p.Y[len(p.Y)/2:], other.Y[len(p.Y)/2:])
	if upper, lower := Read(p); upper != (Result{1, true}) || lower != (Result{2, true}) {
		t.Errorf("read %+v and %+v, want 1 and 2", upper, lower)
	}
}

func TestDamagedCodeIsNotOK(t *testing.T) {
	p := newPicture(320, 180)
	if err := Stamp(p, 77); err != nil {
		t.Fatal(err)
	}
	for y := range 3 {
		fill(p.Y[y*p.YStride:][:4], white) // the first cell, which was black
	}
	if upper, lower := Read(p); upper.OK || lower != (Result{77, true}) {
		t.Errorf("read %+v and %+v, want the upper one only damaged", upper, lower)
	}
}

func TestOnlyCodesAreRead(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	wantNone := func(p *image.YCbCr, what string) {
		if upper, lower := Read(p); upper.OK || lower.OK {
			t.Errorf("%s: read %+v and %+v where no code is", what, upper, lower)
		}
	}
	p := newPicture(320, 180)
	for luma := range 256 {
		fill(p.Y, byte(luma))
		wantNone(p, "plain")
	}
	for range 3000 {
		for i := 0; i < len(p.Y); i += 8 {
			for k, r := 0, random.Uint64(); k < 8; k++ {
				p.Y[i+k] = byte(r >> (8 * k))
			}
		}
		wantNone(p, "noise")
		for i, luma := range p.Y {
			p.Y[i] = byte(int8(luma) >> 7) // 0 or 255
		}
		wantNone(p, "black and white noise")
	}
	// Cells that are as black and white as a code, but random: about one in 65536 is a code by chance. These are not.
	for range 500 {
		for row := range gridRows {
			for column := range gridColumns {
				for y := row * 3; y < row*3+3; y++ {
					fill(p.Y[y*p.YStride+column*4:][:4], byte(random.IntN(2)*255))
				}
			}
		}
		wantNone(p, "random cells")
	}
	for n := range 50 {
		wantNone(busyPicture(640, 360, n), "pattern")
	}
}

func TestErrors(t *testing.T) {
	short := newPicture(320, 180)
	short.Y = short.Y[:len(short.Y)-1]
	shortChroma := newPicture(320, 180)
	shortChroma.Cr = shortChroma.Cr[:len(shortChroma.Cr)-1]
	stride := newPicture(320, 180)
	stride.YStride = 100
	for name, p := range map[string]*image.YCbCr{
		"nil":          nil,
		"empty":        {},
		"small":        newPicture(MinWidth-1, 400),
		"low":          newPicture(400, MinHeight-1),
		"4:4:4":        image.NewYCbCr(image.Rect(0, 0, 320, 180), image.YCbCrSubsampleRatio444),
		"short luma":   short,
		"short chroma": shortChroma,
		"stride":       stride,
	} {
		if err := Stamp(p, 1); !errors.Is(err, ErrPicture) {
			t.Errorf("%s: error %v, want ErrPicture", name, err)
		}
		if upper, lower := Read(p); upper.OK || lower.OK {
			t.Errorf("%s: read %+v and %+v", name, upper, lower)
		}
	}
}

func TestValue(t *testing.T) {
	reference := time.Date(2026, 3, 1, 12, 0, 0, 987_654_321, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		v := Value{
			Frame: rapid.Uint32Range(0, MaxFrame).Draw(t, "frame"),
			Captured: reference.Truncate(time.Microsecond).Add(
				time.Microsecond * time.Duration(rapid.Int64Range(-1<<39+1, 1<<39-1).Draw(t, "microseconds"))),
		}
		if got := Unpack(v.Pack(), reference); got.Frame != v.Frame || !got.Captured.Equal(v.Captured) {
			t.Fatalf("got %v, want %v", got, v)
		}
	})
	if got := Unpack(Value{Frame: MaxFrame + 3, Captured: reference}.Pack(), reference).Frame; got != 2 {
		t.Errorf("frame numbers begin again with %d, want 2", got)
	}
}

func FuzzRead(f *testing.F) {
	p := newPicture(160, 120)
	if err := Stamp(p, 42); err != nil {
		f.Fatal(err)
	}
	f.Add(p.Y, 160, 0, 0, 160, 120)
	f.Add([]byte{1, 2, 3}, 1, -1, -1, 1, 2)
	f.Fuzz(func(t *testing.T, luma []byte, stride, x0, y0, x1, y1 int) {
		p := &image.YCbCr{
			Y: luma, Cb: luma, Cr: luma, YStride: stride, CStride: stride,
			SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rectangle{image.Pt(x0, y0), image.Pt(x1, y1)},
		}
		upper, lower := Read(p) // must not panic
		if !upper.OK || !lower.OK || p.Rect.Dx() < MinWidth || p.Rect.Dy() < MinHeight {
			return
		}
		p.Y, p.Cb, p.Cr = append([]byte(nil), luma...), append([]byte(nil), luma...), append([]byte(nil), luma...)
		if err := Stamp(p, upper.Value); err != nil {
			t.Fatal(err)
		}
		wantBoth(t, p, upper.Value, "stamped again")
	})
}

func BenchmarkStamp(b *testing.B) {
	p := newPicture(1280, 720)
	b.ReportAllocs()
	for i := range b.N {
		_ = Stamp(p, uint64(i))
	}
}

func BenchmarkRead(b *testing.B) {
	p := newPicture(1280, 720)
	_ = Stamp(p, 1)
	b.ReportAllocs()
	for range b.N {
		Read(p)
	}
}
