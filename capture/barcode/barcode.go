// Package barcode writes a 64-bit number into the luma of a picture, twice, so that whoever sees the picture later can tell which
// one it is: after coding, scaling or on a screen. Quality and delay are measured with it, end to end and without any other
// agreement between the two ends.
//
// Layout:
//
//  1. The picture is a grid of 80 columns and 60 rows, whatever its size; so a code is found again in a picture that was scaled.
//  2. The upper code takes the 20x4 cells of the upper left corner, the lower code those of the lower right corner: 3.3 % of the
//     picture together. At 320x180 a cell is 4x3 pixels, at 1280x720 16x12.
//  3. The cells of a code, row by row from its upper left, are the 64 bits of the number, the highest first, then 16 check bits.
//     A set bit is white. The chroma of the cells is grey.
//
// At 320x180 and above a code survives VP8 at its coarsest quantizer, and being scaled to half the size and back. Down to 160x120,
// the smallest picture that Stamp takes, a cell now and then is lost at the coarsest quantizers, and with it the code.
//
// The two codes of a picture are far apart, and both say the same. Where they differ, the picture was put together from two.
package barcode

import (
	"errors"
	"fmt"
	"image"
)

// The grid over the picture, and the part of it that one code takes, in cells.
const (
	gridColumns, gridRows = 80, 60
	codeColumns, codeRows = 20, 4

	valueBits, checkBits = 64, 16 // they fill the codeColumns x codeRows cells
)

// MinWidth and MinHeight, in pixels, are the smallest picture that Stamp takes: there a cell is 2x2 pixels, one chroma sample.
const (
	MinWidth, MinHeight = 2 * gridColumns, 2 * gridRows
)

// The luma of set and cleared bits: the ends of the range that video uses (ITU-R BT.601), so that no display or converter clips.
const (
	black, white, grey = 16, 235, 128

	// threshold is halfway between.
	threshold = (black + white + 1) / 2
	// A code is accepted if the mean of its white cells lies at least minContrast above that of its black ones, and its cells
	// differ from the mean of their kind by at most maxDeviation on average. At 160x120 VP8's coarsest quantizer leaves 169 and 22,
	// at 320x180 192 and 13. Cells of every luma alike, as of other pictures, have 128 and 32; cells of noise have less contrast.
	minContrast  = 140
	maxDeviation = 28
)

// ErrPicture: a picture is not 4:2:0, its planes are shorter than it says, or it is too small for the codes. Errors of this
// package wrap it; test with errors.Is.
var ErrPicture = errors.New("barcode: picture cannot carry the codes")

// Result is what was read from one of the two places. Where OK is false there is no code, or it is damaged, and Value is 0.
type Result struct {
	Value uint64
	OK    bool
}

// places are the first column and row of the upper and of the lower code.
var places = [2]image.Point{{0, 0}, {gridColumns - codeColumns, gridRows - codeRows}}

// edge returns the pixel at which a cell of a picture begins, rounded to the nearest: cell of cells, in size pixels.
func edge(cell, cells, size int) int { return (2*cell*size + cells) / (2 * cells) }

// Area returns the two rectangles of the codes, in pixels of a picture of the given size, for measurements of quality to leave
// out. A code of an odd size can stain the chroma of one more pixel to the right and below.
func Area(width, height int) []image.Rectangle {
	areas := make([]image.Rectangle, len(places))
	for i, p := range places {
		areas[i] = image.Rect(
			edge(p.X, gridColumns, width), edge(p.Y, gridRows, height),
			edge(p.X+codeColumns, gridColumns, width), edge(p.Y+codeRows, gridRows, height))
	}
	return areas
}

// Stamp writes value into both places of a 4:2:0 picture, anywhere in its buffer. An error wraps ErrPicture, and then nothing
// was written.
func Stamp(picture *image.YCbCr, value uint64) error {
	if err := check(picture); err != nil {
		return err
	}
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	if width < MinWidth || height < MinHeight {
		return fmt.Errorf("%w: it is %dx%d, and must be at least %dx%d; take a larger picture or leave the codes out",
			ErrPicture, width, height, MinWidth, MinHeight)
	}
	check := checksum(value)
	for _, place := range places {
		for cell := range valueBits + checkBits {
			var set bool
			if cell < valueBits {
				set = value>>(valueBits-1-cell)&1 == 1
			} else {
				set = check>>(valueBits+checkBits-1-cell)&1 == 1
			}
			luma := byte(black)
			if set {
				luma = white
			}
			column, row := place.X+cell%codeColumns, place.Y+cell/codeColumns
			x0, x1 := edge(column, gridColumns, width), edge(column+1, gridColumns, width)
			for y := edge(row, gridRows, height); y < edge(row+1, gridRows, height); y++ {
				fill(picture.Y[picture.YOffset(picture.Rect.Min.X+x0, picture.Rect.Min.Y+y):][:x1-x0], luma)
			}
		}
	}
	for _, area := range Area(width, height) {
		area = area.Add(picture.Rect.Min)
		first := picture.COffset(area.Min.X, area.Min.Y)
		last := picture.COffset(area.Max.X-1, area.Max.Y-1) // the lower right sample
		columns := (area.Max.X-1)/2 - area.Min.X/2 + 1
		for at := first; at <= last; at += picture.CStride {
			fill(picture.Cb[at:][:columns], grey)
			fill(picture.Cr[at:][:columns], grey)
		}
	}
	return nil
}

