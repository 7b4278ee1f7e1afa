package screen

import (
	"bytes"
	"context"
	"errors"
	"image"
	"io"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
)

func video(t testing.TB, width, height int) *clip.Video {
	t.Helper()
	v, err := clip.Open(t.Context(), clip.Config{Source: "test:", Width: width, Height: height}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

func newScreen(t testing.TB, every int) *Screen {
	t.Helper()
	s, err := New(Config{Spool: t.TempDir(), Every: every})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func at(ms int) time.Time { return time.Unix(1000, 0).Add(time.Duration(ms) * time.Millisecond) }

func sighting(n uint64) clip.Sighting { return clip.Sighting{Number: n, OK: true} }

// seenFirst tells whether a picture of the video was seen.
func seenFirst(s *Screen) bool {
	select {
	case <-s.First():
		return true
	default:
		return false
	}
}

func TestCounts(t *testing.T) {
	s := newScreen(t, 1)
	s.Note(at(0), clip.Sighting{}, nil)
	s.Note(at(10), clip.Sighting{Torn: true}, nil)
	if seenFirst(s) {
		t.Error("a picture was seen before there was one")
	}
	for i, n := range []uint64{5, 5, 6, 5, 8, 7, 8} { // the system shows 8 before 7
		s.Note(at(20+10*i), sighting(n), nil)
	}
	if !seenFirst(s) {
		t.Error("no picture was seen")
	}
	if got, want := s.Counts(), (Counts{Pictures: 9, Repeated: 3, Torn: 1, Unreadable: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	want := []Seen{{Code: 5, At: at(20)}, {Code: 6, At: at(40)}, {Code: 8, At: at(60)}, {Code: 7, At: at(70)}}
	got := s.Seen()
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("%+v, want %+v", got[i], want[i])
		}
	}
}

// A file that is played again gives new pictures of the same codes; a picture that stays for long, or comes again after it, does not.
func TestPlayedAgain(t *testing.T) {
	s := newScreen(t, 1)
	for n := range uint64(300) {
		s.Note(at(int(n)*40), sighting(n%100), nil)
		s.Note(at(int(n)*40+20), sighting(n%100), nil)
	}
	if c := s.Counts(); len(s.Seen()) != 300 || c.Repeated != 300 {
		t.Errorf("%d new, %+v", len(s.Seen()), c)
	}
	s.Note(at(100_000), sighting(99), nil)
	if c := s.Counts(); len(s.Seen()) != 300 || c.Repeated != 301 {
		t.Errorf("after a freeze: %d new, %+v", len(s.Seen()), c)
	}
}

func TestScore(t *testing.T) {
	v := video(t, 320, 180)
	s := newScreen(t, 3)
	p := v.NewPicture()
	for n := range uint64(10) {
		v.Picture(n, p)
		if n == 6 { // an error of 10 in every pixel
			for i := range p.Y {
				p.Y[i] -= 10
			}
		}
		s.Show(at(int(n)), p)
		s.Show(at(int(n)), p)
	}
	// Half the size, read by the system itself, kept out of its turn.
	small := image.NewYCbCr(image.Rect(0, 0, 160, 90), image.YCbCrSubsampleRatio420)
	v.Picture(11, p)
	for y := range 90 {
		for x := range 160 {
			small.Y[y*160+x] = byte((int(p.Y[2*y*320+2*x]) + int(p.Y[2*y*320+2*x+1]) + int(p.Y[(2*y+1)*320+2*x]) + int(p.Y[(2*y+1)*320+2*x+1]) + 2) / 4)
		}
	}
	s.Note(at(20), sighting(11), small)
	calls, last := 0, 0
	err := s.Score(t.Context(), v, func(done, total int) {
		calls++
		if last = done; total != 5 {
			t.Errorf("%d of %d", done, total)
		}
	})
	if err != nil || calls != 5 || last != 5 {
		t.Fatalf("%v, %d calls, the last of %d", err, calls, last)
	}
	for i, e := range s.Seen() {
		switch {
		case i == 10:
			if e.Code != 11 || !e.Scored || e.Width != 160 || e.Height != 90 || !(e.Score.SSIM > 0.8 && e.Score.SSIM < 0.999) {
				t.Errorf("the small picture: %+v", e)
			}
		case e.Scored != (i%3 == 0):
			t.Errorf("%+v", e)
		case i == 6 && (math.Abs(e.Score.MSE-100) > 2 || e.Score.SSIM > 0.9999):
			t.Errorf("10 off: %+v", e)
		case e.Scored && i != 6 && (e.Score.MSE != 0 || e.Score.SSIM != 1 || e.Width != 320):
			t.Errorf("%+v", e)
		}
	}
	if c := s.Counts(); c.NotKept != 0 {
		t.Errorf("%+v", c)
	}
	// A second time there is nothing left to do.
	if err := s.Score(t.Context(), v, func(int, int) { t.Error("it was compared again") }); err != nil {
		t.Error(err)
	}
}

func TestScoreStops(t *testing.T) {
	v := video(t, 160, 120)
	s := newScreen(t, 1)
	p := v.NewPicture()
	v.Picture(1, p)
	s.Show(at(0), p)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := s.Score(ctx, v, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What cannot be kept is seen all the same, and is not scored.
func TestNoRoom(t *testing.T) {
	v := video(t, 160, 120)
	s := newScreen(t, 1)
	p := v.NewPicture()
	s.spool.mutex.Lock()
	s.spool.err = errors.New("the disk is full")
	s.spool.mutex.Unlock()
	v.Picture(1, p)
	s.Show(at(0), p)
	if err := s.Score(t.Context(), v, nil); err != nil {
		t.Error(err)
	}
	if seen := s.Seen(); len(seen) != 1 || seen[0].Scored || s.Counts().NotKept != 1 {
		t.Errorf("%+v, %+v", seen, s.Counts())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	s.Show(at(1), p) // after Close nothing is kept
}

func TestReadY4M(t *testing.T) {
	v := video(t, 160, 120)
	stream := func(count int) *bytes.Buffer {
		var out bytes.Buffer
		w, err := y4m.NewWriter(&out, y4m.Header{Width: 160, Height: 120})
		if err != nil {
			t.Fatal(err)
		}
		p := v.NewPicture()
		for n := range count {
			v.Picture(uint64(n), p)
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		return &out
	}
	for _, test := range []struct {
		name string
		in   io.Reader
		seen int
		says string
	}{
		{"whole", stream(4), 4, ""},
		{"cut short", io.LimitReader(stream(4), 100_000), 3, ""},
		{"header only", stream(0), 0, ""},
		{"nothing", new(bytes.Buffer), 0, "nothing was shown"},
		{"huge", strings.NewReader("YUV4MPEG2 W16383 H16383\nFRAME\n"), 0, "more than 4096x4096"},
		{"garbage", io.MultiReader(stream(2), strings.NewReader("GARBAGE\n")), 2, "begins with"},
	} {
		s := newScreen(t, 1)
		err := s.ReadY4M(test.in)
		if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v", test.name, err)
		}
		if seen := s.Seen(); len(seen) != test.seen {
			t.Errorf("%s: %d seen, want %d", test.name, len(seen), test.seen)
		}
	}
}

func TestBadFolder(t *testing.T) {
	if _, err := New(Config{Spool: "/nowhere/at/all"}); err == nil || !strings.Contains(err.Error(), "another folder") {
		t.Errorf("%v", err)
	}
}

// BenchmarkReadY4M is of 720p through a pipe, every picture kept. It must be far below 16.7 ms a picture, which the writer shares.
func BenchmarkReadY4M(b *testing.B) {
	v := video(b, 1280, 720)
	s := newScreen(b, 1)
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- s.ReadY4M(r) }()
	out, err := y4m.NewWriter(w, y4m.Header{Width: 1280, Height: 720})
	if err != nil {
		b.Fatal(err)
	}
	p := v.NewPicture()
	v.Picture(0, p)
	for n := range uint64(b.N) {
		_ = n
		if err := out.Write(p); err != nil {
			b.Fatal(err)
		}
	}
	_ = w.Close()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
