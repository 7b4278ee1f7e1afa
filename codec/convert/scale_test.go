package convert

import (
	"bytes"
	"image"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// newPlane returns a plane of noise, any or extreme, with gaps behind its rows.
func newPlane(rng *rand.Rand, width, height int) Plane {
	stride := width + rng.IntN(10)
	p := Plane{noise(rng, (height-1)*stride+width), stride, width, height}
	if rng.IntN(2) == 0 {
		for i := range p.Pix {
			p.Pix[i] = byte(int8(p.Pix[i]) >> 7)
		}
	}
	return p
}

// exactWeights gives the weights of samples of the source in sample i, in floating point.
func exactWeights(i, in, out int, filter Filter) map[int]float64 {
	weights := map[int]float64{}
	scale := float64(in) / float64(out)
	if filter == Area && scale > 1 {
		begin, end := float64(i)*scale, float64(i+1)*scale
		for j := range in {
			if under := min(end, float64(j+1)) - max(begin, float64(j)); under > 0 {
				weights[j] = under / scale
			}
		}
		return weights
	}
	middle := min(max(0, (float64(i)+0.5)*scale-0.5), float64(in-1))
	at := int(middle)
	weights[at] += 1 - (middle - float64(at))
	weights[min(at+1, in-1)] += middle - float64(at)
	return weights
}

func TestScaleIsNearTheExactMean(t *testing.T) {
	var worst float64
	rapid.Check(t, func(t *rapid.T) {
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		size := func(name string) int { return rapid.IntRange(1, 70).Draw(t, name) }
		filter := Filter(rapid.IntRange(0, 1).Draw(t, "filter"))
		src, dst := newPlane(rng, size("from width"), size("from height")), newPlane(rng, size("width"), size("height"))
		behind := bytes.Clone(dst.Pix)
		s := Scaler{Filter: filter}
		if err := s.ScalePlane(newPlane(rng, 7, 5), src); err != nil { // its memory is used again
			t.Fatal(err)
		}
		if err := s.ScalePlane(dst, src); err != nil {
			t.Fatal(err)
		}
		for i, got := range dst.Pix {
			x, y := i%dst.Stride, i/dst.Stride
			if x >= dst.Width {
				if got != behind[i] {
					t.Fatalf("byte %d behind row %d was written", x, y)
				}
				continue
			}
			want := 0.0
			for j, down := range exactWeights(y, src.Height, dst.Height, filter) {
				for i, across := range exactWeights(x, src.Width, dst.Width, filter) {
					want += down * across * float64(src.Pix[j*src.Stride+i])
				}
			}
			worst = max(worst, math.Abs(float64(got)-want))
			if worst > 1 {
				t.Fatalf("%dx%d to %dx%d: %d,%d is %d, want %v", src.Width, src.Height, dst.Width, dst.Height, x, y, got, want)
			}
		}
	})
	t.Logf("off by at most %.3f", worst)
}

// A half and a quarter are the exact mean, rounded, and what any other factor's way makes of them.
func TestHalfAndQuarterAreExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 8))
	for range 200 {
		for _, factor := range []int{2, 4} {
			dst := newPlane(rng, 1+rng.IntN(70), 1+rng.IntN(5))
			src := newPlane(rng, factor*dst.Width, factor*dst.Height)
			var s Scaler
			if err := s.ScalePlane(dst, src); err != nil {
				t.Fatal(err)
			}
			weighed := newPlane(rng, dst.Width, dst.Height)
			s.luma.weigh(weighed, src, Area)
			for y := range dst.Height {
				for x, got := range dst.row(y) {
					sum := factor * factor / 2
					for i := range factor * factor {
						sum += int(src.Pix[(factor*y+i/factor)*src.Stride+factor*x+i%factor])
					}
					if want := byte(sum / (factor * factor)); got != want || weighed.row(y)[x] != want {
						t.Fatalf("by %d: %d,%d is %d, and %d weighed; want %d", factor, x, y, got, weighed.row(y)[x], want)
					}
				}
			}
		}
	}
}

