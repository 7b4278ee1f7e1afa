package terminal

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/scene"
	"salsify/codec/convert"
	"salsify/testbed/testenv"
)

// flat returns a picture of one colour.
func flat(width, height int, colour rgb) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	pixels := bytes.Repeat(colour[:], width*height)
	if err := convert.FromRGB(p, pixels, 3*width, convert.RGB24, convert.BT601); err != nil {
		panic(err)
	}
	return p
}

// drawn returns pictures of the scene.
func drawn(t testing.TB, width, height, count int) (pictures []*image.YCbCr) {
	t.Helper()
	s, err := scene.New(scene.Config{Width: width, Height: height, Rate: 30, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	for n := range count {
		p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
		s.Render(uint64(n), p)
		pictures = append(pictures, p)
	}
	return pictures
}

// scaled returns a picture's pixels, RGBA, in another size.
func scaled(t testing.TB, p *image.YCbCr, width, height int) []byte {
	t.Helper()
	small, pixels := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420), make([]byte, 4*width*height)
	if err := new(convert.Scaler).Scale(small, p); err != nil {
		t.Fatal(err)
	}
	if err := convert.ToRGB(pixels, 4*width, convert.RGBA, small, convert.BT601); err != nil {
		t.Fatal(err)
	}
	return pixels
}

// halvesOff returns by how much what the emulator shows in half blocks at a place differs from a picture, at most.
func halvesOff(t testing.TB, e *emulator, p *image.YCbCr, place image.Rectangle) (off int) {
	t.Helper()
	width := 2 * place.Dx()
	want := scaled(t, p, width, 4*place.Dy())
	for y := place.Min.Y; y < place.Max.Y; y++ {
		for x := place.Min.X; x < place.Max.X; x++ {
			for half, got := range e.halves(x, y) {
				if got < 0 {
					return math.MaxInt // nothing is there
				}
				at := want[4*(2*(2*(y-place.Min.Y)+half)*width+2*(x-place.Min.X)):]
				c := parts(got)
				for i, v := range []byte{c.R, c.G, c.B} {
					mean := (int(at[i]) + int(at[4+i]) + int(at[4*width+i]) + int(at[4*width+4+i]) + 2) / 4
					off = max(off, int(v)-mean, mean-int(v))
				}
			}
		}
	}
	return off
}

func wantHalves(t testing.TB, e *emulator, p *image.YCbCr, place image.Rectangle, off int) {
	t.Helper()
	if got := halvesOff(t, e, p, place); got > off {
		t.Fatalf("what is shown is %d off, want %d", got, off)
	}
}

// columns returns a picture of grey columns of luma, for so many characters in a row.
func columns(values ...byte) *image.YCbCr {
	p := flat(2*len(values), 4, rgb{})
	for i := range p.Y {
		p.Y[i] = values[i%p.YStride/2]
	}
	return p
}

// What is written for a small picture, letter by letter: for the same again, and after something else was on the screen.
func TestGoldenCells(t *testing.T) {
	p := flat(4, 8, rgb{255, 0, 0})
	lower := flat(4, 8, rgb{0, 0, 255})
	for _, part := range []struct{ at, to image.Point }{{image.Pt(0, 2), image.Pt(4, 4)}, {image.Pt(0, 4), image.Pt(4, 8)}} {
		for y := part.at.Y; y < part.to.Y; y++ {
			copy(p.Y[y*p.YStride:][:4], lower.Y)
			copy(p.Cb[y/2*p.CStride:][:2], lower.Cb)
			copy(p.Cr[y/2*p.CStride:][:2], lower.Cr)
		}
	}
	for _, c := range []struct {
		deep  bool
		place image.Rectangle
		want  string
	}{
		{true, image.Rect(0, 0, 2, 2), "\x1b[1;1H\x1b[38;2;254;0;0;48;2;0;0;255m▀▀\x1b[2;1H  "},
		{false, image.Rect(3, 5, 5, 7), "\x1b[6;4H\x1b[38;5;196;48;5;21m▀▀\x1b[7;4H  "},
	} {
		painter := cells{deep: c.deep}
		for n, want := range []string{c.want, "", c.want} {
			if n == 2 {
				painter.forget()
			}
			got, err := painter.draw(nil, p, c.place)
			if err != nil || string(got) != want {
				t.Errorf("%+v, %d: %q, %v", c, n, got, err)
			}
		}
	}
	// One character changes, and then two that are apart.
	painter := cells{deep: true}
	for n, c := range []struct {
		values []byte
		want   string
	}{
		{[]byte{16, 16, 16, 16}, "\x1b[1;1H\x1b[48;2;0;0;0m    "},
		{[]byte{16, 21, 235, 16}, "\x1b[1;3H\x1b[48;2;255;255;255m "}, // 5 steps of luma are 6 of 255
		{[]byte{235, 16, 235, 235}, "\x1b[1;1H\x1b[48;2;255;255;255m \x1b[2C "},
		{[]byte{235, 22, 229, 235}, "\x1b[1;2H\x1b[48;2;7;7;7m \x1b[48;2;248;248;248m "},
	} {
		if got, err := painter.draw(nil, columns(c.values...), image.Rect(0, 0, 4, 1)); err != nil || string(got) != c.want {
			t.Errorf("%d: %q, %v, want %q", n, got, err, c.want)
		}
	}
}

// Whatever moves, the terminal shows the newest picture.
func TestCellsFollowThePicture(t *testing.T) {
	for _, deep := range []bool{true, false} {
		e := newEmulator(t, 80, 24)
		painter := cells{deep: deep}
		place := window{80, 24, usualCell}.place(image.Pt(320, 180), 0, 0)
		first := 0
		for n, p := range drawn(t, 320, 180, 20) {
			out, err := painter.draw(nil, p, place)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.Write(out); err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				first = len(out)
			} else if len(out) > first {
				t.Errorf("picture %d takes %d bytes, the first %d", n, len(out), first)
			}
			off := tolerance
			if !deep {
				off = (135-95)/2 + 27 + tolerance // half of the steps of the cube: the darkest is from 0 to 95
			}
			wantHalves(t, e, p, place, off)
		}
	}
}

