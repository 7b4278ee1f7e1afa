package v4l2

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"os/exec"
	"slices"
	"testing"

	"salsify/codec/convert"
	"salsify/testbed/testenv"
)

// drawing is a picture that JPEG codes well, in colour, whose chroma differs from row to row.
func drawing(width, height int) *image.RGBA {
	p := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			at := func(fx, fy, phase float64) uint8 { return uint8(128 + 100*math.Sin(float64(x)*fx+float64(y)*fy+phase)) }
			p.SetRGBA(x, y, color.RGBA{at(0.05, 0.03, 0), at(0.02, 0.06, 1), at(0.03, 0.01, 2), 255})
		}
	}
	return p
}

// encoded is a drawing as image/jpeg writes it: 4:2:0, with the usual tables.
func encoded(t testing.TB, width, height int) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := jpeg.Encode(&out, drawing(width, height), &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// run gives a program a drawing as a PPM, and returns what it writes.
func run(t *testing.T, p *image.RGBA, program string, arguments ...string) []byte {
	t.Helper()
	in := fmt.Appendf(nil, "P6\n%d %d\n255\n", p.Rect.Dx(), p.Rect.Dy())
	for i := 0; i < len(p.Pix); i += 4 {
		in = append(in, p.Pix[i:i+3]...)
	}
	command := exec.Command(testenv.Tool(t, program), arguments...)
	command.Stdin = bytes.NewReader(in)
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%s: %v", program, err)
	}
	return out
}

// furthest returns how far two pictures are from each other at most, and in the mean.
func furthest(t *testing.T, a, b *image.YCbCr) (most int, mean float64) {
	t.Helper()
	count := 0
	for i, plane := range [][]byte{a.Y, a.Cb, a.Cr} {
		other := [][]byte{b.Y, b.Cb, b.Cr}[i]
		for j := range plane {
			off := int(math.Abs(float64(plane[j]) - float64(other[j])))
			most = max(most, off)
			mean += float64(off)
			count++
		}
	}
	return most, mean / float64(count)
}

func blank(width, height int) *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
}

// original is a drawing as it should arrive: of limited range, by way of red, green and blue.
func original(t *testing.T, p *image.RGBA) *image.YCbCr {
	t.Helper()
	out := blank(p.Rect.Dx(), p.Rect.Dy())
	if err := convert.FromRGB(out, p.Pix, p.Stride, convert.RGBA, convert.BT601); err != nil {
		t.Fatal(err)
	}
	return out
}

// All that cameras may send, of even and odd sizes, is near to what was drawn.
func TestJPEGOfAllKinds(t *testing.T) {
	cjpeg := func(arguments ...string) func(t *testing.T, p *image.RGBA) []byte {
		return func(t *testing.T, p *image.RGBA) []byte {
			return run(t, p, "cjpeg", append(arguments, "-quality", "95")...)
		}
	}
	for name, encode := range map[string]func(t *testing.T, p *image.RGBA) []byte{
		"image/jpeg": func(t *testing.T, p *image.RGBA) []byte { return encoded(t, p.Rect.Dx(), p.Rect.Dy()) },
		"4:2:0":      cjpeg("-sample", "2x2"), "4:2:2": cjpeg("-sample", "2x1"), "4:4:4": cjpeg("-sample", "1x1"),
		"4:4:0": cjpeg("-sample", "1x2"), "4:1:1": cjpeg("-sample", "4x1"),
		"restarts": cjpeg("-sample", "2x1", "-restart", "1B"), "optimized": cjpeg("-optimize"), "RGB": cjpeg("-rgb"),
		"4:2:2 of odd factors": func(t *testing.T, p *image.RGBA) []byte {
			return run(t, p, "ffmpeg", "-v", "error", "-f", "ppm_pipe", "-i", "-", "-pix_fmt", "yuvj422p", "-q:v", "1", "-f", "mjpeg", "-")
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, size := range [][2]int{{320, 176}, {334, 182}, {333, 181}} {
				p := drawing(size[0], size[1])
				got := blank(size[0], size[1])
				if err := decodeJPEG(got, encode(t, p)); err != nil {
					t.Fatal(err)
				}
				// The last column of an odd width is a guess: chroma beyond it is the encoder's invention.
				most, mean := furthest(t, got, original(t, p))
				if most > 12 && size[0]%2 == 0 || most > 40 || mean > 1.1 {
					t.Errorf("%v: it is off by %d at most, %.2f in the mean", size, most, mean)
				}
			}
		})
	}
}

