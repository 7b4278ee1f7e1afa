package y4m

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"salsify/testbed/testenv"
)

func TestReadHeader(t *testing.T) {
	tests := []struct {
		line string
		want Header
	}{
		{"YUV4MPEG2 W176 H144 F30000:1001 Ip A128:117 C420jpeg", Header{176, 144, Rate{30000, 1001}}},
		{"YUV4MPEG2 W176 H144 F25:1", Header{176, 144, Rate{25, 1}}},
		{"YUV4MPEG2 C420 H1 W1", Header{1, 1, Rate{}}},
		{"YUV4MPEG2 W16383 H16383 F0:0 C420paldv", Header{16383, 16383, Rate{}}},
		{"YUV4MPEG2  W2 H2 F60:1 C420mpeg2 XYSCSS=420MPEG2 XCOLORRANGE=LIMITED Zunknown Q", Header{2, 2, Rate{60, 1}}},
	}
	for _, test := range tests {
		r, err := NewReader(strings.NewReader(test.line + "\n"))
		if err != nil {
			t.Errorf("%s: %v", test.line, err)
			continue
		}
		if r.Header() != test.want {
			t.Errorf("%s: header %+v, want %+v", test.line, r.Header(), test.want)
		}
		if err := r.Read(Header{Width: 3, Height: 3}.NewPicture()); !errors.Is(err, ErrSize) {
			t.Errorf("%s: reading into a picture of another size: %v, want ErrSize", test.line, err)
		}
	}
}

func TestRefusedHeaders(t *testing.T) {
	tests := []struct {
		name, in string
		want     error
		says     string
	}{
		{"empty", "", ErrFormat, "ends within the header"},
		{"no line end", "YUV4MPEG2 W2 H2", ErrFormat, "ends within the header"},
		{"blank", "\n", ErrFormat, "begins with"},
		{"IVF", "DKIF\x00\x00 \x00VP80\n", ErrFormat, "instead of YUV4MPEG2"},
		{"no size", "YUV4MPEG2 F25:1\n", ErrFormat, "size 0x0"},
		{"no height", "YUV4MPEG2 W2\n", ErrFormat, "size 2x0"},
		{"too wide", "YUV4MPEG2 W16384 H2\n", ErrFormat, "size 16384x2"},
		{"negative", "YUV4MPEG2 W-2 H2\n", ErrFormat, `"W-2" needs a number`},
		{"beyond 32 bits", "YUV4MPEG2 W99999999999 H2\n", ErrFormat, "needs a number"},
		{"no number", "YUV4MPEG2 W H2\n", ErrFormat, `"W" needs a number`},
		{"rate without colon", "YUV4MPEG2 W2 H2 F25\n", ErrFormat, "needs two numbers"},
		{"rate of words", "YUV4MPEG2 W2 H2 Fa:b\n", ErrFormat, "needs a number"},
		{"4:2:2", "YUV4MPEG2 W2 H2 C422\n", ErrChroma, "C422; convert it first"},
		{"10 bits", "YUV4MPEG2 W2 H2 C420p10\n", ErrChroma, "yuv420p"},
		{"gray", "YUV4MPEG2 W2 H2 Cmono\n", ErrChroma, "Cmono"},
		{"endless line", "YUV4MPEG2 " + strings.Repeat("x", maxLine), ErrFormat, "no line end"},
	}
	for _, test := range tests {
		_, err := NewReader(strings.NewReader(test.in))
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: error %v, want %v saying %q", test.name, err, test.want, test.says)
		}
	}
}

// small is a file of two frames of 3x1, whose samples are letters.
const small = "YUV4MPEG2 W3 H1 F25:1\nFRAME\nabcuUvVFRAME Ixyz\ndefwWxX"

func TestRead(t *testing.T) {
	r, err := NewReader(iotest.OneByteReader(strings.NewReader(small)))
	if err != nil {
		t.Fatal(err)
	}
	picture := r.Header().NewPicture()
	for _, want := range []string{"abc uU vV", "def wW xX"} {
		if err := r.Read(picture); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%s %s %s", picture.Y, picture.Cb, picture.Cr); got != want {
			t.Errorf("frame %q, want %q", got, want)
		}
	}
	for range 2 {
		if err := r.Read(picture); err != io.EOF {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	}
}

