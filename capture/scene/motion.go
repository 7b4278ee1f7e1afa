package scene

import "math"

// Times in this file are whole microseconds since picture 0.
const second = 1_000_000

// motion is everything that moves, at one time. Positions are in subpixels.
type motion struct {
	place, person   int
	camera          pose // of the place: its left edge lies left of the picture
	shoulders, head pose
	turn            point // of the face against the head
	gaze            int   // of the eyes
	lids            int   // 0 is closed, 256 open
	brows           int   // 0 is down, 256 up
	mouth           int   // 0 is closed, 256 wide open
}

// A cut comes every 10 seconds, up to 3 seconds early or late.
const (
	cutEvery  = 10 * second
	cutJitter = 3 * second
)

// motionAt tells what happens in picture n.
func (s *Scene) motionAt(n uint64) motion {
	// No machine can fuse a product and a quotient into one operation that rounds otherwise.
	micros := math.Round(float64(n) * second / s.config.Rate)
	t := int64(math.Mod(micros, 1<<52))

	// Between which two cuts. Place and person follow from the number of the cut before, and never the same place twice.
	cut := t / cutEvery
	if t < s.cutAt(cut) {
		cut--
	} else if t >= s.cutAt(cut+1) {
		cut++
	}
	seed := hash(s.config.Seed, 10, uint64(cut))
	first := hash(s.config.Seed, 11) % placeCount
	m := motion{
		place:  int((first + uint64(cut)) % placeCount),
		person: int((first + uint64(cut) + uint64(cut)/placeCount) % personCount),
	}
	person := &s.people[m.person]
	u := s.unit * subpixels

	phase := int64(seed >> 40)

	// The camera pans between two places to rest. In one place it stands on something, in the others it is held in a hand.
	pan := s.panAt(t, seed)
	if m.place != 0 {
		tremor := wave(t, 1_900_000, phase)*2 + wave(t, 620_000, phase) + 3*16384
		pan += tremor * s.shake() / (6 * 16384)
		m.camera.slant = slant(wave(t, 1_300_000, 2*phase) * s.shake() / 16384 * slantRows / (2 * s.config.Height))
	}
	m.camera.corner.x = -pan - s.shake()/2
	m.camera.pivot = s.config.Height * subpixels / 2

	// Someone talks for a while, then listens. Talking moves mouth, brows and head.
	talk := (clamp(wave(t, 7_300_000, phase)+5000, 0, 8000)) * 256 / 8000
	syllables := clamp(wave(t, 237_000, phase)+wave(t, 391_000, 2*phase)/2+wave(t, 1_130_000, phase), 0, 28000) * 256 / 28000
	m.mouth = syllables * talk / 256
	m.brows = clamp(wave(t, 2_900_000, 3*phase)-6000, 0, 8000) * 256 / 8000

	// A blink every few seconds takes 200 ms.
	const blinkEvery, blinkTime = 3 * second, second / 5
	sinceBlink := t%blinkEvery - int64(hash(seed, 1, uint64(t/blinkEvery))%(blinkEvery-blinkTime))
	m.lids = 256
	if sinceBlink >= 0 && sinceBlink < blinkTime {
		fromMiddle := sinceBlink - blinkTime/2
		m.lids = int(min(max(fromMiddle, -fromMiddle)*512/blinkTime, 256))
	}
	m.gaze = wave(t, 5_300_000, phase) * u / (16384 * 180)

	// The body sways, the head more so, and nods with the words.
	sway := wave(t, 4_300_000, phase)*u/(16384*26) + wave(t, 1_700_000, phase)*u/(16384*150)
	breath := wave(t, 3_700_000, 0)*u/(16384*250) + wave(t, 1_100_000, phase)*(u/256*talk)/(16384*400)
	lean := wave(t, 3_100_000, 2*phase)*u/(16384*22) + wave(t, 1_370_000, phase)*u/(16384*90)
	nod := wave(t, 2_600_000, phase)*u/(16384*55) + wave(t, 730_000, phase)*(u/256*talk)/(16384*110)

	middle := point{s.config.Width*subpixels*47/100 - pan + margin(s.config.Width)*subpixels/4, s.config.Height * subpixels / 2}
	middle.y = min(middle.y, s.config.Height*subpixels-u*55/100) - u*2/100
	m.head.corner = point{middle.x + sway + lean - person.middle.x, middle.y + breath + nod - person.middle.y}
	m.head.slant = slant(wave(t, 2_900_000, phase)*slantRows/(16384*9) + wave(t, 1_130_000, 2*phase)*slantRows/(16384*40))
	m.head.pivot = person.middle.y + u*headHeight/1000
	m.shoulders.corner = point{middle.x + sway - person.neck.x, middle.y + u*(shoulderDrop-90)/1000 + breath - person.neck.y}
	m.shoulders.slant = slant(wave(t, 4_300_000, phase+second/2) * slantRows / (16384 * 11))
	m.shoulders.pivot = person.neck.y
	m.turn = point{wave(t, 3_100_000, 2*phase+second) * u / (16384 * 42), wave(t, 2_600_000, phase+second/2) * u / (16384 * 110)}
	return m
}

// cutAt returns the time of a cut; the first is the beginning.
func (s *Scene) cutAt(cut int64) int64 {
	if cut <= 0 {
		return 0
	}
	return cut*cutEvery + int64(hash(s.config.Seed, 12, uint64(cut))%(2*cutJitter)) - cutJitter
}

// shake is how far a held camera moves at most, in subpixels: a hundredth of the width there and back.
func (s *Scene) shake() int {
	return min(s.config.Width*subpixels/100, margin(s.config.Width)*subpixels/4)
}

// panAt returns how far right the camera looks, in subpixels: it rests for 3 s at one place, then takes 3 s to the next.
func (s *Scene) panAt(t int64, seed uint64) int {
	const every, moving = 6 * second, 3 * second
	rest := func(i int64) int { // at whole pixels of luma and chroma, so that nothing but noise changes while it rests
		return int(hash(seed, 2, uint64(i))%uint64(margin(s.config.Width)/4+1)) * 2 * subpixels
	}
	from, to := rest(t/every), rest(t/every+1)
	moved := max(t%every-(every-moving), 0) // of the time moving
	x := moved * 1024 / moving              // 0 to 1024
	eased := x * x * (3*1024 - 2*x) >> 20   // begins and ends gently
	return from + (to-from)*int(eased)/1024
}

// wave is a sine of time, from -16384 to 16384; its period and phase are in microseconds. It is Bhaskara's approximation, within
// 0.2 % of the sine, in integers.
func wave(t, period, phase int64) int {
	half := period / 2
	x := ((t+phase)%period + period) % period
	sign := 1
	if x >= half {
		x, sign = min(x-half, half), -1
	}
	product := 4 * x * (half - x)                            // up to half*half
	return sign * int(16384*4*product/(5*half*half-product)) // 16x(h-x) / (5hh - 4x(h-x))
}

func clamp(v, low, high int) int { return min(max(v, low), high) }
