package clip

import (
	"image"

	"salsify/capture/barcode"
)

// The value in a picture's codes: a tag, by which a picture of ours is told from others that carry such codes, above the number.
const (
	numberBits = 48
	tag        = 0x5A1F << numberBits
	numberMask = 1<<numberBits - 1
)

// stamp writes the picture's number into its codes; beyond 2^48 it begins again, after 148,000 years.
func stamp(picture *image.YCbCr, n uint64) {
	if err := barcode.Stamp(picture, tag|n&numberMask); err != nil {
		panic(err) // Open refused what is too small
	}
}

// Sighting is what was read from a picture that somebody saw. One that is neither OK nor Torn is unreadable.
type Sighting struct {
	Number uint64 // of the picture, if OK
	OK     bool   // both codes are readable and agree
	Torn   bool   // both are readable and differ: the picture was put together from two
}

// Number reads the picture's number back from what its two codes say. The picture may have been coded and scaled.
func Number(picture *image.YCbCr) Sighting { return SightingOf(barcode.Read(picture)) }

// SightingOf tells what two codes say together.
func SightingOf(upper, lower barcode.Result) Sighting {
	if !ours(upper) || !ours(lower) {
		return Sighting{}
	}
	if upper.Value != lower.Value {
		return Sighting{Torn: true}
	}
	return Sighting{Number: upper.Value & numberMask, OK: true}
}

func ours(r barcode.Result) bool { return r.OK && r.Value&^numberMask == tag }

// Areas returns the places of the two codes, the upper and the lower, in a picture of the given size: rounded outwards to even
// pixels, where an I420 picture can be cut, but not beyond the picture.
func Areas(width, height int) [2]image.Rectangle {
	var areas [2]image.Rectangle
	for i, r := range barcode.Area(width, height) {
		areas[i] = image.Rect(r.Min.X&^1, r.Min.Y&^1, min((r.Max.X+1)&^1, width), min((r.Max.Y+1)&^1, height))
	}
	return areas
}

// Luma is the luma of a part that was cut out of a picture: rows of Stride bytes.
type Luma struct {
	Pix    []byte
	Stride int
}

// AreaReader reads the numbers of pictures of which only the two Areas are there. The zero AreaReader is ready for use, by one
// goroutine.
type AreaReader struct{ picture *image.YCbCr }

// Number reads the number of a picture of the given size from the luma of its two Areas. Where they are too short for that, the
// picture is unreadable.
func (r *AreaReader) Number(width, height int, upper, lower Luma) Sighting {
	const most = 1 << 14 // pixels each way; no codec of ours or others shows more
	if width < 1 || height < 1 || width > most || height > most {
		return Sighting{}
	}
	if r.picture == nil || r.picture.Rect.Dx() != width || r.picture.Rect.Dy() != height {
		r.picture = image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	}
	for i, area := range Areas(width, height) {
		part := [2]Luma{upper, lower}[i]
		columns, rows := area.Dx(), area.Dy()
		if columns < 1 || rows < 1 || part.Stride < columns || len(part.Pix) < (rows-1)*part.Stride+columns {
			return Sighting{}
		}
		for y := range rows {
			copy(r.picture.Y[r.picture.YOffset(area.Min.X, area.Min.Y+y):][:columns], part.Pix[y*part.Stride:])
		}
	}
	return Number(r.picture)
}
