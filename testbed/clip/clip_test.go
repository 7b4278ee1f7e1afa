package clip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/barcode"
	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

// writeClip writes a .y4m file of flat pictures, picture n of luma 40+20n, and returns its path.
func writeClip(t testing.TB, width, height, count int, rate y4m.Rate) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flat_pictures.y4m")
	out, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	header := y4m.Header{Width: width, Height: height, Rate: rate}
	w, err := y4m.NewWriter(out, header)
	if err != nil {
		t.Fatal(err)
	}
	picture := header.NewPicture()
	for n := range count {
		for _, plane := range [][]byte{picture.Y, picture.Cb, picture.Cr} {
			for i := range plane {
				plane[i] = byte(40 + 20*n)
			}
		}
		if err := w.Write(picture); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, c Config) *Video {
	t.Helper()
	if c.Cache == "" {
		c.Cache = t.TempDir()
	}
	v, err := Open(t.Context(), c, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// middle is a sample that no code covers.
func middle(p *image.YCbCr) byte { return p.Y[p.YOffset(p.Rect.Dx()/2, p.Rect.Dy()/2)] }

func TestPingPong(t *testing.T) {
	path := writeClip(t, 160, 120, 3, y4m.Rate{Num: 25, Den: 1})
	v := open(t, Config{Source: path})
	if w, h := v.Size(); w != 160 || h != 120 || v.Rate() != (y4m.Rate{Num: 25, Den: 1}) || v.Period() != 4 || v.Name() != "flat_pictures" {
		t.Errorf("%q of %dx%d, %v, period %d", v.Name(), w, h, v.Rate(), v.Period())
	}
	p := v.NewPicture()
	for n, want := range []byte{40, 60, 80, 60, 40, 60, 80, 60} {
		v.Picture(uint64(n), p)
		if got := middle(p); got != want {
			t.Errorf("picture %d has luma %d, want %d", n, got, want)
		}
		if s := Number(p); s != (Sighting{Number: uint64(n), OK: true}) {
			t.Errorf("picture %d reads %+v", n, s)
		}
	}
	v.Picture(math.MaxUint64, p) // its number is cut, nothing else happens
	if s := Number(p); s.Number != numberMask || !s.OK {
		t.Errorf("the last number reads %+v", s)
	}
}

func TestPingPongIndex(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 50).Draw(t, "count")
		n := rapid.Uint64().Draw(t, "n")
		s := stored{count: count}
		a, b := pingPong(n, count), pingPong(n+1, count)
		if n == math.MaxUint64 {
			b = a
		}
		if a < 0 || a >= count || b-a > 1 || a-b > 1 || count > 1 && n < math.MaxUint64 && a == b {
			t.Fatalf("of %d: %d after %d", count, b, a)
		}
		if period := uint64(s.period()); n < math.MaxUint64-period && pingPong(n+period, count) != a {
			t.Fatalf("of %d: not the same after %d", count, period)
		}
	})
}

func TestOnePicture(t *testing.T) {
	v := open(t, Config{Source: writeClip(t, 161, 123, 1, y4m.Rate{})})
	if v.Period() != 1 || v.Rate() != (y4m.Rate{Num: DefaultRate, Den: 1}) {
		t.Errorf("period %d, rate %v", v.Period(), v.Rate())
	}
	p := v.NewPicture()
	v.Picture(7, p)
	if middle(p) != 40 || Number(p).Number != 7 {
		t.Errorf("luma %d, %+v", middle(p), Number(p))
	}
}

func TestRates(t *testing.T) {
	for _, test := range []struct {
		asked float64
		own   y4m.Rate
		want  y4m.Rate // 0/0: refused
	}{
		{0, y4m.Rate{Num: 60000, Den: 1001}, y4m.Rate{Num: 60000, Den: 1001}},
		{0, y4m.Rate{Num: 19001, Den: 317}, y4m.Rate{Num: 60000, Den: 1001}},
		{0, y4m.Rate{Num: 24999, Den: 1000}, y4m.Rate{Num: 25, Den: 1}},
		{0, y4m.Rate{Num: 27, Den: 2}, y4m.Rate{Num: 27, Den: 2}},
		{0, y4m.Rate{}, y4m.Rate{Num: 30, Den: 1}},
		{0, y4m.Rate{Num: 25}, y4m.Rate{Num: 30, Den: 1}},
		{0, y4m.Rate{Num: 1000, Den: 1}, y4m.Rate{}},
		{0, y4m.Rate{Num: 1, Den: 2}, y4m.Rate{}},
		{30, y4m.Rate{Num: 1000, Den: 1}, y4m.Rate{Num: 30, Den: 1}},
		{59.94, y4m.Rate{}, y4m.Rate{Num: 60000, Den: 1001}},
		{29.97, y4m.Rate{}, y4m.Rate{Num: 30000, Den: 1001}},
		{23.98, y4m.Rate{}, y4m.Rate{Num: 24000, Den: 1001}},
		{12.5, y4m.Rate{}, y4m.Rate{Num: 12500, Den: 1000}},
	} {
		got, err := rateOf(Config{Rate: test.asked}, test.own)
		if want := test.want; (err != nil) != (want == y4m.Rate{}) || err == nil && got != want {
			t.Errorf("%v of a clip of %v: %v, %v; want %v", test.asked, test.own, got, err, want)
		}
	}
}

