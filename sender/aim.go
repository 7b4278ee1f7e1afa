package sender

import (
	"math"
	"time"

	"salsify/codec/vp8"
)

// What is encoded, and how large it may be:
//
//  1. aim is the size that the larger candidate should have: what leaves the link before the next picture comes.
//  2. options gives the quantizers at which the candidates are foretold to have that size and half of it.
//  3. budget, asked when they are ready, is how many bytes may leave at that moment.

const (
	// aim is how much of the time between two pictures the larger candidate may take on the link, with what still waits
	// there. Filling all of it would leave each frame waiting for the end of the one before.
	aim = 0.7
	// limited is the share of the user's limit that frames are aimed at: the rest is for what packets have besides.
	limited = 0.9
	// steady is the least share of that at which the larger candidate is aimed while something waits. Frames that are large and
	// tiny by turns look worse than even ones, and the next is foretold badly from them.
	steady = 0.4
	// Quantizers finer than fine are for frames that are foretold to take no more than fineShare of their room: there a camera's noise
	// takes most of the bytes, which nobody sees, and whose time on the link everybody feels. On Verizon LTE (talk_duo with light
	// grain) pictures come 27 ms sooner on average and 50 ms at p95 than without that limit, for 0.06 dB of SSIM; on 12 Mbit/s the
	// finer ones give 0.35 dB for 3 ms with that grain, and 2.2 dB for 14 ms without (docs/testbed.md: --virtual --encode-time server).
	fine      = 16
	fineShare = 0.45
	// lone is the share of that below which the larger candidate is the only one: where it is as fine as it gets, by what is
	// worth its delay or by the codec's time, and still leaves so much room, a smaller one would never be chosen, and takes the
	// larger one's time.
	lone = 0.7
	// lesser is the smaller candidate's size as a share of the larger one's.
	lesser = 0.5
	// smallestAim is the least that a candidate is aimed at, in bytes: about a packet.
	smallestAim = 900
	// keyQuantizer is the larger candidate's for a key frame: coarse, since the pictures after it make it fine. keyFactor is
	// how much larger a key frame is taken to be than the frame after it.
	keyQuantizer = 90
	keyFactor    = 3
	// steering is how often the conventional encoder is told a rate.
	steering = time.Second
)

// options chooses the candidates.
func (s *Sender) options(now time.Time, source *vp8.State) []vp8.Options {
	common := vp8.Options{Effort: s.effort.level, Goroutines: s.config.Goroutines, Unscored: s.config.Unscored}
	if !source.HasPicture() { // nothing is known of the size of a key frame; the first should be there soon
		common.Effort = 0
		coarse, coarsest := common, common
		coarse.Quantizer, coarsest.Quantizer = keyQuantizer, maxQuantizer
		return []vp8.Options{coarse, coarsest}
	}
	larger := common
	size := s.aim(now)
	larger.Quantizer = s.quantizer(size)
	s.spare = larger.Quantizer <= max(fine, s.effort.least) && s.sizes.bytes(larger.Quantizer) < lone*float64(size)
	if s.config.Mode != Salsify || s.spare {
		return []vp8.Options{larger}
	}
	larger.Quantizer = min(larger.Quantizer, maxQuantizer-minSpread)
	smaller := larger
	smaller.Quantizer = s.sizes.quantizer(int(lesser*float64(size)), larger.Quantizer+minSpread, maxQuantizer)
	return []vp8.Options{larger, smaller}
}

// quantizer is the larger candidate's, for a frame that may have that size. The fine ones are gone to in steps of one: the first picture at a
// finer quantizer takes several times what those after it do, and the next at a coarser one next to nothing, so that leaps would go on.
func (s *Sender) quantizer(size int) int {
	q := s.sizes.quantizer(size, s.effort.least, maxQuantizer)
	if q >= fine {
		return q
	}
	q = s.sizes.quantizer(int(fineShare*float64(size)), s.effort.least, maxQuantizer)
	return min(fine, max(q, int(s.sizes.at)-1))
}

// aim is the size in bytes that the next frame should have: what leaves the link before the frame after it comes.
func (s *Sender) aim(now time.Time) int {
	interval := max(s.config.Interval, s.intervals.value())
	onLink := time.Duration(aim * float64(interval))
	full := s.forVideo(now).Bytes(onLink)
	if s.config.Mode == Conventional {
		if now.Sub(s.steered) >= steering {
			s.steered, s.steering = now, s.forVideo(now)
		}
		full = s.steering.Bytes(onLink)
	}
	if s.limit.rate > 0 {
		full = min(full, int(limited*float64(max(0, s.limit.rate-s.beside.rate(now)).Bytes(interval))))
	}
	if s.config.Mode == Conventional {
		return max(smallestAim, full)
	}
	if s.ledger.Cautious() {
		full = min(full, s.survivable())
	}
	room := s.path.Room(now, onLink+s.effort.time()) - s.beside.rate(now).Bytes(onLink) - s.backlog()
	return max(smallestAim, min(full, max(room, int(steady*float64(full)))))
}

// budget is how many bytes may leave now.
func (s *Sender) budget(now time.Time) int {
	budget := s.path.Budget(now) - s.backlog()
	if s.limit.rate > 0 {
		budget = min(budget, s.limit.left(now)-s.backlog())
	}
	return budget
}

// survivable is the size of a frame that arrives whole every other time, at the losses of late.
func (s *Sender) survivable() int {
	loss := min(s.path.Loss(), 0.5)
	if loss <= 0 {
		return math.MaxInt32
	}
	packets := max(1, math.Log(0.5)/math.Log(1-loss))
	return int(min(packets*pieceSize, math.MaxInt32))
}