func TestJPEGOfGrey(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 64, 48))
	for i := range grey.Pix {
		grey.Pix[i] = byte(i % 64 * 4)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, grey, &jpeg.Options{Quality: 100}); err != nil {
		t.Fatal(err)
	}
	p := blank(64, 48)
	if err := decodeJPEG(p, out.Bytes()); err != nil {
		t.Fatal(err)
	}
	for i, v := range p.Y {
		if want := int(limitLuma[grey.Pix[i]]); int(v) < want-2 || int(v) > want+2 {
			t.Fatalf("luma %d is %d, want %d", i, v, want)
		}
	}
	for i := range p.Cb {
		if p.Cb[i] != 128 || p.Cr[i] != 128 {
			t.Fatal("grey has a colour")
		}
	}
}

// Chroma of 4:2:2 is the mean of two rows, as that of raw formats.
func TestJPEGMeansOfChroma(t *testing.T) {
	for _, ratio := range []image.YCbCrSubsampleRatio{image.YCbCrSubsampleRatio422, image.YCbCrSubsampleRatio444} {
		src := image.NewYCbCr(image.Rect(0, 0, 4, 3), ratio)
		for i := range src.Cb {
			src.Cb[i], src.Cr[i] = byte(100+10*(i/src.CStride)), 128
		}
		dst := blank(4, 3)
		fromYCbCr(dst, src)
		want := []byte{limitChroma[105], limitChroma[105], limitChroma[120], limitChroma[120]} // the last row has no other
		if !bytes.Equal(dst.Cb, want) {
			t.Errorf("%v: Cb is %v, want %v", ratio, dst.Cb, want)
		}
	}
}

// Many cameras leave the usual Huffman tables out, to save 400 bytes.
func TestJPEGWithoutTables(t *testing.T) {
	whole := encoded(t, 64, 48)
	var without []byte
	for at := 2; ; {
		length := int(whole[at+2])<<8 | int(whole[at+3])
		if whole[at+1] == markerScan {
			without = append(without, whole[at:]...)
			break
		}
		if whole[at+1] != markerTables {
			without = append(without, whole[at:at+2+length]...)
		}
		at += 2 + length
	}
	without = append([]byte{fill, markerStart}, without...)
	a, b := blank(64, 48), blank(64, 48)
	if err := errors.Join(decodeJPEG(a, whole), decodeJPEG(b, without)); err != nil {
		t.Fatal(err)
	}
	if most, _ := furthest(t, a, b); most != 0 || len(without) >= len(whole) {
		t.Errorf("without tables it is off by %d", most)
	}
}

func TestJPEGThatIsBroken(t *testing.T) {
	whole := encoded(t, 64, 48)
	header := bytes.Index(whole, []byte{fill, markerBaseline})
	changed := func(at int, value byte) []byte {
		out := bytes.Clone(whole)
		out[header+at] = value
		return out
	}
	frame := whole[header : header+2+17]
	for name, data := range map[string][]byte{
		"nothing":           nil,
		"no JPEG":           []byte("\x89PNG, and some more"),
		"another size":      encoded(t, 48, 64),
		"a huge size":       changed(5, 0xff),
		"another precision": changed(4, 12),
		"two sizes":         bytes.Replace(whole, frame, append(bytes.Clone(frame), frame...), 1),
		"progressive":       changed(1, markerExtended+1),
		"no components":     changed(9, 0),
		"an endless header": append([]byte{fill, markerStart}, bytes.Repeat([]byte{fill}, 1000)...),
	} {
		if err := decodeJPEG(blank(64, 48), data); !errors.Is(err, ErrPicture) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for n := range len(whole) { // cut short anywhere
		if err := decodeJPEG(blank(64, 48), whole[:n]); !errors.Is(err, ErrPicture) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	if err := decodeJPEG(blank(64, 48), append(bytes.Clone(whole), make([]byte, 500)...)); err != nil { // as buffers are
		t.Errorf("with zeros behind it: %v", err)
	}
}

func FuzzJPEG(f *testing.F) {
	for _, size := range [][2]int{{16, 16}, {33, 17}} {
		f.Add(uint8(size[0]), uint8(size[1]), encoded(f, size[0], size[1]))
	}
	f.Add(uint8(8), uint8(8), []byte{fill, markerStart, fill, markerEnd})
	// Restarts: the marker DRI with an interval of one, before the frame.
	with := encoded(f, 48, 16)
	at := bytes.Index(with, []byte{fill, markerBaseline})
	f.Add(uint8(48), uint8(16), slices.Insert(with, at, fill, 0xdd, 0, 4, 0, 1))
	f.Fuzz(func(t *testing.T, width, height uint8, data []byte) {
		if width == 0 || height == 0 {
			return
		}
		p := blank(int(width), int(height))
		if err := decodeJPEG(p, data); err != nil && !errors.Is(err, ErrPicture) {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}

// BenchmarkJPEG is of 1280x720; image/jpeg decodes the same without taking it to limited range.
func BenchmarkJPEG(b *testing.B) {
	whole := encoded(b, 1280, 720)
	p := blank(1280, 720)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := decodeJPEG(p, whole); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("image-jpeg", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := jpeg.Decode(bytes.NewReader(whole)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