func TestConfigErrors(t *testing.T) {
	small := writeClip(t, 158, 120, 1, y4m.Rate{})
	broken := filepath.Join(t.TempDir(), "broken.y4m")
	if err := os.WriteFile(broken, []byte("YUV4MPEG2 W160 H120\nFRAME\nshort"), 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(t.TempDir(), "empty.y4m")
	if err := os.WriteFile(empty, []byte("YUV4MPEG2 W160 H120\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		config Config
		says   string
	}{
		{Config{}, "test:"},
		{Config{Source: "nowhere.y4m"}, "check the name"},
		{Config{Source: t.TempDir()}, "not a regular file"},
		{Config{Source: small}, "at least 160x120"},
		{Config{Source: broken}, "cut short"},
		{Config{Source: empty}, "no picture"},
		{Config{Source: "test:", Width: 640}, "640x0"},
		{Config{Source: "test:", Width: 159, Height: 200}, "160x120"},
		{Config{Source: "test:", Width: 1 << 20, Height: 1 << 20}, "leave it out"},
		{Config{Source: "test:", Rate: 1000}, "1 to 240"},
		{Config{Source: "test:", Rate: math.NaN()}, "1 to 240"},
		{Config{Source: "test:", Grain: "heavy"}, "light"},
		{Config{Source: "test:colour=red"}, "seed=7"},
	} {
		test.config.Cache = t.TempDir()
		v, err := Open(t.Context(), test.config, nil)
		if v != nil || !errors.Is(err, ErrClip) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%+v: %v, should say %q", test.config, err, test.says)
		}
		if left, _ := filepath.Glob(filepath.Join(test.config.Cache, "*"+unfinishedEnding)); len(left) > 0 {
			t.Errorf("%+v: %v was left", test.config, left)
		}
	}
}

// A decoded clip is used again, by whoever has it already too, until the clip or the size asked for changes.
func TestCache(t *testing.T) {
	path := writeClip(t, 160, 120, 3, y4m.Rate{Num: 25, Den: 1})
	cache := t.TempDir()
	files := func() []string {
		names, _ := filepath.Glob(filepath.Join(cache, "*"))
		return names
	}
	a := open(t, Config{Source: path, Cache: cache})
	first := files()
	if len(first) != 1 {
		t.Fatalf("there are %v", first)
	}
	info, _ := os.Stat(first[0])
	b := open(t, Config{Source: path, Cache: cache})
	if again, _ := os.Stat(first[0]); !os.SameFile(info, again) || len(files()) != 1 {
		t.Errorf("it was decoded again: %v", files())
	}
	// A broken one is made anew.
	if err := os.Remove(first[0]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first[0], []byte("YUV4MPEG2 W160 H120\nFRAME\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := open(t, Config{Source: path, Cache: cache})
	// Those that are mapped stay.
	if err := os.Remove(first[0]); err != nil {
		t.Fatal(err)
	}
	for _, v := range []*Video{a, b, c} {
		p := v.NewPicture()
		v.Picture(2, p)
		if middle(p) != 80 {
			t.Errorf("luma %d", middle(p))
		}
	}
	// The clip changes.
	later := time.Now().Add(time.Hour)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	open(t, Config{Source: path, Cache: cache})
	if now := files(); len(now) != 1 || now[0] == first[0] {
		t.Errorf("it lies in %v as before it changed", now)
	}
}

func TestCacheMakesRoom(t *testing.T) {
	folder := t.TempDir()
	names := []string{
		"00112233445566aa.y4m", "00112233445566bb.y4m", "00112233445566cc.y4m", "holiday.y4m", "x" + unfinishedEnding,
	}
	for i, name := range names {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-time.Duration(5-i) * 3 * time.Minute)
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	keep := filepath.Join(folder, names[0])
	if !makeRoom(keep) {
		t.Error("there was no room to make")
	}
	left := func() (left []string) {
		entries, _ := os.ReadDir(folder)
		for _, e := range entries {
			left = append(left, e.Name())
		}
		return left
	}
	if got, want := left(), []string{names[0], names[2], names[3], names[4]}; !slices.Equal(got, want) {
		t.Errorf("left are %v, want %v", got, want)
	}
	if !makeRoom(keep) || makeRoom(keep) {
		t.Errorf("left are %v", left())
	}
}

func FuzzParseStored(f *testing.F) {
	f.Add([]byte("YUV4MPEG2 W2 H2\nFRAME\nabcdef"))
	f.Add([]byte("YUV4MPEG2 W2 H2\nFRAME\nabcdefFRAME\nabcdef"))
	f.Add([]byte("YUV4MPEG2 W16383 H16383\nFRAME\n"))
	f.Fuzz(func(t *testing.T, memory []byte) {
		s, err := parseStored(memory)
		if err != nil {
			return
		}
		p := s.header.NewPicture()
		for n := range uint64(2 * s.count) {
			s.draw(n, p)
		}
	})
}

// The same number gives the same bytes, in any order, and on any machine.
func TestDeterministic(t *testing.T) {
	for _, test := range []struct {
		config Config
		want   string // of picture 5
	}{
		{Config{Source: "test:", Width: 320, Height: 180, Seed: 3}, ""},
		{Config{Source: "test:seed=3", Width: 320, Height: 180}, ""},
		{Config{Source: "test:seed=3", Width: 320, Height: 180, Grain: Light, Seed: 3}, ""},
		{Config{Source: writeClip(t, 161, 121, 4, y4m.Rate{}), Grain: LowLight, Seed: 9}, "e"},
	} {
		v := open(t, test.config)
		a, b := v.NewPicture(), v.NewPicture()
		v.Picture(5, a)
		v.Picture(6, b)
		v.Picture(5, b)
		if !bytes.Equal(a.Y, b.Y) || !bytes.Equal(a.Cb, b.Cb) || !bytes.Equal(a.Cr, b.Cr) {
			t.Errorf("%+v: picture 5 changes", test.config)
		}
		if test.want != "" {
			const want = "42485bb31ca95f3a"
			if got := fmt.Sprintf("%x", sha256.Sum256(slices.Concat(a.Y, a.Cb, a.Cr)))[:16]; got != want {
				t.Errorf("picture 5 has hash %s, had %s", got, want)
			}
		}
	}
}

func TestGrain(t *testing.T) {
	path := writeClip(t, 320, 240, 4, y4m.Rate{})
	for _, test := range []struct {
		grain Grain
		sigma float64
	}{{Light, 1.5}, {LowLight, 5}} {
		v := open(t, Config{Source: path, Grain: test.grain, Seed: 7})
		p, q := v.NewPicture(), v.NewPicture()
		v.Picture(1, p)
		v.Picture(1+uint64(v.Period()), q)
		var sum, squares, product, chroma float64
		count := 0.0
		for y := 20; y < 220; y++ {
			for x := range 320 {
				a, b := float64(p.Y[y*320+x])-60, float64(q.Y[y*320+x])-60
				sum, squares, product = sum+a, squares+a*a, product+a*b
				count++
			}
		}
		for _, c := range p.Cb[20*160 : 100*160] {
			chroma += (float64(c) - 60) * (float64(c) - 60) / (80 * 160)
		}
		// Rounding to whole steps adds 1/12 to the variance.
		sigma := math.Sqrt(squares/count - 1./12)
		chromaSigma := math.Sqrt(chroma - 1./12)
		t.Logf("%s: mean %.3f, sigma %.3f, of chroma %.3f, correlation %.4f", test.grain, sum/count, sigma, chromaSigma, product/squares)
		if math.Abs(sum/count) > 0.05 || math.Abs(sigma/test.sigma-1) > 0.02 || math.Abs(chromaSigma/test.sigma*1.5-1) > 0.05 ||
			math.Abs(product/squares) > 0.02 {
			t.Errorf("%s: mean %.3f, sigma %.3f, of chroma %.3f, correlation %.4f", test.grain, sum/count, sigma, chromaSigma, product/squares)
		}
	}
}

func TestAddRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "samples")
		row := rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, "row")
		noise := rapid.SliceOfN(rapid.Byte(), n+3, n+3).Draw(t, "noise")
		want := make([]byte, n)
		for i := range want {
			want[i] = byte(min(255, max(0, int(row[i])+int(int8(noise[i])))))
		}
		got := slices.Clone(row)
		addRow(got, noise)
		if !bytes.Equal(got, want) {
			t.Fatalf("%v and %v give %v, want %v", row, noise, got, want)
		}
	})
}

