package convert

import (
	"fmt"
	"image"
)

// Scaling a plane, in order:
//
//  1. A plane of the same size is copied.
//  2. Where both sides are exactly halved, and with Area where they are quartered, kernels take the mean of 2x2 or 4x4 samples.
//  3. Anything else is scaled along one direction after the other. For each, axis.prepare finds of which samples of the source each
//     sample of the result is made, and with which weights; they are kept for the next plane of that size.
//  4. For each row of the result weighRows adds up rows of the source, at the source's width.
//  5. weighColumns adds up neighbours in that row, at the result's width.
//
// Step 3 onwards gives the same as step 2 would.

// Filter says of which samples of a plane those of another size are made.
type Filter int

// The filters. The outer edges of both planes lie on each other, as when a picture fills a window.
const (
	// Area takes, along a direction that shrinks, the mean of what lies under a sample, of samples at its edge only the part that
	// does. Nothing is left out, whatever the factor. Along a direction that grows it is Bilinear.
	Area Filter = iota
	// Bilinear takes, along each direction, the two samples nearest to the middle, by how near they are. Shrinking to less than
	// half leaves samples out.
	Bilinear
)

// Scaler scales planes and pictures. The zero Scaler is ready for use, by one goroutine, with Area; the filter may be changed at
// any time. It keeps some memory between calls, so that the next picture of the same sizes costs none.
type Scaler struct {
	Filter Filter

	luma, chroma planeScaler
}

// Scale fills dst with src in dst's size; both are 4:2:0, of any stride. Results are within 1 of the exact value where no side
// shrinks to less than a 24th, and the mean, rounded up from halves, where both are halved or quartered. Errors wrap ErrSize,
// ErrFormat or ErrPixels.
func (s *Scaler) Scale(dst, src *image.YCbCr) error {
	to, err := planesOf(dst, "picture to fill")
	if err != nil {
		return err
	}
	from, err := planesOf(src, "picture to scale")
	if err != nil {
		return err
	}
	if err := s.Filter.check(); err != nil {
		return err
	}
	s.luma.scale(to.y, from.y, s.Filter)
	s.chroma.scale(to.cb, from.cb, s.Filter)
	s.chroma.scale(to.cr, from.cr, s.Filter)
	return nil
}

// ScalePlane is Scale for one plane.
func (s *Scaler) ScalePlane(dst, src Plane) error {
	if err := dst.checkAll("plane to fill"); err != nil {
		return err
	}
	if err := src.checkAll("plane to scale"); err != nil {
		return err
	}
	if err := s.Filter.check(); err != nil {
		return err
	}
	s.luma.scale(dst, src, s.Filter)
	return nil
}

func (f Filter) check() error {
	if f != Area && f != Bilinear {
		return fmt.Errorf("%w: filter %d is neither Area nor Bilinear", ErrFormat, f)
	}
	return nil
}

func (p Plane) checkAll(name string) error {
	if err := checkSize(p.Width, p.Height, name); err != nil {
		return err
	}
	return p.check("samples", name)
}

// planeScaler scales planes of one kind, and keeps what depends on their sizes alone.
type planeScaler struct {
	across, down axis
	row          []int16 // at the source's width, in units of 1/128; some more at its end, which count for nothing
	weights      []int32 // of the rows that one is made of
}

func (s *planeScaler) scale(dst, src Plane, filter Filter) {
	is := func(factor int) bool { return src.Width == factor*dst.Width && src.Height == factor*dst.Height }
	switch {
	case is(1):
		dst.copy(src)
	case is(2): // the two nearest are all there are
		for y := range dst.Height {
			halveRow(dst.row(y), src.row(2*y), src.row(2*y+1))
		}
	case is(4) && filter == Area:
		for y := range dst.Height {
			quarterRow(dst.row(y), src.Pix[4*y*src.Stride:], src.Stride)
		}
	default:
		s.weigh(dst, src, filter)
	}
}

// weigh is scale for any factor.
func (s *planeScaler) weigh(dst, src Plane, filter Filter) {
	s.across.prepare(src.Width, dst.Width, filter)
	s.down.prepare(src.Height, dst.Height, filter)
	if n := src.Width + 2*s.across.pairs; len(s.row) != n {
		s.row = make([]int16, n)
	}
	for y := range dst.Height {
		var first int
		first, s.weights = s.down.sample(y, s.weights[:0])
		weighRows(s.row[:src.Width], src.Pix[first*src.Stride:], src.Stride, s.weights)
		weighColumns(dst.row(y), s.row, &s.across)
	}
}

// oneWeight is the sum of the weights of a sample. A weight fits into 16 bits with its sign, and sums of what is weighed into 32.
const (
	weightBits = 14
	oneWeight  = 1 << weightBits
)

