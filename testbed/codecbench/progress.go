package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Work is counted in bytes of pictures that vpxenc codes once. These are rough, and only for the time that is left.
const (
	measureWork    = 2.0 // decoding a stream and comparing it with its source
	encoderWork    = 8.0 // every encoder with one thread and with two
	candidatesWork = 3.0 // two candidates of each picture
	decoderWork    = 4.0 // every decoder
	speedWork      = rounds * (encoderWork + candidatesWork + decoderWork)
)

// effortWork is what our encoder takes.
func effortWork(effort int) float64 { return 1 + float64(effort*effort)/15 }

// bitsWork is what measuring the bits of a clip takes.
func bitsWork(efforts []int) float64 {
	work := 1 + measureWork
	for _, e := range efforts {
		work += effortWork(e) + measureWork
	}
	return work * float64(len(vpxencQs))
}

// progress writes lines from several goroutines, with how much is done and how long the rest will take.
type progress struct {
	mu          sync.Mutex
	out         io.Writer
	start       time.Time
	done, total float64 // work
}

func newProgress(out io.Writer) *progress { return &progress{out: out, start: time.Now()} }

// expect adds work that is to be done.
func (p *progress) expect(work float64) { p.total += work }

// did tells that some work was done.
func (p *progress) did(work float64, format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done += work
	fmt.Fprintf(p.out, "%s: "+format+"\n", append([]any{left(time.Since(p.start), p.done, p.total)}, args...)...)
}

// note writes a line.
func (p *progress) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, format+"\n", args...)
}

// left tells how much is done, and how long the rest will take if it goes on as it did.
func left(elapsed time.Duration, done, total float64) string {
	if done <= 0 || total <= 0 {
		return "begun"
	}
	rest := time.Duration(float64(elapsed) * max(0, total-done) / done)
	return fmt.Sprintf("%.0f %%, %d min left", 100*done/total, int(rest.Minutes()+0.5))
}
