package sender

import "math"

// What a frame will take at a quantizer is foretold from what the last ones took: the logarithm of the size falls about
// linearly with the quantizer index, since the quantizers' steps grow exponentially. Each picture gives a point for each
// candidate, all from one source state, so the line through them has the right slope for the content. Where there is one candidate
// the slope is taken from one picture to the next, when their quantizers are apart.

const (
	maxQuantizer = 127 // RFC 6386, section 9.6
	minSpread    = 6   // quantizer indices between two candidates, so that they differ by a fifth at least

	// The slope is how much the logarithm falls with each quantizer index.
	firstSlope         = 0.03
	minSlope, maxSlope = 0.006, 0.08
	slopeInertia       = 0.7 // of the old slope, in each new one
	heightInertia      = 0.3 // of the old line's height
)

// sizePoint is what a frame took.
type sizePoint struct {
	quantizer int
	bytes     int
}

// sizes is the line. The zero value knows nothing.
type sizes struct {
	points int
	slope  float64
	last   sizePoint // of the picture before
	// height is the logarithm of the size at quantizer at.
	height, at float64
}

// learn moves the line through the sizes of a picture's candidates.
func (s *sizes) learn(points []sizePoint) {
	if len(points) == 0 {
		return
	}
	if s.slope == 0 {
		s.slope = firstSlope
	}
	first, last := points[0], points[len(points)-1]
	if len(points) == 1 && s.points > 0 && max(last.quantizer-s.last.quantizer, s.last.quantizer-last.quantizer) >= minSpread {
		first = s.last
	}
	s.last = last
	if last.quantizer != first.quantizer {
		slope := (math.Log(float64(max(first.bytes, 1))) - math.Log(float64(max(last.bytes, 1)))) / float64(last.quantizer-first.quantizer)
		s.slope = slopeInertia*s.slope + (1-slopeInertia)*min(max(slope, minSlope), maxSlope)
	}
	var quantizer, height float64
	for _, p := range points {
		quantizer += float64(p.quantizer) / float64(len(points))
		height += math.Log(float64(max(p.bytes, 1))) / float64(len(points))
	}
	if s.points > 0 {
		height = heightInertia*s.foretold(quantizer) + (1-heightInertia)*height
	}
	s.at, s.height = quantizer, height
	s.points++
}

// foretold is the logarithm of the size at a quantizer.
func (s *sizes) foretold(quantizer float64) float64 { return s.height - s.slope*(quantizer-s.at) }

// bytes is what a frame is foretold to take at a quantizer.
func (s *sizes) bytes(quantizer int) float64 { return math.Exp(s.foretold(float64(quantizer))) }

// quantizer returns the quantizer index, from least to most, at which a frame is foretold to take that many bytes.
func (s *sizes) quantizer(bytes, least, most int) int {
	q := s.at + (s.height-math.Log(float64(max(bytes, 1))))/s.slope
	return int(math.Round(min(max(q, float64(least)), float64(most))))
}
