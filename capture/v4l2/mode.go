package v4l2

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"salsify/codec/y4m"
)

// Format is how pixels lie in memory, as four characters (the kernel's V4L2_PIX_FMT_...).
type Format uint32

// The formats that can be used.
const (
	NV12  = Format('N' | 'V'<<8 | '1'<<16 | '2'<<24) // 4:2:0, a plane of luma, one of Cb and Cr by turns
	YU12  = Format('Y' | 'U'<<8 | '1'<<16 | '2'<<24) // 4:2:0, planes of luma, Cb and Cr; also called I420
	YV12  = Format('Y' | 'V'<<8 | '1'<<16 | '2'<<24) // 4:2:0, planes of luma, Cr and Cb
	YUYV  = Format('Y' | 'U'<<8 | 'Y'<<16 | 'V'<<24) // 4:2:2, luma and chroma by turns
	UYVY  = Format('U' | 'Y'<<8 | 'V'<<16 | 'Y'<<24) // 4:2:2, chroma and luma by turns
	MJPEG = Format('M' | 'J'<<8 | 'P'<<16 | 'G'<<24) // a JPEG each
	JPEG  = Format('J' | 'P'<<8 | 'E'<<16 | 'G'<<24) // the same by another name
)

// preferred are the formats that can be used, best first: raw before JPEG, which costs milliseconds a picture and has lost detail
// already; of the raw ones those of 4:2:0, which VP8 codes too, before those of 4:2:2, which are larger and lose half their chroma.
var preferred = []Format{NV12, YU12, YV12, YUYV, UYVY, MJPEG, JPEG}

func (f Format) usable() bool { return slices.Contains(preferred, f) }

// String returns the four characters; the highest bit says big-endian and is no part of them.
func (f Format) String() string {
	text := []byte{byte(f), byte(f >> 8), byte(f >> 16), byte(f>>24) & 0x7f}
	for i, c := range text {
		if c < ' ' || c > '~' {
			text[i] = '?'
		}
	}
	return strings.TrimRight(string(text), " ")
}

// Mode is a format with a size, or a range of sizes, that a camera has.
type Mode struct {
	Format                Format
	MinWidth, MinHeight   int // pixels
	MaxWidth, MaxHeight   int // pixels; the same for one size
	StepWidth, StepHeight int // pixels, from the least size on
	// Rates are in pictures a second, fastest first. Empty: it has a range of them, or does not say.
	Rates []y4m.Rate
}

// Device is a camera.
type Device struct {
	Path  string // such as /dev/video0
	Name  string // such as HD Webcam
	Modes []Mode
}

// String tells what the camera has, a line for each format, and one for those that cannot be used.
func (d Device) String() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s  %s", d.Path, d.Name)
	sizes := map[Format][]string{}
	var unusable []string
	for _, m := range d.Modes {
		if m.Format.usable() {
			sizes[m.Format] = append(sizes[m.Format], m.size())
		} else if name := m.Format.String(); !slices.Contains(unusable, name) {
			unusable = append(unusable, name)
		}
	}
	for _, f := range preferred {
		if len(sizes[f]) > 0 {
			fmt.Fprintf(&out, "\n  %v  %s", f, strings.Join(sizes[f], ", "))
		}
	}
	if len(unusable) > 0 {
		fmt.Fprintf(&out, "\n  cannot be used: %s", strings.Join(unusable, ", "))
	}
	return out.String()
}

// rank is the place in preferred.
func rank(f Format) int { return slices.Index(preferred, f) }

// size writes "1280x720 (30, 15)": the size or the range, and the rates.
func (m Mode) size() string {
	text := fmt.Sprintf("%dx%d", m.MinWidth, m.MinHeight)
	if m.MinWidth != m.MaxWidth || m.MinHeight != m.MaxHeight {
		text += fmt.Sprintf(" to %dx%d", m.MaxWidth, m.MaxHeight)
	}
	var rates []string
	for _, r := range m.Rates {
		if s := rateText(r); !slices.Contains(rates, s) {
			rates = append(rates, s)
		}
	}
	if len(rates) > 0 {
		text += " (" + strings.Join(rates, ", ") + ")"
	}
	return text
}

func rateText(r y4m.Rate) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", perSecond(r)), "0"), ".")
}

func perSecond(r y4m.Rate) float64 { return float64(r.Num) / float64(r.Den) }

// sameRate tells whether two rates are one to a viewer: cameras say 30 for 30000/1001, and 30.00003 for 30.
func sameRate(a, b y4m.Rate) bool {
	const tolerance = 0.005
	return math.Abs(perSecond(a)-perSecond(b)) <= tolerance*perSecond(b)
}

// interval makes a rate of the time between two pictures, in seconds. It is 0/0 if the driver says nonsense.
func interval(numerator, denominator uint32) y4m.Rate {
	const most = math.MaxInt32 // what y4m can say
	if numerator == 0 || denominator == 0 || numerator > most || denominator > most {
		return y4m.Rate{}
	}
	a, b := numerator, denominator
	for b != 0 {
		a, b = b, a%b
	}
	return y4m.Rate{Num: int(denominator / a), Den: int(numerator / a)}
}