func TestSightings(t *testing.T) {
	one, two := barcode.Result{Value: tag | 1, OK: true}, barcode.Result{Value: tag | 2, OK: true}
	other := barcode.Result{Value: 1, OK: true} // another program's
	for _, test := range []struct {
		upper, lower barcode.Result
		want         Sighting
	}{
		{one, one, Sighting{Number: 1, OK: true}},
		{one, two, Sighting{Torn: true}},
		{one, barcode.Result{}, Sighting{}},
		{barcode.Result{}, two, Sighting{}},
		{other, other, Sighting{}},
		{one, other, Sighting{}},
	} {
		if got := SightingOf(test.upper, test.lower); got != test.want {
			t.Errorf("%+v and %+v: %+v, want %+v", test.upper, test.lower, got, test.want)
		}
	}
}

// The numbers are read from the two areas alone, as they are read from the whole picture.
func TestAreas(t *testing.T) {
	var r AreaReader
	for _, size := range []image.Point{{1280, 720}, {160, 120}, {175, 143}, {720, 1280}, {639, 361}} {
		v := open(t, Config{Source: "test:", Width: size.X, Height: size.Y})
		p := v.NewPicture()
		v.Picture(77, p)
		// As a browser gives it: cut out without gaps. The second with gaps.
		var parts [2]Luma
		for i, area := range Areas(size.X, size.Y) {
			if area.Min.X%2 != 0 || area.Min.Y%2 != 0 || !area.In(p.Rect) || !barcode.Area(size.X, size.Y)[i].In(area) {
				t.Errorf("%v: area %v", size, area)
			}
			parts[i].Stride = area.Dx() + 5*i
			parts[i].Pix = make([]byte, parts[i].Stride*area.Dy())
			for y := range area.Dy() {
				copy(parts[i].Pix[y*parts[i].Stride:][:area.Dx()], p.Y[p.YOffset(area.Min.X, area.Min.Y+y):])
			}
		}
		if got := r.Number(size.X, size.Y, parts[0], parts[1]); got != (Sighting{Number: 77, OK: true}) {
			t.Errorf("%v: %+v", size, got)
		}
		parts[1].Pix = parts[1].Pix[:len(parts[1].Pix)-6]
		if got := r.Number(size.X, size.Y, parts[0], parts[1]); got != (Sighting{}) {
			t.Errorf("%v: %+v of too short a part", size, got)
		}
	}
	for _, size := range []image.Point{{0, 0}, {-5, 100}, {1, 1}, {1 << 30, 1 << 30}} {
		if got := r.Number(size.X, size.Y, Luma{}, Luma{}); got != (Sighting{}) {
			t.Errorf("%v: %+v", size, got)
		}
	}
}