// The 256 colours: the nearest there is, by looking at all.
func TestNearest256(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := rgb{rapid.Byte().Draw(t, "red"), rapid.Byte().Draw(t, "green"), rapid.Byte().Draw(t, "blue")}
		distance := func(n int) (sum int) {
			p := parts(colour256(n))
			for i, v := range []byte{p.R, p.G, p.B} {
				d := int(v) - int(c[i])
				sum += d * d
			}
			return sum
		}
		got, best := nearest256(c), math.MaxInt
		for n := 16; n < 256; n++ {
			best = min(best, distance(n))
		}
		if distance(got) != best {
			t.Errorf("%v: %d is %d away, there is one that is %d away", c, got, distance(got), best)
		}
	})
}

// The picture is as large as the window lets it, and in its proportions.
func TestPlace(t *testing.T) {
	usual := func(columns, rows int) window { return window{columns, rows, usualCell} }
	for _, c := range []struct {
		w              window
		picture        image.Point
		lowest, pixels int
		want           image.Rectangle
	}{
		{usual(80, 24), image.Pt(1280, 720), 0, 0, image.Rect(0, 0, 80, 23)},
		{usual(80, 24), image.Pt(1280, 720), 4, 0, image.Rect(4, 0, 75, 20)},
		{usual(200, 60), image.Pt(720, 1280), 0, 0, image.Rect(66, 0, 134, 60)},
		{window{100, 50, image.Pt(8, 16)}, image.Pt(640, 480), 1, 640 * 480 / 4, image.Rect(30, 17, 70, 32)},
		{usual(80, 2), image.Pt(1280, 720), 2, 0, image.Rectangle{}},
		{usual(1, 1), image.Pt(1280, 720), 0, 0, image.Rect(0, 0, 1, 1)},
	} {
		if got := c.w.place(c.picture, c.lowest, c.pixels); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n, cell := rapid.IntRange(1, 2000), rapid.IntRange(2, 50)
		w := window{n.Draw(t, "columns"), n.Draw(t, "rows"), image.Pt(cell.Draw(t, "across"), cell.Draw(t, "down"))}
		picture, pixels := image.Pt(n.Draw(t, "width"), n.Draw(t, "height")), n.Draw(t, "pixels")*1000
		lowest := rapid.IntRange(0, 10).Draw(t, "lowest")
		place := w.place(picture, lowest, pixels)
		if all := image.Rect(0, 0, w.columns, w.rows-lowest); w.rows > lowest && (place.Empty() || !place.In(all)) {
			t.Fatalf("%v is not in %v", place, all)
		}
	})
}