// TestTruncated cuts a file at every place: only at the ends of frames may it read as complete.
func TestTruncated(t *testing.T) {
	header := strings.Index(small, "FRAME")
	first := strings.LastIndex(small, "FRAME")
	for n := header; n < len(small); n++ {
		r, err := NewReader(strings.NewReader(small[:n]))
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		picture := r.Header().NewPicture()
		frames := 0
		for err = r.Read(picture); err == nil; err = r.Read(picture) {
			frames++
		}
		wantFrames := 0
		if n >= first {
			wantFrames = 1
		}
		if frames != wantFrames {
			t.Errorf("%d bytes: %d frames, want %d", n, frames, wantFrames)
		}
		if complete := n == header || n == first; complete != (err == io.EOF) || !complete && !errors.Is(err, ErrTruncated) {
			t.Errorf("%d bytes: error %v", n, err)
		}
		if again := r.Read(picture); again != err {
			t.Errorf("%d bytes: then error %v, want the same again", n, again)
		}
	}
}

func TestBadFrameMarker(t *testing.T) {
	for _, marker := range []string{"FRAMES\n", "frame\n", "\n", strings.Repeat("F", maxLine+1)} {
		r, err := NewReader(strings.NewReader("YUV4MPEG2 W1 H1\n" + marker + "abc"))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Read(r.Header().NewPicture()); !errors.Is(err, ErrFormat) {
			t.Errorf("marker %.10q: %v, want ErrFormat", marker, err)
		}
	}
}

func TestErrorsOfTheInputPassThrough(t *testing.T) {
	broken := errors.New("disk on fire")
	for _, n := range []int{5, len("YUV4MPEG2 W3 H1 F25:1\n"), 27, 30} {
		in := io.MultiReader(strings.NewReader(small[:n]), iotest.ErrReader(broken))
		r, err := NewReader(in)
		if err == nil {
			err = r.Read(r.Header().NewPicture())
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: %v, want the input's error", n, err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	for _, h := range []Header{{0, 1, Rate{25, 1}}, {1, 16384, Rate{25, 1}}, {2, 2, Rate{-1, 1}}} {
		var out bytes.Buffer
		if _, err := NewWriter(&out, h); !errors.Is(err, ErrFormat) || out.Len() != 0 {
			t.Errorf("%+v: error %v after %d bytes, want ErrFormat after none", h, err, out.Len())
		}
	}
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{4, 4, Rate{25, 1}})
	if err != nil {
		t.Fatal(err)
	}
	before := out.Len()
	for _, p := range []*image.YCbCr{
		image.NewYCbCr(image.Rect(0, 0, 4, 4), image.YCbCrSubsampleRatio422),
		image.NewYCbCr(image.Rect(0, 0, 4, 5), image.YCbCrSubsampleRatio420),
	} {
		if err := w.Write(p); !errors.Is(err, ErrSize) || out.Len() != before {
			t.Errorf("%v %v: error %v, want ErrSize and nothing written", p.Rect, p.SubsampleRatio, err)
		}
	}
}

func fill(p *image.YCbCr, random *rand.Rand) {
	for _, plane := range [][]byte{p.Y, p.Cb, p.Cr} {
		for i := range plane {
			plane[i] = byte(random.UintN(256))
		}
	}
}

// visible returns the picture's samples by its own accessors, in the order of the format.
func visible(p *image.YCbCr) []byte {
	var out []byte
	w, h := p.Rect.Dx(), p.Rect.Dy()
	for y := range h {
		for x := range w {
			out = append(out, p.Y[p.YOffset(p.Rect.Min.X+x, p.Rect.Min.Y+y)])
		}
	}
	for _, plane := range [][]byte{p.Cb, p.Cr} {
		for y := range (h + 1) / 2 {
			for x := range (w + 1) / 2 {
				out = append(out, plane[p.COffset(p.Rect.Min.X, p.Rect.Min.Y)+y*p.CStride+x])
			}
		}
	}
	return out
}

