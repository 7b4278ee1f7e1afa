package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/barcode"
	"salsify/codec/y4m"
)

// pictures returns a stream of 16x16 pictures, whose first sample is the number of the picture.
func pictures(t testing.TB, rate y4m.Rate, count int) []byte {
	t.Helper()
	var out bytes.Buffer
	h := y4m.Header{Width: 16, Height: 16, Rate: rate}
	w, err := y4m.NewWriter(&out, h)
	if err != nil {
		t.Fatal(err)
	}
	p := h.NewPicture()
	for n := range count {
		p.Y[0] = byte(n)
		if err := w.Write(p); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, spec string, o Options) Source {
	t.Helper()
	s, err := Open(spec, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// next takes a picture, and checks which one it is and when it was given.
func next(t testing.TB, s Source, begin time.Time, number uint64, after time.Duration) *Picture {
	t.Helper()
	p, err := s.Next(t.Context())
	if err != nil {
		t.Fatalf("picture %d: %v", number, err)
	}
	if p.Number != number || time.Since(begin) != after {
		t.Errorf("picture %d after %v, want %d after %v", p.Number, time.Since(begin), number, after)
	}
	return p
}

func TestDrawnComesOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "test:seed=7", Options{Width: 160, Height: 120, Rate: 25})
		begin := time.Now()
		const interval = 40 * time.Millisecond
		for n := range uint64(5) {
			p := next(t, s, begin, n, time.Duration(n)*interval)
			upper, lower := barcode.Read(p.Image)
			if !upper.OK || upper != lower {
				t.Fatalf("picture %d: codes %+v and %+v", n, upper, lower)
			}
			if v := barcode.Unpack(upper.Value, begin); v.Frame != uint32(n) || !v.Captured.Equal(p.Captured.Truncate(time.Microsecond)) {
				t.Errorf("picture %d: code %+v, captured %v", n, v, p.Captured)
			}
			if !p.Captured.Equal(time.Now()) {
				t.Errorf("picture %d: captured at %v, handed over at %v", n, p.Captured, time.Now())
			}
			p.Release()
		}
		time.Sleep(200 * time.Millisecond) // until 360 ms: 5 to 8 are missed, 9 is due
		next(t, s, begin, 9, 9*interval)
		time.Sleep(interval + interval/2) // until 420 ms: 10 is due, late by 20 ms
		next(t, s, begin, 10, 10*interval+interval/2)
		next(t, s, begin, 11, 11*interval)
	})
}

func TestDrawnOfAnySize(t *testing.T) {
	s := open(t, "test", Options{Width: 17, Height: 33, Rate: 1000}) // too small for barcodes
	p, err := s.Next(t.Context())
	if err != nil || p.Image.Rect != image.Rect(0, 0, 17, 33) {
		t.Fatalf("%v, %v", p, err)
	}
	p.Release()
	if width, height := open(t, "test:", Options{}).Size(); width != DefaultWidth || height != DefaultHeight {
		t.Errorf("%dx%d", width, height)
	}
}

func TestReleasedMemoryIsUsedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "test:", Options{Width: 32, Height: 32})
		p, _ := s.Next(t.Context())
		memory := p.Image
		p.Release()
		p.Release()
		if p.Image != nil {
			t.Error("a released picture still has its image")
		}
		(*Picture)(nil).Release()
		q, _ := s.Next(t.Context())
		r, _ := s.Next(t.Context())
		if q.Image != memory || r.Image == memory {
			t.Error("want the memory to be used again, once")
		}
	})
}

func TestFilePlaysAtItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, write(t, "a.y4m", pictures(t, y4m.Rate{Num: 20, Den: 1}, 4)), Options{})
		begin := time.Now()
		for n := range 4 {
			p := next(t, s, begin, uint64(n), time.Duration(n)*50*time.Millisecond)
			if p.Image.Y[0] != byte(n) {
				t.Errorf("picture %d is %d", n, p.Image.Y[0])
			}
			p.Release()
		}
		for range 2 {
			if _, err := s.Next(t.Context()); err != io.EOF { //nolint:errorlint // io.EOF itself is promised
				t.Errorf("at the end: %v, want io.EOF", err)
			}
		}
	})
}

func TestFileAtAnotherRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, write(t, "a.Y4M", pictures(t, y4m.Rate{}, 3)), Options{Rate: 100, Width: 16, Height: 16})
		begin := time.Now()
		next(t, s, begin, 0, 0)
		next(t, s, begin, 1, 10*time.Millisecond)
		time.Sleep(10 * time.Millisecond)
		next(t, s, begin, 2, 20*time.Millisecond)
	})
}

func TestFileSkipsWhatNobodyTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, write(t, "a.y4m", pictures(t, y4m.Rate{Num: 10, Den: 1}, 9)), Options{})
		begin := time.Now()
		next(t, s, begin, 0, 0)
		time.Sleep(430 * time.Millisecond)
		if p := next(t, s, begin, 4, 430*time.Millisecond); p.Image.Y[0] != 4 {
			t.Errorf("picture 4 is %d", p.Image.Y[0])
		}
		time.Sleep(time.Second)
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("after its end: %v, want io.EOF", err)
		}
	})
}

func TestLoopGoesBackAndForth(t *testing.T) {
	for count, want := range map[int]string{1: "000000000", 2: "010101010", 3: "012101210", 4: "012321012"} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, write(t, "a.y4m", pictures(t, y4m.Rate{Num: 30000, Den: 1001}, count)), Options{Loop: true})
			got := ""
			for n := range uint64(len(want)) {
				p, err := s.Next(t.Context())
				if err != nil || p.Number != n {
					t.Fatalf("picture %d: %+v, %v", n, p, err)
				}
				got += fmt.Sprint(p.Image.Y[0])
				p.Release()
			}
			if got != want {
				t.Errorf("%d pictures are played as %s, want %s", count, got, want)
			}
		})
	}
}

// FRAME lines may carry parameters, so frames need not lie at equal distances.
func TestFileWithParametersOnFrames(t *testing.T) {
	data := pictures(t, y4m.Rate{Num: 25, Den: 1}, 3)
	data = bytes.Replace(data, []byte("FRAME\n"), []byte("FRAME X"+strings.Repeat("long", 200)+"\n"), 2)
	synctest.Test(t, func(t *testing.T) {
		s := open(t, write(t, "a.y4m", data), Options{})
		for n := range 3 {
			p, err := s.Next(t.Context())
			if err != nil || p.Image.Y[0] != byte(n) {
				t.Fatalf("picture %d: %v", n, err)
			}
		}
	})
}

func TestPipeIsHeldToItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, "-", Options{Stdin: bytes.NewReader(pictures(t, y4m.Rate{Num: 10, Den: 1}, 4))})
		begin := time.Now()
		for n := range uint64(4) {
			p := next(t, s, begin, n, time.Duration(n)*99_900*time.Microsecond) // 0.999 of 100 ms
			if p.Image.Y[0] != byte(n) || !p.Captured.Equal(time.Now()) {
				t.Errorf("picture %d is %d, captured at %v", n, p.Image.Y[0], p.Captured)
			}
			p.Release()
		}
		if _, err := s.Next(t.Context()); err != io.EOF { //nolint:errorlint // io.EOF itself is promised
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	})
}

// feed writes a stream into a pipe as a camera does, one picture after each pause, and closes it.
func feed(data []byte, into *io.PipeWriter, pauses ...time.Duration) {
	marker := []byte("FRAME\n")
	parts := bytes.Split(data, marker)
	_, _ = into.Write(parts[0])
	for i, samples := range parts[1:] {
		time.Sleep(pauses[i%len(pauses)])
		if _, err := into.Write(append(append([]byte(nil), marker...), samples...)); err != nil {
			return
		}
	}
	_ = into.Close()
}

func TestPipeFasterThanItSaysBuildsUpNoDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		const real = 99_950 * time.Microsecond // its header says 100 ms
		go feed(pictures(t, y4m.Rate{Num: 10, Den: 1}, 200), out, real)
		s := open(t, "-", Options{Stdin: in})
		begin := time.Now()
		for n := range uint64(200) {
			next(t, s, begin, n, time.Duration(n+1)*real).Release()
		}
	})
}

// A live picture that was held up on its way does not make those after it wait, which come when they should.
func TestPipeLatePictureDoesNotDelayTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		const ms = time.Millisecond
		go feed(pictures(t, y4m.Rate{Num: 10, Den: 1}, 5), out, 0, 130*ms, 70*ms, 260*ms, 40*ms)
		s := open(t, "-", Options{Stdin: in})
		begin := time.Now()
		for n, after := range []time.Duration{0, 130, 200, 460, 500} {
			next(t, s, begin, uint64(n), after*ms)
		}
	})
}

func TestPipeGivesTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		go feed(pictures(t, y4m.Rate{Num: 10, Den: 1}, 10), out, 100*time.Millisecond)
		s := open(t, "-", Options{Stdin: in})
		begin := time.Now()
		next(t, s, begin, 0, 100*time.Millisecond)
		time.Sleep(450 * time.Millisecond) // until 550 ms: 1 to 4 have come
		p := next(t, s, begin, 4, 550*time.Millisecond)
		if age := time.Since(p.Captured); p.Image.Y[0] != 4 || age != 50*time.Millisecond {
			t.Errorf("picture %d, %v old", p.Image.Y[0], age)
		}
		time.Sleep(2 * time.Second) // the pipe is drained meanwhile, and ends
		next(t, s, begin, 9, 2550*time.Millisecond)
		if _, err := s.Next(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("at the end: %v, want io.EOF", err)
		}
	})
}

func TestPipeThatEndsWithinAPicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := pictures(t, y4m.Rate{Num: 10, Den: 1}, 2)
		s := open(t, "-", Options{Stdin: bytes.NewReader(data[:len(data)-1])})
		next(t, s, time.Now(), 0, 0)
		if _, err := s.Next(t.Context()); !errors.Is(err, y4m.ErrTruncated) {
			t.Errorf("error %v, want ErrTruncated", err)
		}
	})
}

// sources opens one of each kind, whose second picture is an hour away or never comes. They are to be used inside a bubble.
func sources(t *testing.T) map[string]Source {
	slow := pictures(t, y4m.Rate{Num: 1, Den: 10}, 5)
	in, out := io.Pipe()
	go func() { _, _ = out.Write(slow[:len(slow)/2]) }()
	return map[string]Source{
		"test": open(t, "test:", Options{Width: 16, Height: 16, Rate: MinRate}),
		"file": open(t, write(t, "a.y4m", slow), Options{}),
		"pipe": open(t, "-", Options{Stdin: in}),
	}
}

func TestCancelledNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kind, s := range sources(t) {
			begin := time.Now()
			next(t, s, begin, 0, 0)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second {
				t.Errorf("%s: %v after %v", kind, err, time.Since(begin))
			}
			cancel()
			if _, err := s.Next(ctx); err == nil {
				t.Errorf("%s: a picture for a context that has ended", kind)
			}
			p, err := s.Next(t.Context()) // the picture that was waited for is not lost
			if err != nil || p.Number != 1 {
				t.Errorf("%s: then %+v, %v", kind, p, err)
			}
			_ = s.Close()
		}
	})
}

// A bubble ends with an error if a goroutine is left in it, so this tests too that none is.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for kind, s := range sources(t) {
			p := next(t, s, time.Now(), 0, 0)
			go func() {
				time.Sleep(time.Second)
				if err := errors.Join(s.Close(), s.Close()); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}()
			for range 2 {
				if _, err := s.Next(t.Context()); !errors.Is(err, ErrClosed) {
					t.Errorf("%s: %v, want ErrClosed", kind, err)
				}
			}
			p.Release()
		}
	})
}