// sixelOf returns the sixels of a picture alone, and the size they have.
func sixelOf(t testing.TB, p *image.YCbCr, place image.Rectangle, cell image.Point) []byte {
	t.Helper()
	s := sixels{cell: cell}
	out, err := s.draw(nil, p, place)
	if err != nil {
		t.Fatal(err)
	}
	return out[bytes.Index(out, []byte("\x1bP")):]
}

// meanError is the mean of what an area of 4x4 pixels, which is what dithering takes together, differs in, of 255.
func meanError(t testing.TB, got image.Image, want []byte, width, height int) float64 {
	t.Helper()
	if size := got.Bounds().Size(); size.X < width || size.Y < height {
		t.Fatalf("%v, want %dx%d", size, width, height)
	}
	pixels := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(pixels, pixels.Rect, got, got.Bounds().Min, draw.Src)
	sum, count := 0.0, 0
	for y := 0; y+ditherSide <= height; y += ditherSide {
		for x := 0; x+ditherSide <= width; x += ditherSide {
			var d [3]int
			for i := range ditherSide * ditherSide {
				px, py := x+i%ditherSide, y+i/ditherSide
				for channel, v := range pixels.Pix[pixels.PixOffset(px, py):][:3] {
					d[channel] += int(v) - int(want[4*(py*width+px)+channel])
				}
			}
			for _, v := range d {
				sum += math.Abs(float64(v)) / (ditherSide * ditherSide)
				count++
			}
		}
	}
	return sum / float64(count)
}

// What comes out of the dithering is near to the picture. Levels that are a step of 255/6 apart would be some 10 off without it.
const wantMeanError = 3.0

// libsixel reads our sixels as we mean them.
func TestSixelsByLibsixel(t *testing.T) {
	tool := testenv.Tool(t, "sixel2png")
	p := drawn(t, 640, 360, 1)[0]
	place, cell := image.Rect(0, 0, 40, 11), image.Pt(8, 16)
	width, height := place.Dx()*cell.X, place.Dy()*cell.Y
	folder := t.TempDir()
	in, out := filepath.Join(folder, "in.six"), filepath.Join(folder, "out.png")
	if err := os.WriteFile(in, sixelOf(t, p, place, cell), 0o600); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.Command(tool, "-i", in, "-o", out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	if e := meanError(t, got, scaled(t, p, width, height), width, height); e > wantMeanError {
		t.Errorf("a mean error of %.2f", e)
	}
}

// Whatever moves, the terminal shows the newest picture; what stands still is not sent.
func TestSixelsFollowThePicture(t *testing.T) {
	e := newEmulator(t, 40, 12)
	s := sixels{cell: e.cell}
	place := image.Rect(1, 0, 39, 11)
	width, height := place.Dx()*e.cell.X, place.Dy()*e.cell.Y
	p := flat(width, height, rgb{200, 100, 50})
	rng := rand.New(rand.NewPCG(1, 1))
	var whole int
	for n := range 12 {
		if n > 0 { // a square somewhere
			x, y := rng.IntN(width-20), rng.IntN(height-20)
			for i := range 400 {
				p.Y[(y+i/20)*p.YStride+x+i%20] = byte(30 + 15*n)
			}
		}
		out, err := s.draw(nil, p, place)
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			whole = strings.Count(string(out), "-")
		} else if rows := strings.Count(string(out), "-"); rows >= whole/2 {
			t.Errorf("picture %d: %d rows of sixels for a square of 20, all are %d", n, rows, whole)
		}
		if _, err := e.Write(out); err != nil {
			t.Fatal(err)
		}
		got := e.canvas.SubImage(image.Rectangle{place.Min, image.Pt(1<<20, 1<<20)}.Add(image.Pt(place.Min.X*(e.cell.X-1), 0)))
		if off := meanError(t, got, scaled(t, p, width, height), width, height); off > wantMeanError {
			t.Errorf("picture %d: a mean error of %.2f", n, off)
		}
	}
	if out, err := s.draw(nil, p, place); err != nil || len(out) != 0 {
		t.Errorf("the same again: %d bytes, %v", len(out), err)
	}
}

// The dithering is exact in the mean: sixteen pixels of any grey make that grey.
func TestDither(t *testing.T) {
	for v := range 256 {
		pixels := bytes.Repeat([]byte{byte(v), byte(v), byte(v), 255}, ditherSide*ditherSide)
		var numbers [ditherSide * ditherSide]byte
		dither(numbers[:], pixels, ditherSide)
		var sum [3]int
		for _, n := range numbers {
			c := sixelPalette[n].(color.RGBA)
			sum[0], sum[1], sum[2] = sum[0]+int(c.R), sum[1]+int(c.G), sum[2]+int(c.B)
		}
		for i, s := range sum {
			if off := float64(s)/float64(len(numbers)) - float64(v); math.Abs(off) > 2 { // half of a 16th of a step, rounded levels
				t.Errorf("%d comes out %.1f off in colour %d", v, off, i)
			}
		}
	}
}