// Read reads both places of a picture, which may have been scaled to any size since Stamp. Only its luma is looked at.
// If both are OK and differ, the picture is torn: its upper part is of one picture and its lower part of another.
//
// A picture that is as black and white as a code in just these cells is taken for one once in 65536 times; others are refused.
func Read(picture *image.YCbCr) (upper, lower Result) {
	if check(picture) != nil {
		return Result{}, Result{}
	}
	return read(picture, places[0]), read(picture, places[1])
}

func read(picture *image.YCbCr, place image.Point) Result {
	const cells = valueBits + checkBits
	var value uint64
	var check uint16
	var lumas [2][]int // of the cells, by bit
	var room [2][cells]int
	lumas[0], lumas[1] = room[0][:0], room[1][:0]
	for cell := range cells {
		luma := cellMean(picture, place.X+cell%codeColumns, place.Y+cell/codeColumns)
		bit := 0
		if luma >= threshold {
			bit = 1
		}
		lumas[bit] = append(lumas[bit], luma)
		if cell < valueBits {
			value = value<<1 | uint64(bit)
		} else {
			check = check<<1 | uint16(bit)
		}
	}
	if len(lumas[0]) == 0 || len(lumas[1]) == 0 || check != checksum(value) {
		return Result{}
	}
	blackMean, whiteMean := mean(lumas[0]), mean(lumas[1])
	deviation := (deviations(lumas[0], blackMean) + deviations(lumas[1], whiteMean)) / cells
	if whiteMean-blackMean < minContrast || deviation > maxDeviation {
		return Result{}
	}
	return Result{Value: value, OK: true}
}

func mean(values []int) int {
	sum := 0
	for _, v := range values {
		sum += v
	}
	return sum / len(values)
}

// deviations returns the sum of the distances from the mean.
func deviations(values []int, mean int) int {
	sum := 0
	for _, v := range values {
		sum += max(v-mean, mean-v)
	}
	return sum
}

// cellMean returns the mean luma of the middle half of a cell, each way: coding and scaling smear what is near its edges. A pixel
// counts by the part of it that lies inside.
func cellMean(picture *image.YCbCr, column, row int) int {
	// In units of a pixel's 4*gridColumns-th part, and of its 4*gridRows-th part downwards, all edges are whole numbers.
	const across, down = 4 * gridColumns, 4 * gridRows
	left, right := (4*column+1)*picture.Rect.Dx(), (4*column+3)*picture.Rect.Dx()
	top, bottom := (4*row+1)*picture.Rect.Dy(), (4*row+3)*picture.Rect.Dy()
	sum := 0
	for y := top / down; y*down < bottom; y++ {
		luma := picture.Y[picture.YOffset(picture.Rect.Min.X, picture.Rect.Min.Y+y):]
		rowSum := 0
		for x := left / across; x*across < right; x++ {
			rowSum += int(luma[x]) * (min((x+1)*across, right) - max(x*across, left))
		}
		sum += rowSum * (min((y+1)*down, bottom) - max(y*down, top))
	}
	return sum / ((right - left) * (bottom - top))
}

// checksum is CRC-16/CCITT over the eight bytes of value, the highest first. Its register begins with ones, so that all black is
// not a code.
func checksum(value uint64) uint16 {
	const polynomial = 0x1021 // x^16 + x^12 + x^5 + 1 (ITU-T V.41)
	crc := uint16(0xFFFF)
	for bit := valueBits - 1; bit >= 0; bit-- {
		top := crc>>15 ^ uint16(value>>bit)&1
		crc <<= 1
		if top == 1 {
			crc ^= polynomial
		}
	}
	return crc
}

// check returns an error unless the picture is 4:2:0 and its planes hold all samples of its rectangle.
func check(p *image.YCbCr) error {
	if p == nil || p.Rect.Empty() {
		return fmt.Errorf("%w: it is empty", ErrPicture)
	}
	if p.SubsampleRatio != image.YCbCrSubsampleRatio420 {
		return fmt.Errorf("%w: it is %v, must be 4:2:0", ErrPicture, p.SubsampleRatio)
	}
	const most = 1 << 20 // pixels each way, so that no product below overflows
	first, last := p.Rect.Min, p.Rect.Max.Sub(image.Pt(1, 1))
	if p.Rect.Dx() > most || p.Rect.Dy() > most || p.YStride < p.Rect.Dx() || p.CStride < last.X/2-first.X/2+1 ||
		!within(p.YOffset(first.X, first.Y), p.YOffset(last.X, last.Y), len(p.Y)) ||
		!within(p.COffset(first.X, first.Y), p.COffset(last.X, last.Y), min(len(p.Cb), len(p.Cr))) {
		return fmt.Errorf("%w: its planes do not hold the samples of %v", ErrPicture, p.Rect)
	}
	return nil
}

func within(first, last, length int) bool { return first >= 0 && first <= last && last < length }

func fill(row []byte, value byte) {
	for i := range row {
		row[i] = value
	}
}
