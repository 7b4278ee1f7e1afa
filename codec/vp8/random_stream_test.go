package vp8

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"testing"

	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
	"salsify/codec/vp8/internal/header"
	"salsify/testbed/testenv"
)

// maker makes valid frames without an encoder. It writes a header of its choice, and then random bytes: an arithmetic decoder
// makes something of any bytes as long as there are enough, and what it makes of them follows the probabilities. So the
// probabilities in the header say how common each symbol is in the frame: long vectors, split macroblocks, large coefficients.
type maker struct {
	rng           *rand.Rand
	width, height int            // of the next key frame
	context       header.Context // that the last frame left

	// Random bytes for each macroblock, enough for the longest modes and coefficients.
	modeBytes, tokenBytes int
	plainCoeffs           bool // keep the coefficient probabilities, which are most of a header
}

func newMaker(seed uint64, width, height int) *maker {
	return &maker{rng: rand.New(rand.NewPCG(seed, 0)), width: width, height: height, modeBytes: 96, tokenBytes: 400}
}

func (m *maker) chance(percent int) bool { return m.rng.IntN(100) < percent }

// signed gives a number from -limit to limit, often 0.
func (m *maker) signed(limit int) int {
	if m.chance(50) {
		return 0
	}
	return m.rng.IntN(2*limit+1) - limit
}

// between gives a probability from lo to hi.
func (m *maker) between(lo, hi int) uint8 { return uint8(lo + m.rng.IntN(hi-lo+1)) }

// frame makes a frame whose header is random but for what adjust changes.
func (m *maker) frame(key bool, adjust func(*header.Frame)) []byte {
	before := m.context
	if key {
		before = header.Context{Probs: entropy.Default}
	}
	f := m.randomHeader(key, before)
	if adjust != nil {
		adjust(f)
	}
	var w boolcoder.Writer
	w.Reset(nil)
	f.Write(&w, &before)
	macroblocks := ((m.width + 15) / 16) * ((m.height + 15) / 16)
	for range m.modeBytes * macroblocks {
		w.Literal(m.rng.IntN(256), 8)
	}
	first := w.Finish()
	tokens := make([][]byte, f.Partitions)
	for i := range tokens {
		rows := ((m.height+15)/16 + f.Partitions - 1 - i) / f.Partitions
		size := 16 + m.tokenBytes*rows*((m.width+15)/16)
		tokens[i] = make([]byte, size)
		for j := range tokens[i] {
			tokens[i][j] = byte(m.rng.Uint32())
		}
	}
	frame, err := f.Assemble(first, tokens)
	if err != nil {
		panic(err) // the picture is too large for this way of making frames
	}
	m.context = f.Next(&m.context)
	return frame
}

// randomHeader makes a header. What it has in its Context is either as before or flagged as sent.
func (m *maker) randomHeader(key bool, before header.Context) *header.Frame {
	f := &header.Frame{
		Key: key, Show: m.chance(85), Context: before,
		SimpleFilter: m.chance(30), FilterLevel: m.rng.IntN(64), Sharpness: m.rng.IntN(8),
		Partitions:   1 << m.rng.IntN(4),
		RefreshProbs: m.chance(50),
		UseSkip:      m.chance(70), ProbSkip: m.between(1, 255),
		Quantizers: header.Quantizers{
			Base: m.rng.IntN(128),
			Y1DC: m.signed(15), Y2DC: m.signed(15), Y2AC: m.signed(15), UVDC: m.signed(15), UVAC: m.signed(15),
		},
		SegmentProbs: [3]uint8{255, 255, 255},
	}
	if m.chance(20) {
		f.FilterLevel = 0
	}
	if f.UseDeltas = m.chance(50); f.UseDeltas {
		if f.UpdateDeltas = m.chance(50); f.UpdateDeltas {
			for i := range 4 {
				f.Context.Deltas.Ref[i], f.Context.Deltas.Mode[i] = int8(m.signed(63)), int8(m.signed(63))
			}
		}
	}
	if f.Segmentation = m.chance(60); f.Segmentation {
		m.randomSegments(f)
	}
	if !m.plainCoeffs && m.chance(80) {
		m.randomCoeffProbs(f)
	}
	if key {
		f.Width, f.Height, f.HorizontalScale, f.VerticalScale = m.width, m.height, m.rng.IntN(4), m.rng.IntN(4)
		f.ColorSpace, f.NoClamp = m.chance(20), m.chance(20)
		f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = true, true, true
		return f
	}
	f.RefreshLast, f.RefreshGolden, f.RefreshAltRef = m.chance(70), m.chance(25), m.chance(25)
	if !f.RefreshGolden {
		f.CopyToGolden = header.Copy(m.rng.IntN(3))
	}
	if !f.RefreshAltRef {
		f.CopyToAltRef = header.Copy(m.rng.IntN(3))
	}
	f.SignBias[header.Golden], f.SignBias[header.AltRef] = m.chance(30), m.chance(30)
	f.ProbIntra, f.ProbLast, f.ProbGolden = m.between(5, 120), m.between(1, 255), m.between(1, 255)
	probs := &f.Context.Probs
	if m.chance(30) {
		probs.YMode = [4]uint8{m.between(1, 255), m.between(1, 255), m.between(1, 255), m.between(1, 255)}
		probs.UVMode = [3]uint8{m.between(1, 255), m.between(1, 255), m.between(1, 255)}
	}
	for i := range probs.MV {
		for j := range probs.MV[i] {
			if m.chance(20) {
				probs.MV[i][j] = header.MVProb(m.between(1, 255))
			}
		}
	}
	return f
}

