package clip

import (
	"encoding/binary"
	"image"
)

// grain is the noise of a sensor: independent for each sample and picture, and nearly normal. A table of it is made once; each row of
// each picture takes a stretch of the table from a place that depends on the seed, the picture and the row. All is done in integers,
// so that it is the same on every machine.
type grain struct {
	luma, chroma []byte // signed values in two's complement
	seed         uint64
}

// grainLength is from how many places of the table a row can begin. It is small enough for the processor's second cache; a row of
// a picture meets the very same stretch again after hundreds of pictures, elsewhere.
const grainLength = 1 << 18

// deviations are the standard deviations in tenths of a step of luma, for Grain.
var deviations = map[Grain]int{Light: 15, LowLight: 50}

func newGrain(kind Grain, width int, seed uint64) *grain {
	deviation := deviations[kind]
	return &grain{
		luma:   noiseTable(deviation, grainLength+width, mix(seed, 1)),
		chroma: noiseTable(deviation*2/3, grainLength+width, mix(seed, 2)),
		seed:   mix(seed, 3),
	}
}

// noiseTable draws each value as the sum of 16 random bytes, which is nearly normal, brought to the deviation, given in tenths.
func noiseTable(deviation, length int, seed uint64) []byte {
	const (
		mean   = 16 * 255 / 2
		spread = 2956 // tenths: the sum's own deviation, the root of 16 * (256^2 - 1)/12
	)
	table := make([]byte, length)
	for i := range table {
		sum := -mean
		for half := range uint64(2) {
			random := mix(seed, 2*uint64(i)+half)
			for range 8 {
				sum += int(random & 0xFF)
				random >>= 8
			}
		}
		// Rounded to the nearest, the same on both sides of 0; at most 7 deviations, which fits 8 bits.
		scaled := 2*sum*deviation + spread
		if sum < 0 {
			scaled = 2*sum*deviation - spread
		}
		table[i] = byte(int8(scaled / (2 * spread)))
	}
	return table
}

// add adds the noise of picture n.
func (g *grain) add(picture *image.YCbCr, n uint64) {
	addPlane(picture.Y, picture.YStride, g.luma, mix(g.seed, 3*n))
	addPlane(picture.Cb, picture.CStride, g.chroma, mix(g.seed, 3*n+1))
	addPlane(picture.Cr, picture.CStride, g.chroma, mix(g.seed, 3*n+2))
}

func addPlane(samples []byte, stride int, table []byte, seed uint64) {
	for y := 0; y*stride < len(samples); y++ {
		addRow(samples[y*stride:][:stride], table[mix(seed, uint64(y))%grainLength:])
	}
}

// addRow adds signed noise to each sample; what leaves 0 to 255 stays at its end. Eight samples are added at once.
func addRow(row, noise []byte) {
	const top = 0x8080_8080_8080_8080
	noise = noise[:len(row)]
	i := 0
	for ; i <= len(row)-8; i += 8 {
		a, b := binary.LittleEndian.Uint64(row[i:i+8]), binary.LittleEndian.Uint64(noise[i:i+8])
		sum := (a&^top + b&^top) ^ (a^b)&top // of each byte by itself
		carry := (a&b | (a|b)&^sum) & top    // of each byte
		// Positive noise must carry nothing out of its byte, negative noise, which is 256 more than it means, must.
		over, under := carry&^b, b&top&^carry
		if over|under != 0 {
			sum = (sum | (over<<1 - over>>7)) &^ (under<<1 - under>>7)
		}
		binary.LittleEndian.PutUint64(row[i:i+8], sum)
	}
	for ; i < len(row); i++ {
		row[i] = byte(min(255, max(0, int(row[i])+int(int8(noise[i])))))
	}
}

// mix makes of two numbers one that looks random (the finalizer of SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
func mix(seed, n uint64) uint64 {
	h := seed + (n+1)*0x9E3779B97F4A7C15
	h = (h ^ h>>30) * 0xBF58476D1CE4E5B9
	h = (h ^ h>>27) * 0x94D049BB133111EB
	return h ^ h>>31
}
