package ivf

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"salsify/testbed/testenv"
)

type timed struct {
	data string
	time uint64
}

// file returns an IVF file as a pipe gets it.
func file(t rapid.TB, h Header, frames ...timed) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.Write([]byte(f.data), f.time); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readAll(r *Reader) (frames []timed, err error) {
	var buf []byte
	for {
		frame, time, err := r.Next(buf)
		if err != nil {
			return frames, err
		}
		frames = append(frames, timed{string(frame), time})
		buf = frame
	}
}

var sample = Header{Width: 176, Height: 144, Rate: 30000, Scale: 1001}

func TestLayout(t *testing.T) {
	got := file(t, sample, timed{"abc", 0x0102030405060708})
	want := "DKIF\x00\x00\x20\x00VP80\xb0\x00\x90\x00\x30\x75\x00\x00\xe9\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x03\x00\x00\x00\x08\x07\x06\x05\x04\x03\x02\x01abc"
	if string(got) != want {
		t.Errorf("file\n%q, want\n%q", got, want)
	}
}

// patched returns a file with some bytes replaced.
func patched(in []byte, offset int, with string) []byte {
	out := bytes.Clone(in)
	copy(out[offset:], with)
	return out
}

func TestRefusedHeaders(t *testing.T) {
	good := file(t, sample)
	tests := []struct {
		name string
		in   []byte
		want error
		says string
	}{
		{"empty", nil, ErrFormat, "0 bytes"},
		{"short", good[:31], ErrFormat, "31 bytes"},
		{"WebM", patched(good, 0, "\x1aE\xdf\xa3"), ErrFormat, "instead of"},
		{"version 1", patched(good, 4, "\x01"), ErrFormat, "version 1"},
		{"header length 31", patched(good, 6, "\x1f\x00"), ErrFormat, "header length 31"},
		{"header length beyond the end", patched(good, 6, "\x21\x00"), ErrFormat, "within its header of 33"},
		{"VP9", patched(good, 8, "VP90"), ErrCodec, `"VP90"`},
	}
	for _, test := range tests {
		_, err := NewReader(bytes.NewReader(test.in))
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want %v saying %q", test.name, err, test.want, test.says)
		}
	}
}

func TestLongerHeaderIsSkipped(t *testing.T) {
	short := file(t, sample, timed{"abc", 7})
	long := append(patched(short[:32], 6, "\x25\x00"), "extra"...)
	long = append(long, short[32:]...)
	r, err := NewReader(bytes.NewReader(long))
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(r)
	if err != io.EOF || len(frames) != 1 || frames[0] != (timed{"abc", 7}) {
		t.Errorf("read %v, %v", frames, err)
	}
}

// TestTruncated cuts a file at every place: only at the ends of frames may it read as complete.
func TestTruncated(t *testing.T) {
	whole := file(t, sample, timed{"abcdef", 0}, timed{"", 1}, timed{"xyz", 2})
	ends := map[int]int{32: 0, 32 + 18: 1, 32 + 30: 2, 32 + 45: 3} // length of the file: whole frames in it
	frames := 0
	for n := 32; n <= len(whole); n++ {
		count, atEnd := ends[n]
		if atEnd {
			frames = count
		}
		r, err := NewReader(bytes.NewReader(whole[:n]))
		if err != nil {
			t.Fatal(err)
		}
		got, err := readAll(r)
		if len(got) != frames || atEnd != (err == io.EOF) || !atEnd && !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: %d frames and error %v, want %d frames", n, len(got), err, frames)
		}
		if _, _, again := r.Next(nil); again != err {
			t.Errorf("%d bytes: then error %v, want %v again", n, again, err)
		}
	}
}

// TestHostileLength checks that a frame's claim alone costs no memory.
func TestHostileLength(t *testing.T) {
	head := file(t, sample)
	frame := func(length uint32) []byte {
		b := binary.LittleEndian.AppendUint32(bytes.Clone(head), length)
		return append(b, "\x00\x00\x00\x00\x00\x00\x00\x00data"...)
	}
	for length, want := range map[uint32]error{
		1<<32 - 1: ErrTooLong, MaxFrameBytes + 1: ErrTooLong, MaxFrameBytes: ErrTruncated, 5: ErrTruncated,
	} {
		r, err := NewReader(bytes.NewReader(frame(length)))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, err = r.Next(nil)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, want) {
			t.Errorf("length %d: error %v, want %v", length, err, want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4*pieceBytes {
			t.Errorf("length %d: %d bytes were allocated for 4 bytes of data", length, used)
		}
	}
}

func TestErrorsOfTheInputPassThrough(t *testing.T) {
	broken := errors.New("disk on fire")
	whole := patched(file(t, sample, timed{"abcdef", 0}), 6, "\x22") // a header of 34 bytes
	for _, n := range []int{5, 33, 34, 40, 48} {
		r, err := NewReader(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(broken)))
		if err == nil {
			_, err = readAll(r)
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v, want the input's error", n, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, h := range []Header{{Width: -1}, {Height: 65536}} {
		var out bytes.Buffer
		if _, err := NewWriter(&out, h); !errors.Is(err, ErrSize) || out.Len() != 0 {
			t.Errorf("%+v: error %v after %d bytes, want ErrSize after none", h, err, out.Len())
		}
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, sample)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(make([]byte, MaxFrameBytes+1), 0); !errors.Is(err, ErrTooLong) || out.Len() != 32 {
		t.Errorf("a frame too long: error %v and %d bytes written, want ErrTooLong and the header alone", err, out.Len())
	}
}

// TestCountOnClose checks the header's frame count on outputs that can seek and on one that only seems to.
func TestCountOnClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.ivf")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("before"); err != nil { // the file need not begin at 0
		t.Fatal(err)
	}
	writeTwo(t, f)
	if _, err := f.WriteString("after"); err != nil { // Close must leave the output at its end
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want := append([]byte("before"), patched(file(t, sample, timed{"a", 0}, timed{"b", 1}), countOffset, "\x02")...)
	want = append(want, "after"...)
	if !bytes.Equal(got, want) {
		t.Errorf("seekable output\n%q, want\n%q", got, want)
	}

	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	writeTwo(t, out) // fits the pipe's buffer
	out.Close()
	r, err := NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	frames, err := readAll(r)
	if err != io.EOF || len(frames) != 2 || r.Header().Frames != 0 {
		t.Errorf("pipe: %d frames, count %d, error %v", len(frames), r.Header().Frames, err)
	}
}

