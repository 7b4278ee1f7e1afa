package vp8

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"salsify/codec/vp8/internal/header"
	"salsify/testbed/testenv"
)

// The fuzz targets. Run them with -fuzzminimizetime 20x: by default most of the time goes into making inputs smaller.

// joinFrames puts frames into one fuzz input, each behind its length in two bytes. Longer frames are cut.
func joinFrames(frames [][]byte) []byte {
	var out []byte
	for _, f := range frames {
		f = f[:min(len(f), 1<<16-1)]
		out = binary.BigEndian.AppendUint16(out, uint16(len(f)))
		out = append(out, f...)
	}
	return out
}

// splitFrames undoes joinFrames; of a last frame that is cut short it gives what is there.
func splitFrames(data []byte) (frames [][]byte) {
	for len(data) >= 2 {
		n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
		frames = append(frames, data[2:2+n])
		data = data[2+n:]
	}
	return frames
}

func TestSplitFrames(t *testing.T) {
	frames := [][]byte{[]byte("a"), {}, []byte("bcd")}
	got := splitFrames(joinFrames(frames))
	if len(got) != 3 || string(got[0]) != "a" || len(got[1]) != 0 || string(got[2]) != "bcd" {
		t.Errorf("splitFrames gives %q", got)
	}
	if got := splitFrames([]byte{0, 9, 'x'}); len(got) != 1 || string(got[0]) != "x" {
		t.Errorf("splitFrames gives %q of a frame that is cut short", got)
	}
}

// maxFuzzPixels bounds the pictures of the fuzz targets, for their speed and memory. That Decode itself bounds its memory is
// TestHugeSize's.
const maxFuzzPixels = 1 << 16

func tooLarge(frame []byte) bool {
	if len(frame) < 10 || frame[0]&1 != 0 {
		return false
	}
	w, h := int(binary.LittleEndian.Uint16(frame[6:]))&MaxSize, int(binary.LittleEndian.Uint16(frame[8:]))&MaxSize
	return w*h > maxFuzzPixels
}

// firstFrames gives the beginnings of the conformance streams, if they are there.
func firstFrames(f *testing.F, most int) (streams [][][]byte) {
	root, err := testenv.SharedRoot()
	if err != nil {
		return nil
	}
	paths, _ := filepath.Glob(filepath.Join(root, "vectors", "*.ivf"))
	for _, path := range paths {
		if info, err := os.Stat(path); err != nil || info.Size() > 40000 {
			continue
		}
		frames := readIVF(f, path)
		streams = append(streams, frames[:min(most, len(frames))])
	}
	return streams
}

// tinyStream makes a stream of one macroblock a picture and few bytes a frame: a fuzzer gets further with those. It tries until
// the few bytes are enough.
func tinyStream(seed uint64) [][]byte {
	m := newMaker(seed, 16, 16)
	m.modeBytes, m.tokenBytes, m.plainCoeffs = 12, 40, true
	var frames [][]byte
	s, _ := NewState(16, 16) // the size is right
	for len(frames) < 4 {
		before := m.context
		frame := m.frame(len(frames) == 0, func(f *header.Frame) { f.Partitions = 1 })
		next, _, err := Decode(s, frame)
		if err != nil {
			m.context = before
			continue
		}
		s, frames = next, append(frames, frame)
	}
	return frames
}

