package display

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"salsify/codec/y4m"
)

// picture returns a picture whose first sample is a number. It lies within a larger buffer.
func picture(width, height int, number byte) *image.YCbCr {
	buffer := image.NewYCbCr(image.Rect(0, 0, width+10, height+10), image.YCbCrSubsampleRatio420)
	p := buffer.SubImage(image.Rect(4, 2, 4+width, 2+height)).(*image.YCbCr)
	p.Y[0] = number
	return p
}

// numbers reads back what was written.
func numbers(t *testing.T, in io.Reader, width, height int) string {
	t.Helper()
	r, err := y4m.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	if h := r.Header(); h.Width != width || h.Height != height || h.Rate.Num != 30*h.Rate.Den {
		t.Fatalf("header %+v", h)
	}
	got := ""
	for p := r.Header().NewPicture(); ; {
		switch err := r.Read(p); {
		case errors.Is(err, io.EOF):
			return got
		case err != nil:
			t.Fatal(err)
		}
		got += fmt.Sprint(p.Y[0])
	}
}

func open(t *testing.T, name string, o Options) (Display, *[]string) {
	t.Helper()
	var lock sync.Mutex
	reports := new([]string)
	o.Rate = 30
	o.Report = func(message string) {
		lock.Lock()
		defer lock.Unlock()
		*reports = append(*reports, message)
	}
	d, err := Open(name, o)
	if err != nil {
		t.Fatal(err)
	}
	return d, reports
}

func wantStats(t *testing.T, d Display, shown, dropped uint64) {
	t.Helper()
	if got := d.Stats(); got != (Stats{Shown: shown, Dropped: dropped}) {
		t.Errorf("%+v, want %d shown and %d dropped", got, shown, dropped)
	}
}

func TestNone(t *testing.T) {
	d, _ := open(t, "none", Options{})
	d.Show(picture(16, 16, 1), time.Time{})
	wantStats(t, d, 1, 0)
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.y4m")
	synctest.Test(t, func(t *testing.T) {
		d, _ := open(t, name, Options{})
		for n := range byte(9) {
			d.Show(picture(17, 15, n), time.Time{})
			synctest.Wait()
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		wantStats(t, d, 9, 0)
	})
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got := numbers(t, f, 17, 15); got != "012345678" {
		t.Errorf("the file has pictures %s", got)
	}
}

func TestFileGoesOnInAnother(t *testing.T) {
	directory := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		d, reports := open(t, filepath.Join(directory, "a.y4m"), Options{})
		for n, width := range []int{16, 16, 32, 32, 16} {
			d.Show(picture(width, 16, byte(n)), time.Time{})
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		wantStats(t, d, 5, 0)
		if len(*reports) != 2 || !strings.Contains((*reports)[0], "a-2.y4m") || !strings.Contains((*reports)[1], "a-3.y4m") {
			t.Errorf("reports %q", *reports)
		}
	})
	for _, c := range []struct {
		name  string
		width int
		want  string
	}{{"a.y4m", 16, "01"}, {"a-2.y4m", 32, "23"}, {"a-3.y4m", 16, "4"}} {
		data, err := os.ReadFile(filepath.Join(directory, c.name))
		if err != nil {
			t.Fatal(err)
		}
		if got := numbers(t, bytes.NewReader(data), c.width, 16); got != c.want {
			t.Errorf("%s has pictures %s, want %s", c.name, got, c.want)
		}
	}
}

func TestPipeShowsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe() // a write waits until all is read
		d, _ := open(t, "-", Options{Stdout: out})
		for n := range byte(5) {
			d.Show(picture(16, 16, n), time.Time{})
			synctest.Wait() // 0 is being written; of the rest 4 waits
		}
		read := make(chan string)
		go func() { read <- numbers(t, in, 16, 16) }()
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		_ = out.Close()
		if got := <-read; got != "04" {
			t.Errorf("shown %s, want 04", got)
		}
		wantStats(t, d, 2, 3)
	})
}

// slow is a target that writes when it is told to.
type slow struct {
	release chan struct{}
	got     string
}

func (s *slow) write(p *image.YCbCr) (bool, error) {
	<-s.release
	s.got += fmt.Sprint(p.Y[0])
	return true, nil
}

func (*slow) close() error { return nil }

func TestQueueDropsTheOldest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{release: make(chan struct{})}
		d := newWriter(s, 3, Options{})
		for n := range byte(9) {
			d.Show(picture(16, 16, n), time.Time{})
			synctest.Wait() // 0 is being written
		}
		close(s.release)
		if err := d.Close(); err != nil || s.got != "0678" {
			t.Errorf("written %s, %v; want 0678", s.got, err)
		}
		wantStats(t, d, 4, 5)
	})
}

// Show copies: the receiver's picture may change at once.
func TestShowCopies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{release: make(chan struct{})}
		d := newWriter(s, 3, Options{})
		p := picture(16, 16, 1)
		d.Show(p, time.Time{})
		p.Y[0] = 2
		d.Show(p, time.Time{})
		p.Y[0] = 3
		close(s.release)
		if err := d.Close(); err != nil || s.got != "12" {
			t.Errorf("written %s, %v; want 12", s.got, err)
		}
	})
}

func TestPipeLeavesOutOtherSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d, reports := open(t, "-", Options{Stdout: &out})
		for n, width := range []int{16, 32, 32, 16} {
			d.Show(picture(width, 16, byte(n)), time.Time{})
			synctest.Wait()
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		if got := numbers(t, &out, 16, 16); got != "03" || len(*reports) != 1 {
			t.Errorf("shown %s, reports %q; want 03 and one report", got, *reports)
		}
		wantStats(t, d, 2, 2)
	})
}

func TestErrorsAreReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		_ = in.Close() // nobody reads: a write fails
		d, reports := open(t, "-", Options{Stdout: out})
		for n := range byte(4) {
			d.Show(picture(16, 16, n), time.Time{})
			synctest.Wait()
		}
		if err := d.Close(); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("Close gives %v, want what the write gave", err)
		}
		if len(*reports) != 1 {
			t.Errorf("reports %q, want one", *reports)
		}
		wantStats(t, d, 0, 4)
	})
}

func TestShowAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := open(t, filepath.Join(t.TempDir(), "a.y4m"), Options{})
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		d.Show(picture(16, 16, 0), time.Time{})
		wantStats(t, d, 0, 1)
	})
}

func TestOpenErrors(t *testing.T) {
	for _, name := range []string{"", "window", "a.mp4", filepath.Join(t.TempDir(), "none", "a.y4m")} {
		if d, err := Open(name, Options{}); err == nil {
			t.Errorf("%q: no error, and %v", name, d)
		}
	}
}
