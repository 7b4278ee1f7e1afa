package scene

import (
	"encoding/binary"
	"math/bits"
)

// The noise of a sensor: independent for each sample and picture, nearly normal. It is drawn as the number of set bits among
// some random ones, which has a variance of a quarter of their number: 10 bits give luma a standard deviation of 1.6, 4 bits
// give chroma 1.
const (
	lumaNoiseBits   = 10
	chromaNoiseBits = 4

	// noiseLength is from how many places of the table a row can begin; a row of one picture rarely meets the same again.
	noiseLength = 1 << 16
)

// Samples that noise is added to lie in cleanMin to cleanMax, so that no sum leaves a byte: eight are added at once.
const (
	cleanMin = lumaNoiseBits
	cleanMax = 255 - lumaNoiseBits
)

type noise struct{ luma, chroma []byte } // numbers of set bits

func newNoise(width int, seed uint64) noise {
	table := func(bitCount int, seed uint64) []byte {
		t := make([]byte, noiseLength+width)
		for i := range t {
			t[i] = byte(bits.OnesCount64(hash(seed, uint64(i)) >> (64 - bitCount)))
		}
		return t
	}
	return noise{table(lumaNoiseBits, hash(seed, 1)), table(chromaNoiseBits, hash(seed, 2))}
}

// add adds the noise that belongs to seed to the whole frame.
func (n *noise) add(f frame, seed uint64) {
	addRows(&f.luma, n.luma, lumaNoiseBits/2, hash(seed, 1))
	addRows(&f.cb, n.chroma, chromaNoiseBits/2, hash(seed, 2))
	addRows(&f.cr, n.chroma, chromaNoiseBits/2, hash(seed, 3))
}

// addRows adds noise to each row from a random place of the table; mean is taken off.
func addRows(p *plane, table []byte, mean byte, seed uint64) {
	mean8 := uint64(mean) * 0x0101_0101_0101_0101
	for y := range p.height {
		row := p.row(y, 0, p.width)
		add := table[hash(seed, uint64(y))%noiseLength:][:len(row)]
		i := 0
		for ; i <= len(row)-8; i += 8 {
			sum := binary.LittleEndian.Uint64(row[i:i+8]) + binary.LittleEndian.Uint64(add[i:i+8]) - mean8
			binary.LittleEndian.PutUint64(row[i:i+8], sum)
		}
		for ; i < len(row); i++ {
			row[i] += add[i] - mean
		}
	}
}