// Half by Bilinear is the mean, too; a plane of the same size is the same; one of one value keeps it, by any factor.
func TestScaleKeepsWhatItCan(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 9))
	for range 100 {
		for filter := range Bilinear + 1 {
			s := Scaler{Filter: filter}
			src := newPlane(rng, 1+rng.IntN(50), 1+rng.IntN(5))
			same := newPlane(rng, src.Width, src.Height)
			if err := s.ScalePlane(same, src); err != nil {
				t.Fatal(err)
			}
			for y := range src.Height {
				if !bytes.Equal(same.row(y), src.row(y)) {
					t.Fatalf("%dx%d: row %d of a copy differs", src.Width, src.Height, y)
				}
			}
			value := byte(rng.Uint32())
			for i := range src.Pix {
				src.Pix[i] = value
			}
			dst := newPlane(rng, 1+rng.IntN(300), 1+rng.IntN(20))
			if err := s.ScalePlane(dst, src); err != nil {
				t.Fatal(err)
			}
			for y := range dst.Height {
				for _, v := range dst.row(y) {
					if v != value {
						t.Fatalf("%dx%d to %dx%d: %d becomes %d", src.Width, src.Height, dst.Width, dst.Height, value, v)
					}
				}
			}
		}
	}
	small, half := newPlane(rng, 20, 10), newPlane(rng, 20, 10)
	src := newPlane(rng, 40, 20)
	var area, linear planeScaler
	area.scale(small, src, Area)
	linear.weigh(half, src, Bilinear)
	for y := range half.Height {
		if !bytes.Equal(half.row(y), small.row(y)) {
			t.Fatalf("row %d of a half by Bilinear is not the mean", y)
		}
	}
}

// The largest planes there may be leave no number's range.
func TestScaleLargest(t *testing.T) {
	long := Plane{make([]byte, MaxSize), MaxSize, MaxSize, 1}
	for i := range long.Pix {
		long.Pix[i] = 255
	}
	tall := Plane{long.Pix, 1, 1, MaxSize}
	var s Scaler
	for _, src := range []Plane{long, tall} {
		for _, size := range []image.Point{{1, 1}, {MaxSize - 1, 2}, {2, 100}, {MaxSize, 1}} {
			dst := Plane{make([]byte, size.X*size.Y), size.X, size.X, size.Y}
			if err := s.ScalePlane(dst, src); err != nil {
				t.Fatal(err)
			}
			for i, v := range dst.Pix {
				if v != 255 {
					t.Fatalf("%dx%d to %v: byte %d is %d, want 255", src.Width, src.Height, size, i, v)
				}
			}
		}
	}
}

// Pictures are scaled plane by plane, chroma in its own size, rounded up.
func TestScalePicture(t *testing.T) {
	rng := rand.New(rand.NewPCG(10, 10))
	for range 100 {
		src, dst := newPicture(rng, 1+rng.IntN(60), 1+rng.IntN(20)), newPicture(rng, 1+rng.IntN(60), 1+rng.IntN(20))
		var s Scaler
		if err := s.Scale(dst, src); err != nil {
			t.Fatal(err)
		}
		from, err := planesOf(src, "source")
		if err != nil {
			t.Fatal(err)
		}
		to, err := planesOf(dst, "result")
		if err != nil {
			t.Fatal(err)
		}
		for i, planes := range [][2]Plane{{to.y, from.y}, {to.cb, from.cb}, {to.cr, from.cr}} {
			want := newPlane(rng, planes[0].Width, planes[0].Height)
			if err := new(Scaler).ScalePlane(want, planes[1]); err != nil {
				t.Fatal(err)
			}
			for y := range want.Height {
				if !bytes.Equal(planes[0].row(y), want.row(y)) {
					t.Fatalf("%v to %v: row %d of plane %d differs", src.Rect, dst.Rect, y, i)
				}
			}
		}
	}
}