// FuzzDecode decodes a whole stream. What is refused must leave the State as it was; what is decoded must be decoded in the
// same way again.
func FuzzDecode(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(joinFrames(tinyStream(seed)))
	}
	f.Add(joinFrames(shortStream(0, 40, 20)))
	f.Add(joinFrames([][]byte{{}, {1}, {0, 0, 0, 0x9d, 1, 0x2a}}))
	for _, frames := range firstFrames(f, 3) {
		f.Add(joinFrames(frames))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s := firstState(t, 16, 16)
		for _, frame := range splitFrames(data) {
			if tooLarge(frame) {
				return
			}
			before := traceOf(s)
			_, inspectErr := Inspect(s, frame)
			next, shown, err := Decode(s, frame)
			if traceOf(s) != before {
				t.Fatalf("Decode changed its State (error %v)", err)
			}
			if err != nil {
				if !isTyped(err) || next != nil || shown != nil {
					t.Fatalf("error %v", err)
				}
				continue
			}
			if inspectErr != nil {
				t.Fatalf("Inspect refused with %v what Decode took", inspectErr)
			}
			after := traceOf(next)
			again, _, err := Decode(s, frame)
			if err != nil || traceOf(again) != after {
				t.Fatalf("the same frame decoded to something else (error %v)", err)
			}
			again.Release()
			s.Release()
			if s = next; traceOf(s) != after {
				t.Fatal("a State changed when the one before it was released")
			}
		}
	})
}

// FuzzInspect reads the headers and modes of one frame, on a State with a picture.
func FuzzInspect(f *testing.F) {
	stream := tinyStream(50)
	for _, frame := range append(stream, shortStream(50, 20, 16)...) {
		f.Add(frame)
	}
	for _, frames := range firstFrames(f, 2) {
		for _, frame := range frames {
			f.Add(frame)
		}
	}
	s := mustDecode(f, firstState(f, 16, 16), stream[0])
	before := traceOf(s)
	f.Fuzz(func(t *testing.T, frame []byte) {
		if tooLarge(frame) {
			return
		}
		info, err := Inspect(s, frame)
		if err != nil && (!isTyped(err) || info != FrameInfo{}) {
			t.Fatalf("%+v, error %v", info, err)
		}
		if err == nil {
			if info.Width < 1 || info.Height < 1 || info.Macroblocks != (info.Width+15)/16*((info.Height+15)/16) ||
				info.Intra+info.Split > info.Macroblocks || info.Skipped > info.Macroblocks ||
				info.Quantizer > 127 || info.FilterLevel > 63 || info.Sharpness > 7 || info.HorizontalScale > 3 || info.VerticalScale > 3 {
				t.Fatalf("%+v", info)
			}
		}
		if traceOf(s) != before {
			t.Fatal("Inspect changed its State")
		}
	})
}

// FuzzUnmarshalState reads States from any bytes: as they are and, to get past the checksum, with a right one behind them. What
// is taken must be written and read again as the same.
func FuzzUnmarshalState(f *testing.F) {
	for seed := range uint64(2) {
		s := firstState(f, 16, 16)
		for _, frame := range append([][]byte{nil}, tinyStream(60+seed)...) {
			if frame != nil {
				s = mustDecode(f, s, frame)
			}
			data, err := s.MarshalBinary()
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
			f.Add(data[:len(data)-sha256.Size])
		}
	}
	frame := tinyStream(60)[1]
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, data := range [][]byte{data, withSum(data)} {
			s := new(State)
			if err := s.UnmarshalBinary(data); err != nil {
				if !errors.Is(err, ErrStateData) || s.width != 0 || s.HasPicture() {
					t.Fatalf("error %v", err)
				}
				continue
			}
			written, err := s.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			again := new(State)
			if err := again.UnmarshalBinary(written); err != nil {
				t.Fatalf("a State that was read cannot be read after it was written: %v", err)
			}
			if traceOf(again) != traceOf(s) {
				t.Fatal("a State changed when it was written and read")
			}
			if same, err := again.MarshalBinary(); err != nil || !bytes.Equal(same, written) {
				t.Fatalf("a State is written in other bytes the second time (error %v)", err)
			}
			// It can be decoded from, whatever its probabilities are.
			if s.width*s.height > maxFuzzPixels {
				continue
			}
			next, _, err := Decode(s, frame)
			if err == nil {
				next.Release()
			} else if !isTyped(err) {
				t.Fatalf("error %v", err)
			}
		}
	})
}