// How far the sums are shifted, and what rounds them: of rows, to units of 1/128, whose largest, 255*128, fits into 16 bits with
// its sign; then of columns.
const (
	rowShift    = weightBits - 7
	rowBias     = 1 << rowShift / 2
	columnShift = weightBits + 7
	columnBias  = 1 << columnShift / 2
)

// axis says, for one direction, of which samples of the source each sample of the result is made.
type axis struct {
	in, out int // samples
	filter  Filter
	pairs   int        // of samples of the source that one of the result may be made of
	first   []int32    // by sample of the result: the first one of the source
	weights [][2]int16 // by pair and then by sample of the result
}

// prepare works the axis out, unless it is known already.
func (a *axis) prepare(in, out int, filter Filter) {
	if a.in == in && a.out == out && a.filter == filter {
		return
	}
	*a = axis{in: in, out: out, filter: filter, pairs: 1, first: make([]int32, out)}
	shrinks := filter == Area && out < in
	if shrinks {
		for i := range out {
			a.first[i] = int32(i * in / out)
			last := ((i+1)*in - 1) / out
			a.pairs = max(a.pairs, (last-int(a.first[i]))/2+1)
		}
	}
	a.weights = make([][2]int16, a.pairs*out)
	for i := range out {
		if shrinks {
			a.area(i)
		} else {
			a.between(i)
		}
	}
}

// area gives weights to the samples under sample i. Lengths are in units of 1/out of a sample of the source, so that the sample is
// "in" long. What lies under it up to the end of each one is rounded: so all weights have the right sum.
func (a *axis) area(i int) {
	begin, end, before := i*a.in, (i+1)*a.in, 0
	for j := 0; before < oneWeight; j++ {
		under := min((int(a.first[i])+j+1)*a.out, end) - begin
		upTo := int((int64(under)*oneWeight + int64(a.in)/2) / int64(a.in))
		a.weights[j/2*a.out+i][j%2] = int16(upTo - before)
		before = upTo
	}
}

// between gives weights to the two samples around the middle of sample i. Beyond the middle of an outermost one there is only that
// one; the second then has no weight.
func (a *axis) between(i int) {
	// The middle, from the middle of the first sample of the source on.
	middle := (int64(2*i+1)*int64(a.in)*oneWeight/int64(a.out) - oneWeight) / 2
	middle = min(max(middle, 0), int64(a.in-1)*oneWeight)
	second := int16(middle % oneWeight)
	a.first[i] = int32(middle / oneWeight)
	a.weights[i] = [2]int16{oneWeight - second, second}
}

// sample appends the weights of sample i, without those that are zero at the end.
func (a *axis) sample(i int, weights []int32) (first int, _ []int32) {
	for pair := range a.pairs {
		w := a.weights[pair*a.out+i]
		weights = append(weights, int32(w[0]), int32(w[1]))
	}
	for weights[len(weights)-1] == 0 {
		weights = weights[:len(weights)-1]
	}
	return int(a.first[i]), weights
}

// weighRowsGo adds up rows of src, each with its weight.
func weighRowsGo(out []int16, src []byte, stride int, weights []int32) {
	for x := range out {
		sum := int32(rowBias)
		for i, w := range weights {
			sum += int32(src[i*stride+x]) * w
		}
		out[x] = int16(sum >> rowShift)
	}
}

// weighColumnsGo adds up neighbours in a row, each with its weight, for the samples of the axis from "from" on.
func weighColumnsGo(out []byte, row []int16, a *axis, from int) {
	for x := from; x < len(out); x++ {
		sum, at := int32(columnBias), row[a.first[x]:]
		for pair := range a.pairs {
			w := a.weights[pair*a.out+x]
			sum += int32(at[2*pair])*int32(w[0]) + int32(at[2*pair+1])*int32(w[1])
		}
		out[x] = byte(sum >> columnShift)
	}
}

// halveRowGo takes the means of 2x2 samples.
func halveRowGo(dst, src0, src1 []byte) {
	for x := range dst {
		a, b := src0[2*x:][:2], src1[2*x:][:2]
		dst[x] = byte((int(a[0]) + int(a[1]) + int(b[0]) + int(b[1]) + 2) / 4)
	}
}

// quarterRowGo takes the means of 4x4 samples; src begins with the first of four rows.
func quarterRowGo(dst, src []byte, stride int) {
	for x := range dst {
		sum := 8
		for y := range 4 {
			for _, v := range src[y*stride+4*x:][:4] {
				sum += int(v)
			}
		}
		dst[x] = byte(sum / 16)
	}
}