func TestOpenErrorsSayWhatToDo(t *testing.T) {
	good := pictures(t, y4m.Rate{Num: 30, Den: 1}, 2)
	header := func(line string) []byte { return []byte(line + "\nFRAME\n") }
	for name, c := range map[string]struct {
		spec string
		o    Options
		says string
	}{
		"nothing":        {"", Options{}, "A SOURCE is one of"},
		"unknown":        {"rtsp://camera", Options{}, "FILE.y4m"},
		"camera":         {"/dev/video3", Options{}, "/dev/video3"},
		"camera again":   {"/dev/video3", Options{Loop: true}, "cannot be played again"},
		"missing":        {"none.y4m", Options{}, "no file none.y4m"},
		"another format": {write(t, "a.mp4", good), Options{}, "convert it: ffmpeg"},
		"directory":      {func() string { d := filepath.Join(t.TempDir(), "d.y4m"); _ = os.Mkdir(d, 0o700); return d }(), Options{}, "is a directory"},
		"not y4m":        {write(t, "a.y4m", []byte("RIFF....")), Options{}, "convert it"},
		"empty":          {write(t, "a.y4m", nil), Options{}, "convert it"},
		"no pictures":    {write(t, "a.y4m", pictures(t, y4m.Rate{}, 0)), Options{}, "no pictures"},
		"cut short":      {write(t, "a.y4m", good[:len(good)-1]), Options{}, "frame 2 is cut short"},
		"cut in a line":  {write(t, "a.y4m", append(append([]byte(nil), good...), "FRA"...)), Options{}, "frame 3 is cut short"},
		"no marker":      {write(t, "a.y4m", append(append([]byte(nil), good...), good...)), Options{}, "frame 3 begins with"},
		"endless line":   {write(t, "a.y4m", append(append([]byte(nil), good...), "FRAME"+strings.Repeat(" ", 1<<17)...)), Options{}, "no line end"},
		"10 bits":        {write(t, "a.y4m", header("YUV4MPEG2 W16 H16 F30:1 C420p10")), Options{}, "yuv420p"},
		"too small":      {write(t, "a.y4m", header("YUV4MPEG2 W15 H16 F30:1")), Options{}, "scale"},
		"too large":      {write(t, "a.y4m", header("YUV4MPEG2 W16 H4097 F30:1")), Options{}, "scale"},
		"too fast":       {write(t, "a.y4m", header("YUV4MPEG2 W16 H16 F2147483647:1")), Options{}, "ask for a rate"},
		"another size":   {write(t, "a.y4m", good), Options{Width: 32, Height: 16}, "scale=32:16"},
		"half a size":    {"test:", Options{Width: 32}, "or neither"},
		"size":           {"test:", Options{Width: 8192, Height: 16}, "16 to 4096"},
		"rate":           {"test:", Options{Rate: -1}, "give a rate"},
		"rate nan":       {"test:", Options{Rate: math.NaN()}, "give a rate"},
		"parameter":      {"test:sed=1", Options{}, "test:seed=7"},
		"seed":           {"test:seed=x", Options{}, "test:seed=7"},
		"stdin":          {"-", Options{Stdin: strings.NewReader("hello\n")}, "yuv4mpegpipe"},
		"stdin empty":    {"-", Options{Stdin: strings.NewReader("")}, "yuv4mpegpipe"},
		"stdin loop":     {"-", Options{Stdin: bytes.NewReader(good), Loop: true}, "name a file"},
	} {
		s, err := Open(c.spec, c.o)
		if !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v; want ErrSource that says %q", name, err, c.says)
		}
		if s != nil {
			t.Errorf("%s: a source and an error", name)
		}
	}
}

func TestRatio(t *testing.T) {
	for rate, want := range map[float64]y4m.Rate{
		30: {Num: 30, Den: 1}, 29.97: {Num: 30000, Den: 1001}, 59.94: {Num: 60000, Den: 1001}, 23.976: {Num: 24000, Den: 1001},
		23.98: {Num: 24000, Den: 1001}, 12.5: {Num: 12500, Den: 1000}, 0.1: {Num: 100, Den: 1000}, 1000: {Num: 1000, Den: 1},
	} {
		if got := ratio(rate); got != want {
			t.Errorf("%v is %v, want %v", rate, got, want)
		}
	}
}

func TestScheduleProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := schedule{rate: ratio(rapid.Float64Range(MinRate, MaxRate).Draw(t, "rate"))}
		now := time.Unix(1_700_000_000, 0)
		last := -1
		for range 20 {
			n, due := s.take(now)
			if int(n) <= last {
				t.Fatalf("picture %d after %d", n, last)
			}
			interval := s.after(1)
			if now.Sub(due) > interval+1 { // a nanosecond for rounding
				t.Fatalf("picture %d is %v late, at an interval of %v", n, now.Sub(due), interval)
			}
			last = int(n)
			now = now.Add(max(due.Sub(now), 0)).Add(time.Duration(rapid.Int64Range(0, int64(1000*time.Hour)).Draw(t, "pause")))
		}
	})
}

// No bytes may crash the search for frames, and each frame it finds must lie within the file.
func FuzzFrameOffsets(f *testing.F) {
	f.Add(pictures(f, y4m.Rate{Num: 30, Den: 1}, 2), 384)
	f.Add([]byte("\nFRAME\nFRAME X\n"), 0)
	f.Fuzz(func(t *testing.T, data []byte, frameBytes int) {
		frameBytes = min(max(frameBytes, 1), 1<<30)
		offsets, err := frameOffsets(bytes.NewReader(data), int64(len(data)), int64(frameBytes))
		if err != nil {
			return
		}
		for i, at := range offsets {
			if at+int64(frameBytes) > int64(len(data)) || i > 0 && at < offsets[i-1]+int64(frameBytes) {
				t.Fatalf("frame %d at %d of %d", i, at, len(data))
			}
		}
	})
}