func TestWriteFile(t *testing.T) {
	v := open(t, Config{Source: "test:", Width: 161, Height: 121, Rate: 59.94, Grain: Light})
	path := filepath.Join(t.TempDir(), "out.y4m")
	if err := v.WriteFile(t.Context(), path, 5); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := y4m.NewReader(f)
	if err != nil || r.Header() != (y4m.Header{Width: 161, Height: 121, Rate: y4m.Rate{Num: 60000, Den: 1001}}) {
		t.Fatal(r.Header(), err)
	}
	got, want := v.NewPicture(), v.NewPicture()
	for n := range uint64(5) {
		if err := r.Read(got); err != nil {
			t.Fatal(err)
		}
		v.Picture(n, want)
		if !bytes.Equal(got.Y, want.Y) || !bytes.Equal(got.Cr, want.Cr) {
			t.Errorf("picture %d differs", n)
		}
	}
	if err := r.Read(got); err != io.EOF {
		t.Errorf("after the last: %v", err)
	}
	if err := v.WriteFile(t.Context(), path, math.MaxInt); err == nil || !strings.Contains(err.Error(), "MB") {
		t.Errorf("a file larger than any disk: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := v.WriteFile(stopped, path, 5); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), "*")); len(left) != 1 {
		t.Errorf("left are %v", left)
	}
}

// ffmpeg decodes what is no plain .y4m, and scales.
func TestFFmpeg(t *testing.T) {
	ffmpeg := testenv.Tool(t, "ffmpeg")
	plain := writeClip(t, 162, 124, 5, y4m.Rate{Num: 60000, Den: 1001})
	coded := filepath.Join(t.TempDir(), "coded.clip.mkv")
	if out, err := exec.Command(ffmpeg, "-v", "error", "-i", plain, "-c:v", "ffv1", coded).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	other := filepath.Join(t.TempDir(), "other.y4m")
	if out, err := exec.Command(ffmpeg, "-v", "error", "-i", plain, "-pix_fmt", "yuv444p", other).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, test := range []struct {
		config        Config
		name          string
		width, height int
	}{
		{Config{Source: coded}, "coded.clip", 162, 124},
		{Config{Source: other}, "other", 162, 124},
		{Config{Source: coded, Width: 321, Height: 181}, "coded.clip", 321, 181},
		{Config{Source: plain, Width: 320, Height: 180}, "flat_pictures", 320, 180},
	} {
		v := open(t, test.config)
		width, height := v.Size()
		if width != test.width || height != test.height || v.Rate() != (y4m.Rate{Num: 60000, Den: 1001}) || v.Period() != 8 || v.Name() != test.name {
			t.Errorf("%+v: %q, %dx%d, %v, period %d", test.config, v.Name(), width, height, v.Rate(), v.Period())
		}
		p := v.NewPicture()
		v.Picture(6, p)
		if got := middle(p); got < 79 || got > 81 {
			t.Errorf("%+v: luma %d, want 80", test.config, got)
		}
	}

	noise := filepath.Join(t.TempDir(), "noise.mkv")
	if err := os.WriteFile(noise, []byte("not a video"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Open(t.Context(), Config{Source: noise, Cache: t.TempDir()}, nil)
	if !errors.Is(err, ErrClip) || !strings.Contains(err.Error(), "ffmpeg cannot decode") {
		t.Errorf("noise: %v", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Open(stopped, Config{Source: coded, Cache: t.TempDir()}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	t.Setenv("PATH", "")
	if _, err := Open(t.Context(), Config{Source: coded, Cache: t.TempDir()}, nil); err == nil || !strings.Contains(err.Error(), "install it") {
		t.Errorf("without ffmpeg: %v", err)
	}
}

// The shared clips open as their list says.
func TestSharedClips(t *testing.T) {
	testenv.Tool(t, "ffmpeg")
	path := testenv.Shared(t, "clips", "sif_tennis_352x240p30.mkv")
	v := open(t, Config{Source: path})
	if w, h := v.Size(); w != 352 || h != 240 || v.Rate() != (y4m.Rate{Num: 30000, Den: 1001}) || v.Period() != 2*149 {
		t.Errorf("%dx%d, %v, period %d", w, h, v.Rate(), v.Period())
	}
}

func TestRoom(t *testing.T) {
	c := &copier{clip: "long.mkv", path: filepath.Join(t.TempDir(), "x.y4m"), count: 41}
	err := c.room(math.MaxInt64 / 4)
	if !errors.Is(err, errNoRoom) || !strings.Contains(err.Error(), "first 42 pictures of long.mkv") {
		t.Errorf("%v", err)
	}
	if err := c.room(1000); err != nil || c.checked < 1000 {
		t.Errorf("%v, looked ahead %d bytes", err, c.checked)
	}
}

func TestClosed(t *testing.T) {
	v := open(t, Config{Source: writeClip(t, 160, 120, 3, y4m.Rate{})})
	p := v.NewPicture()
	for range 2 {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("it drew a picture of memory that is gone")
		}
	}()
	v.Picture(0, p)
}

func BenchmarkPicture(b *testing.B) {
	for _, grain := range []Grain{Clean, Light, LowLight} {
		b.Run("grain="+string(grain), func(b *testing.B) {
			v := open(b, Config{Source: writeClip(b, 1280, 720, 8, y4m.Rate{}), Grain: grain})
			p := v.NewPicture()
			n := uint64(0)
			for b.Loop() {
				v.Picture(n, p)
				n++
			}
		})
	}
}