// Lines of statistics stay below the picture, cannot command the terminal, and go away.
func TestOverlay(t *testing.T) {
	e := newEmulator(t, 30, 10)
	lines := []string{"rate 1.5 Mbit/s", "from \x1b[2Jevil\u202e" + strings.Repeat("x", 30)}
	p := painter{overlay: func() []string { return lines }}
	p.cells.deep = true
	picture := flat(160, 90, rgb{10, 200, 30})
	w, now := window{30, 10, usualCell}, time.Unix(0, 0)
	paint := func(j job) {
		t.Helper()
		j.window = w
		out, err := p.paint(j, now, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Write(out); err != nil {
			t.Fatal(err)
		}
		if e.together {
			t.Error("the picture has no end")
		}
	}
	paint(job{picture: picture, repaint: true, overlay: true})
	for i, want := range []string{lines[0], "from \ufffd[2Jevil\ufffd" + strings.Repeat("x", 16), strings.Repeat("x", 14)} {
		if got := e.line(7 + i); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	wantHalves(t, e, picture, w.place(image.Pt(160, 90), 3, 0), tolerance)

	lines = []string{"another", "line"}
	paint(job{overlay: true}) // too early to be read
	if got := e.line(7); got != "rate 1.5 Mbit/s" {
		t.Errorf("%q", got)
	}
	now = now.Add(overlaying)
	paint(job{overlay: true})
	if e.line(8) != "another" || e.line(9) != "line" {
		t.Errorf("%q, %q", e.line(8), e.line(9))
	}
	lines = nil
	now = now.Add(overlaying)
	paint(job{overlay: true})
	wantHalves(t, e, picture, w.place(image.Pt(160, 90), 0, 0), tolerance)
	lines = []string{"back"}
	paint(job{repaint: true})
	wantHalves(t, e, picture, w.place(image.Pt(160, 90), 0, 0), tolerance)
	if out, err := p.paint(job{picture: picture, window: w}, now, true); err != nil || len(out) != 0 {
		t.Errorf("nothing has changed: %q, %v", out, err)
	}
}

func TestPaintingLeavesNoGarbage(t *testing.T) {
	pictures := drawn(t, 640, 360, 2)
	for _, sixel := range []bool{false, true} {
		p, n := painter{sixelPixels: 1 << 30}, 0
		p.cells.deep = true
		paint := func() {
			if _, err := p.paint(job{picture: pictures[n%2], window: window{80, 24, usualCell}, sixel: sixel}, time.Time{}, true); err != nil {
				t.Fatal(err)
			}
			n++
		}
		for range 4 {
			paint()
		}
		if allocations := testing.AllocsPerRun(10, paint); allocations > 0 {
			t.Errorf("sixels: %v: %v allocations for each picture", sixel, allocations)
		}
	}
}

// BenchmarkPaint reports the time and the bytes of a picture, of the scene in 720p, in motion.
func BenchmarkPaint(b *testing.B) {
	pictures := drawn(b, 1280, 720, 30)
	for _, w := range []window{{80, 24, usualCell}, {200, 60, usualCell}} {
		for _, mode := range []string{"half blocks, 24 bits", "half blocks, 256", "sixels", "sixels at 8 Mbit/s"} {
			b.Run(fmt.Sprintf("%dx%d, %s", w.columns, w.rows, mode), func(b *testing.B) {
				p := painter{sixelPixels: 1 << 30}
				if strings.HasSuffix(mode, "bit/s") {
					p.sixelPixels = int(DefaultMaxBitrate / 8 / sixelRate / sixelBytesPerPixel)
				}
				p.cells.deep = strings.HasSuffix(mode, "bits")
				total, n := 0, 0
				b.ReportAllocs()
				for b.Loop() {
					out, err := p.paint(job{picture: pictures[n%len(pictures)], window: w, sixel: strings.HasPrefix(mode, "sixels")}, time.Time{}, true)
					if err != nil {
						b.Fatal(err)
					}
					total += len(out)
					n++
				}
				b.ReportMetric(float64(total)/float64(n), "bytes/picture")
			})
		}
	}
}