func writeTwo(t *testing.T, out io.Writer) {
	t.Helper()
	w, err := NewWriter(out, sample)
	if err != nil {
		t.Fatal(err)
	}
	for i, data := range []string{"a", "b"} {
		if err := w.Write([]byte(data), uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Width: int(rapid.Uint16().Draw(t, "width")), Height: int(rapid.Uint16().Draw(t, "height")),
			Rate: rapid.Uint32().Draw(t, "rate"), Scale: rapid.Uint32().Draw(t, "scale"),
		}
		var want []timed
		for range rapid.IntRange(0, 4).Draw(t, "frames") {
			n := rapid.SampledFrom([]int{0, 1, 100, pieceBytes - 1, pieceBytes, pieceBytes + 1, 3*pieceBytes + 5}).Draw(t, "length")
			letter := string(rapid.Byte().Draw(t, "letter"))
			want = append(want, timed{strings.Repeat(letter, n), rapid.Uint64().Draw(t, "time")})
		}
		r, err := NewReader(iotest.HalfReader(bytes.NewReader(file(t, h, want...))))
		if err != nil || r.Header() != h {
			t.Fatalf("header %+v, %v; want %+v", r.Header(), err, h)
		}
		got, err := readAll(r)
		if err != io.EOF || len(got) != len(want) {
			t.Fatalf("%d frames, %v; want %d, io.EOF", len(got), err, len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("frame %d differs", i)
			}
		}
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	var frames []timed
	for i := range 50 {
		frames = append(frames, timed{strings.Repeat("x", 5000), uint64(i)})
	}
	r, err := NewReader(bytes.NewReader(file(t, sample, frames...)))
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 0, 6000)
	if n := testing.AllocsPerRun(len(frames)-2, func() {
		if _, _, err := r.Next(buf); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

// TestConformanceStreams reads real files: every frame must be there, with rising time stamps.
func TestConformanceStreams(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(testenv.Shared(t, "vectors"), "*.ivf"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no .ivf among the vectors: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		frames, err := readAll(r)
		if err != io.EOF || len(frames) != int(r.Header().Frames) {
			t.Errorf("%s: %d frames and %v, the header says %d", path, len(frames), err, r.Header().Frames)
		}
		again := file(t, r.Header(), frames...)
		copy(again[countOffset:], data[countOffset:fileHeaderBytes]) // frame count and the unused field
		if !bytes.Equal(again, data) {
			t.Errorf("%s: written again, it differs", path)
		}
	}
}

// TestFFprobe lets ffprobe count the frames of a file of ours.
func TestFFprobe(t *testing.T) {
	ffprobe := testenv.Tool(t, "ffprobe")
	path := filepath.Join(t.TempDir(), "x.ivf")
	if err := os.WriteFile(path, file(t, sample, timed{"a", 0}, timed{"b", 5}, timed{"c", 6}), 0o600); err != nil {
		t.Fatal(err)
	}
	// Copied packets are not decoded, so their data may be anything.
	out, err := exec.Command(ffprobe, "-v", "quiet", "-show_entries", "packet=pts,size", "-of", "csv=p=0", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(strings.Fields(string(out)), " "), "0,1 5,1 6,1"; got != want {
		t.Errorf("ffprobe sees the packets %q, want %q", got, want)
	}
}

// FuzzReader reads hostile files. What can be read and written again must be the same.
func FuzzReader(f *testing.F) {
	f.Add(file(f, sample, timed{"abc", 0}, timed{"", 1}, timed{"defg", 9}))
	f.Add(file(f, sample)[:20])
	f.Add(append(file(f, sample), "\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"...))
	f.Add(patched(file(f, sample, timed{"abcdefgh", 3}), 6, "\x24"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := NewReader(bytes.NewReader(data))
		if err != nil {
			return
		}
		frames, err := readAll(r)
		if err != io.EOF && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrTooLong) {
			t.Fatalf("error %v of no known kind", err)
		}
		again := file(t, r.Header(), frames...)[fileHeaderBytes:]
		start := int(binary.LittleEndian.Uint16(data[6:]))
		if !bytes.HasPrefix(data[start:], again) {
			t.Fatal("frames were changed")
		}
		if err == io.EOF && len(again) != len(data)-start {
			t.Fatalf("%d bytes of frames from %d", len(again), len(data)-start)
		}
	})
}