// TestRoundTrip writes parts of bigger pictures and reads them back into parts of others.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := Header{
			Width:  rapid.IntRange(1, 40).Draw(t, "width"),
			Height: rapid.IntRange(1, 40).Draw(t, "height"),
			Rate:   Rate{rapid.IntRange(0, 1<<31-1).Draw(t, "num"), rapid.IntRange(0, 1<<31-1).Draw(t, "den")},
		}
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		part := func(label string) *image.YCbCr {
			x, y := rapid.IntRange(-7, 7).Draw(t, label+" x"), rapid.IntRange(-7, 7).Draw(t, label+" y")
			big := image.NewYCbCr(image.Rect(-8, -8, 50, 50), image.YCbCrSubsampleRatio420)
			fill(big, random)
			return big.SubImage(image.Rect(x, y, x+h.Width, y+h.Height)).(*image.YCbCr)
		}
		var out bytes.Buffer
		w, err := NewWriter(&out, h)
		if err != nil {
			t.Fatal(err)
		}
		var want [][]byte
		for range rapid.IntRange(0, 3).Draw(t, "frames") {
			p := part("in")
			want = append(want, visible(p))
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		r, err := NewReader(&out)
		if err != nil || r.Header() != h {
			t.Fatalf("header %+v, %v; want %+v", r.Header(), err, h)
		}
		for i, samples := range want {
			p := part("out")
			if err := r.Read(p); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(visible(p), samples) {
				t.Errorf("frame %d differs", i)
			}
		}
		if err := r.Read(h.NewPicture()); err != io.EOF {
			t.Errorf("after the last frame: %v, want io.EOF", err)
		}
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	h := Header{64, 48, Rate{25, 1}}
	var file bytes.Buffer
	w, err := NewWriter(&file, h)
	if err != nil {
		t.Fatal(err)
	}
	picture := h.NewPicture()
	const frames = 50
	for range frames {
		if err := w.Write(picture); err != nil {
			t.Fatal(err)
		}
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(frames-2, func() {
		if err := r.Read(picture); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("reading: %v allocations a frame", n)
	}
	w, err = NewWriter(io.Discard, h)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(frames, func() { _ = w.Write(picture) }); n != 0 {
		t.Errorf("writing: %v allocations a frame", n)
	}
}

// TestFFmpeg reads what ffmpeg writes, and lets ffmpeg read what we write, at an odd size.
func TestFFmpeg(t *testing.T) {
	ffmpeg := testenv.Tool(t, "ffmpeg")
	dir := t.TempDir()
	theirs, ours := filepath.Join(dir, "theirs.y4m"), filepath.Join(dir, "ours.y4m")
	run := func(args ...string) []byte {
		out, err := exec.Command(ffmpeg, append([]string{"-nostdin", "-v", "error"}, args...)...).Output()
		if err != nil {
			t.Fatalf("ffmpeg %v: %v", args, err)
		}
		return out
	}
	raw := func(path string) []byte { return run("-i", path, "-f", "rawvideo", "-") }
	run("-f", "lavfi", "-i", "testsrc=size=101x67:rate=30000/1001", "-frames:v", "5", "-pix_fmt", "yuv420p", theirs)

	in, err := os.Open(theirs)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	r, err := NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if want := (Header{101, 67, Rate{30000, 1001}}); r.Header() != want {
		t.Fatalf("header %+v, want %+v", r.Header(), want)
	}
	var file, samples bytes.Buffer
	w, err := NewWriter(&file, r.Header())
	if err != nil {
		t.Fatal(err)
	}
	picture := r.Header().NewPicture()
	for err = r.Read(picture); err == nil; err = r.Read(picture) {
		samples.Write(visible(picture))
		if err := w.Write(picture); err != nil {
			t.Fatal(err)
		}
	}
	if err != io.EOF {
		t.Fatal(err)
	}
	if want := raw(theirs); !bytes.Equal(samples.Bytes(), want) || len(want) != 5*r.Header().FrameBytes() {
		t.Errorf("read %d bytes of samples, ffmpeg says %d, and they must be the same", samples.Len(), len(want))
	}
	if err := os.WriteFile(ours, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(raw(ours), samples.Bytes()) {
		t.Error("ffmpeg reads other samples than we wrote")
	}
}

// FuzzReader reads hostile files. What can be read and written again must be the same.
func FuzzReader(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("YUV4MPEG2 W16383 H16383\nFRAME\n"))
	f.Add([]byte("YUV4MPEG2 W1 H1 F30000:1001 Ip A1:1 C420mpeg2 XYSCSS=420MPEG2\nFRAME Ip\nyuv"))
	f.Add([]byte("YUV4MPEG2 W2 H2 C444\nFRAME\n"))
	f.Add([]byte("YUV4MPEG2\nFRAME\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		h := r.Header()
		if h.check() != nil {
			t.Fatalf("accepted header %+v", h)
		}
		if h.FrameBytes() > 1<<20 {
			return // the caller makes the picture, not the Reader: no need to slow the fuzzer down
		}
		picture := h.NewPicture()
		frames := 0
		for err = r.Read(picture); err == nil; err = r.Read(picture) {
			frames++
			var again bytes.Buffer
			w, err := NewWriter(&again, h)
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Write(picture); err != nil {
				t.Fatal(err)
			}
			if !bytes.HasSuffix(again.Bytes(), visible(picture)) || !bytes.Contains(file, visible(picture)) {
				t.Fatal("samples were changed")
			}
		}
		if frames*h.FrameBytes() > len(file) {
			t.Fatalf("%d frames of %d bytes from %d bytes", frames, h.FrameBytes(), len(file))
		}
		if err != io.EOF && !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrFormat) {
			t.Fatalf("error %v of no known kind", err)
		}
	})
}
