package virtual

import (
	"math"
	"time"

	"salsify/codec/vp8"
)

// Encoding is an encoding whose time is asked: all candidates of a picture, together.
type Encoding struct {
	Width, Height int // pixels
	Key           bool
	Options       []vp8.Options // of each candidate
	Bytes         []int         // what each candidate's frame took; 0: it failed
}

// Decoding is a decoding whose time is asked.
type Decoding struct {
	Width, Height int // pixels
	Bytes         int // of the frame
}

// Machine is a model of how long the codec takes on a computer: Encode and Decode are for Config.EncodeTime and DecodeTime. Sender and
// receiver are taken to have such a computer each, with nothing else to do.
type Machine struct {
	// Cores is how many goroutines can work at the same time.
	Cores int
	// Scale is how many times longer everything takes than on the machine that the model was fitted to.
	Scale float64
}

// Reference is the machine that the model was fitted to: 2 cores of a Xeon with AVX-512 as cloud providers rent them out.
var Reference = Machine{Cores: 2, Scale: 1}

// Board is a computer an eighth as fast, such as robots and drones carry. A sender uses the time that it has, so a virtual call of a
// Board takes about an eighth of the encoding that one of the Reference takes: it is what makes virtual time fast.
var Board = Machine{Cores: 2, Scale: 8}

// cost is what work takes on one core: each million pixels takes pixels milliseconds, and with x kilobytes for each million pixels
// density * x^(3/4) more, since a second coefficient of a block costs less than the first.
type cost struct{ pixels, density float64 }

// The costs, fitted by least squares of the relative error to what BenchmarkCosts printed (talk_duo regrained light, 1280x720 and
// 640x360, quantizer indices 10 to 110). Of the figures for one effort half lie within 13 % of the fit, and nine of ten within 26 %.
// The machine is shared and its speed drifts: at the time of the fit it was 1.5 times as fast as when decodeCost was fitted, and all
// costs are 1.5 times the fit, so that scenarios go on as they did.
var (
	interCosts = [vp8.MaxEffort + 1]cost{
		0:  {1.7, 1.5},
		1:  {2.5, 1.7},
		2:  {4.4, 1.4},
		3:  {4.8, 1.5},
		4:  {4.6, 1.5},
		5:  {4.5, 1.6},
		6:  {4.7, 2.7},
		7:  {2.8, 5.4},
		8:  {3.1, 8.1},
		9:  {1.5, 12.3},
		10: {51, 14.5},
	}
	keyCost    = cost{22, 1.5} // any effort up to 4; a live sender codes them with the least
	decodeCost = cost{1.3, 0.4}
)

const (
	// further is what a candidate takes after the first of the same picture, as a share of what it takes alone: measured as 0.5 to
	// 0.8, and mostly 0.7 below what is effort 6 now. It has become less since (docs/codec.md); scenarios go on as they did.
	further = 0.7
	// split is how much of the work a further goroutine takes off the first; the rest is waiting for the row above.
	split = 0.8
)

// alone is the time on one core.
func (c cost) alone(width, height, bytes int) time.Duration {
	megapixels := float64(width*height) / 1e6
	x := float64(bytes) / 1e3 / megapixels
	// The conversion keeps the compiler from fusing the product and the sum, which would give other last digits on other machines.
	ms := megapixels * (c.pixels + float64(c.density*math.Sqrt(x*math.Sqrt(x))))
	return time.Duration(ms * float64(time.Millisecond))
}

// Encode is for Config.EncodeTime.
func (m Machine) Encode(e Encoding) time.Duration {
	var all time.Duration
	goroutines := 1
	for i, o := range e.Options {
		c := interCosts[min(max(o.Effort, 0), vp8.MaxEffort)]
		if e.Key {
			c = keyCost
		}
		alone := c.alone(e.Width, e.Height, e.Bytes[i])
		if i > 0 {
			alone = time.Duration(further * float64(alone))
		}
		all += alone
		goroutines = max(goroutines, min(o.Goroutines, m.cores()))
	}
	return m.scaled(time.Duration(float64(all) / (1 + split*float64(goroutines-1))))
}

// Decode is for Config.DecodeTime.
func (m Machine) Decode(d Decoding) time.Duration {
	return m.scaled(decodeCost.alone(d.Width, d.Height, d.Bytes))
}

func (m Machine) cores() int { return max(m.Cores, 1) }

func (m Machine) scaled(t time.Duration) time.Duration {
	if m.Scale > 0 {
		t = time.Duration(m.Scale * float64(t))
	}
	return t
}
