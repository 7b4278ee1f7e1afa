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
	// Cores is how many candidates are encoded at the same time, and how many goroutines one candidate can use.
	Cores int
	// Scale is how many times longer everything takes than on the machine that the model was fitted to.
	Scale float64
}

// Reference is the machine that the model was fitted to: 2 cores of a Xeon with AVX-512 as cloud providers rent them out.
var Reference = Machine{Cores: 2, Scale: 1}

// cost is what work takes on one core: each million pixels takes pixels milliseconds, and with x kilobytes for each million pixels
// density * x^(3/4) more, since a second coefficient of a block costs less than the first.
type cost struct{ pixels, density float64 }

// The costs, fitted by least squares of the relative error to what BenchmarkCosts printed (talk_duo regrained light, 1280x720 and
// 640x360, quantizer indices 10 to 110). Of the figures for one effort half lie within 10 % of the fit, and nine of ten within 20 %;
// as much as between two runs on that machine, which was shared. Effort 7 was smoothed between its neighbours.
var (
	interCosts = [vp8.MaxEffort + 1]cost{
		0:  {13.5, 2.1},
		1:  {13.4, 3.4},
		2:  {14.8, 3.3},
		3:  {19.8, 4.7},
		4:  {22.0, 6.4},
		5:  {15.7, 12.1},
		6:  {18.6, 13.3},
		7:  {22.0, 18.0},
		8:  {105, 18.6},
		9:  {99.3, 25.5},
		10: {133, 28.1},
	}
	keyCost    = cost{64.6, 5.7} // any effort up to 5, which is what a live sender uses
	decodeCost = cost{2.7, 0.77}
)

// split is how much of a candidate's work a further goroutine takes off the first; the rest is waiting for the row above.
const split = 0.8

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
	var longest, all time.Duration
	for i, o := range e.Options {
		c := interCosts[min(max(o.Effort, 0), vp8.MaxEffort)]
		if e.Key {
			c = keyCost
		}
		alone := c.alone(e.Width, e.Height, e.Bytes[i])
		all += alone
		goroutines := min(max(o.Goroutines, 1), m.cores())
		longest = max(longest, time.Duration(float64(alone)/(1+split*float64(goroutines-1))))
	}
	// Candidates side by side take no longer than one alone, as long as each has a core (measured: within 5 %).
	return m.scaled(max(longest, all/time.Duration(m.cores())))
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
