// Package rehearsal is a call between two places that are one, this machine's loopback, for tests of systems under test.
package rehearsal

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/testbed/camera"
	"salsify/testbed/clip"
	"salsify/testbed/screen"
	"salsify/testbed/system"
)

// Rehearsal is a call that has not been made yet.
type Rehearsal struct {
	Call *system.Call
	Logs string // folder
	// Setup is how long it may take until the first picture is seen: the length of a call counts from there. 0: it counts from the start.
	Setup time.Duration

	t     testing.TB
	lock  sync.Mutex
	lines [][]string
}

// New prepares a call with a small video, unless the configuration has another. What was opened is closed when the test ends.
func New(t testing.TB, config clip.Config) *Rehearsal {
	t.Helper()
	if config.Source == "" {
		config.Source = "test:"
	}
	if config.Width == 0 {
		config.Width, config.Height = 320, 180
	}
	if config.Rate == 0 {
		config.Rate = 30
	}
	video, err := clip.Open(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { video.Close() })
	eye, err := screen.New(screen.Config{Spool: t.TempDir(), Every: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { eye.Close() })
	r := &Rehearsal{t: t, Logs: t.TempDir()}
	r.Call = &system.Call{
		Video: video, Camera: camera.New(video), Screen: eye, Sender: system.Host{}, Receiver: system.Host{}, Keep: 1,
		Log: func(name string) (io.WriteCloser, error) {
			return os.Create(filepath.Join(r.Logs, filepath.Base(name)))
		},
		Ran: func(cmd *exec.Cmd) {
			r.lock.Lock()
			defer r.lock.Unlock()
			r.lines = append(r.lines, slices.Clone(cmd.Args))
		},
	}
	return r
}

// Run makes the call, for that long, and returns the first error of it.
func (r *Rehearsal) Run(s system.System, length time.Duration) error {
	r.t.Helper()
	session, err := s.Prepare(r.t.Context(), r.Call)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.t.Context(), r.Setup+length)
	defer cancel()
	go func() {
		select {
		case <-r.Call.Screen.First():
			time.AfterFunc(length, cancel)
		case <-ctx.Done():
		}
	}()
	err = session.Run(ctx)
	closing := time.Now()
	if closeErr := session.Close(); err == nil {
		err = closeErr
	}
	if took := time.Since(closing); took > 5*time.Second {
		r.t.Errorf("Close took %v: a program had to be killed", took)
	}
	return err
}

// Expect makes the call, for that long, in which so many pictures have to be shown, and half of them within a delay.
func (r *Rehearsal) Expect(s system.System, length time.Duration, pictures int, delay time.Duration) {
	r.t.Helper()
	if err := r.Run(s, length); err != nil {
		r.t.Fatalf("%v\n%s", err, r.Said())
	}
	shown := r.Shown()
	r.t.Logf("%d pictures were shown, %v after they were due (median)\n%s", len(shown), Median(shown), r.Said())
	if len(shown) < pictures || Median(shown) <= 0 || Median(shown) > delay {
		r.t.Errorf("%d pictures were shown, %v after they were due (median); want %d within %v", len(shown), Median(shown), pictures, delay)
	}
}

// Commands returns the command lines of the call.
func (r *Rehearsal) Commands() [][]string {
	r.lock.Lock()
	defer r.lock.Unlock()
	return slices.Clone(r.lines)
}

// Shown is what was seen of a picture.
type Shown struct {
	screen.Seen
	Number uint64
	Delay  time.Duration // since it was due
}

// Shown returns the pictures that were seen, in order.
func (r *Rehearsal) Shown() []Shown {
	r.t.Helper()
	due := map[uint64]time.Time{}
	for _, c := range r.Call.Camera.Captured(time.Now()) {
		due[c.Number] = c.At
	}
	var shown []Shown
	for _, s := range r.Call.Screen.Seen() {
		n, ok := r.Call.Camera.Resolve(s.Code, s.At)
		if !ok || due[n].IsZero() {
			r.t.Errorf("picture %d was seen, but never captured", s.Code)
			continue
		}
		shown = append(shown, Shown{s, n, s.At.Sub(due[n])})
	}
	return shown
}

// Median returns the median delay of pictures.
func Median(shown []Shown) time.Duration {
	if len(shown) == 0 {
		return 0
	}
	var delays []time.Duration
	for _, s := range shown {
		delays = append(delays, s.Delay)
	}
	slices.Sort(delays)
	return delays[len(delays)/2]
}

// Said returns all that was logged under a name, for failures.
func (r *Rehearsal) Said() string {
	files, _ := filepath.Glob(filepath.Join(r.Logs, "*.log"))
	var all strings.Builder
	for _, f := range files {
		text, _ := os.ReadFile(f)
		all.WriteString(filepath.Base(f) + ":\n" + string(text) + "\n")
	}
	return all.String()
}