func (m *maker) randomSegments(f *header.Frame) {
	if f.UpdateMap = m.chance(60); f.UpdateMap {
		for i := range f.SegmentProbs {
			if m.chance(70) {
				f.SegmentProbs[i] = m.between(1, 255)
			}
		}
	}
	if f.UpdateSegment = m.chance(60); f.UpdateSegment {
		s := &f.Context.Segments
		s.Absolute = m.chance(50)
		for i := range 4 {
			s.Quantizer[i], s.Filter[i] = int8(m.signed(127)), int8(m.signed(63))
			if s.Absolute {
				s.Quantizer[i], s.Filter[i] = max(s.Quantizer[i], -s.Quantizer[i]), max(s.Filter[i], -s.Filter[i])
			}
		}
	}
}

// randomCoeffProbs keeps large coefficients rare, the more so with large steps: sums of many would leave 16 bits, where
// decoders differ, and no encoder makes such.
func (m *maker) randomCoeffProbs(f *header.Frame) {
	large := [5]uint8{254, 128, 255, 128, 255} // nodes 6 to 10 of the token tree, which lead to the larger categories
	if m.chance(30) {
		f.Segmentation, f.UpdateMap, f.UpdateSegment = false, false, false
		f.Quantizers = header.Quantizers{Base: m.rng.IntN(5)}
		large = [5]uint8{180, 128, 160, 128, 250}
	}
	for i := range f.Context.Probs.Coeff {
		for j := range f.Context.Probs.Coeff[i] {
			for k := range f.Context.Probs.Coeff[i][j] {
				f.Context.Probs.Coeff[i][j][k] = [11]uint8{
					m.between(60, 250), m.between(100, 250), m.between(150, 255), m.between(200, 255), 128, 128,
					large[0], large[1], large[2], large[3], large[4],
				}
			}
		}
	}
}

// TestRandomStreams compares with vpxdec on streams that use everything the format has, in mixtures that no encoder makes: far
// vectors, all references and sign biases, copies between references, segments, deltas, unsaved probabilities, and key frames
// of other sizes in between.
//
// In version 3 libvpx leaves the chroma of a macroblock as it was if the vector leads about 19 pixels out of the picture: it
// rounds the vector down to whole pixels and then takes it for one that should have been clamped. There the vectors are kept
// short.
func TestRandomStreams(t *testing.T) {
	vpxdec := testenv.Tool(t, "vpxdec")
	for version := range 8 { // 4 to 7 are reserved and decode like 0
		for seed := range 6 {
			t.Run(fmt.Sprintf("version=%d,seed=%d", version, seed), func(t *testing.T) {
				frames := randomStream(uint64(seed), version, 40, version == 3)
				got, ends := decodeShown(t, frames, nil)
				comparePictures(t, got, ends, runVpxdec(t, vpxdec, frames))
			})
		}
	}
}

// randomStream makes a stream of one version whose size changes at each key frame. Short vectors go at most 2 pixels from their
// prediction, nearly always.
func randomStream(seed uint64, version, count int, shortVectors bool) [][]byte {
	m := newMaker(seed*4+uint64(version), 0, 0)
	var frames [][]byte
	for i := range count {
		key := i == 0 || m.chance(8)
		if key {
			m.width, m.height = 1+m.rng.IntN(100), 1+m.rng.IntN(100)
		}
		frames = append(frames, m.frame(key, func(f *header.Frame) {
			f.Version = version
			for i := range f.Context.Probs.MV {
				if p := &f.Context.Probs.MV[i]; shortVectors && !key {
					p[entropy.MVIsLong] = 254
					for bit := range entropy.MVLongBits {
						p[entropy.MVLong+bit] = 254
					}
				}
			}
		}))
	}
	return frames
}

// runVpxdec decodes a stream with libvpx and returns its shown pictures as I420, one after the other.
func runVpxdec(t testing.TB, vpxdec string, frames [][]byte) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stream.ivf")
	writeIVF(t, path, frames)
	return vpxdecFile(t, vpxdec, path)
}

func vpxdecFile(t testing.TB, vpxdec, path string) []byte {
	t.Helper()
	cmd := exec.Command(vpxdec, "--i420", "--rawvideo", "-o", "-", path)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("vpxdec: %v: %s", err, complaint.String())
	}
	return out.Bytes()
}

// comparePictures compares our pictures, which end at ends, with another decoder's.
func comparePictures(t testing.TB, got []byte, ends []int, want []byte) {
	t.Helper()
	start := 0
	for i, end := range ends {
		if end > len(want) || !bytes.Equal(got[start:end], want[start:end]) {
			t.Fatalf("shown picture %d of %d differs from the other decoder's (%d of %d bytes)", i, len(ends), len(want), len(got))
		}
		start = end
	}
	if len(got) != len(want) {
		t.Fatalf("%d bytes of pictures, the other decoder gave %d", len(got), len(want))
	}
}
