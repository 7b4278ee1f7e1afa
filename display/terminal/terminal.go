// Package terminal shows pictures in a terminal, for who has nothing but ssh: in sixels, which are pixels, where the terminal takes them,
// and else in half blocks, characters of two pixels each.
//
// The way of a picture:
//
//  1. Open takes the terminal over (tty.go), asks what it takes and how large its characters are, and reads the answers and keys for
//     as long as the display lives (answers.go).
//  2. Show copies the picture and returns. One that waits there still is replaced.
//  3. A goroutine takes the picture when the line has carried those before and the terminal has drawn them (pace.go).
//  4. It finds where the picture lies in the window (layout.go), scales it, and writes what differs from what is shown: characters
//     (cells.go), or rows of sixels (sixel.go). Below are lines of statistics, if the user wants them.
//  5. Close gives the terminal back as it was. So do a signal that ends the program, and a panic in a goroutine of this package; a
//     program defers Close for its own.
package terminal

import (
	"errors"
	"fmt"
	"image"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"salsify/codec/convert"
	"salsify/display"
)

// Mode is how pictures are drawn.
type Mode int

// The modes.
const (
	Automatic  Mode = iota // sixels where the terminal says that it takes them
	HalfBlocks             // two pixels a character
	Sixels                 // pixels
)

// DefaultMaxBitrate is in bits a second: what an ssh connection over a home's line carries beside a call.
const DefaultMaxBitrate = 8e6

// Options say how to show. The zero value is for standard input and output.
type Options struct {
	In, Out    *os.File             // of one terminal; nil is standard input and output. Without an In that is one, nothing can be asked
	Mode       Mode                 // how to draw
	MaxBitrate float64              // bits a second that are written at most; 0 is DefaultMaxBitrate
	Overlay    func() []string      // the lines of statistics now; nil: there are none. The key s shows and hides them
	Hidden     bool                 // the statistics, at first
	Quit       func()               // called when the user presses q or Ctrl-C, when a signal comes, or when the terminal is gone; may be nil
	Report     func(message string) // told what a user should know; may be nil
}

const (
	// answering is how long the first picture waits for the terminal to say what it takes. An answer that comes later still counts.
	answering = 200 * time.Millisecond
	// overlaying is how often the statistics are written: as often as one can read them.
	overlaying = 500 * time.Millisecond
	// leaving is how long the terminal gets to take what is being written at the end.
	leaving = time.Second
)

// What sixels may cover: so much that the line carries some pictures a second. Sixels of video take about that many bytes a pixel.
const (
	sixelRate          = 8 // pictures a second
	sixelBytesPerPixel = 1
)

// Terminal is a display.Display in a terminal. Its methods may be called from any goroutine.
type Terminal struct {
	o    Options
	tty  *tty
	deep bool          // the terminal takes 24 bits of colour
	news chan struct{} // has room for one: something below changed
	stop chan struct{} // closed by Close

	parts sync.WaitGroup // the goroutines

	lock    sync.Mutex
	closed  bool
	waiting *image.YCbCr // to be drawn
	spare   []*image.YCbCr
	copier  convert.Scaler
	window  window
	sixel   bool      // draw in sixels
	decide  time.Time // until then an answer is waited for
	repaint bool      // all of the screen
	overlay bool
	pace    pace
	asks    bool // the terminal answers
	quits   int  // how often the user said that
	stats   display.Stats
	err     error
}

var _ display.Display = (*Terminal)(nil)

// Open takes a terminal over.
func Open(o Options) (*Terminal, error) {
	if o.In == nil {
		o.In = os.Stdin
	}
	if o.Out == nil {
		o.Out = os.Stdout
	}
	if o.MaxBitrate == 0 {
		o.MaxBitrate = DefaultMaxBitrate
	}
	if !(o.MaxBitrate > 0) {
		return nil, fmt.Errorf("a terminal cannot be sent %v bits a second; give a number above 0", o.MaxBitrate)
	}
	if o.Quit == nil {
		o.Quit = func() {}
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	device, err := openTTY(o.In, o.Out)
	if err != nil {
		return nil, err
	}
	t := &Terminal{
		o: o, tty: device, deep: deepColours(os.Getenv), news: make(chan struct{}, 1), stop: make(chan struct{}),
		pace: pace{bytesPerSecond: o.MaxBitrate / 8}, asks: device.reads, overlay: !o.Hidden, repaint: true,
		sixel: o.Mode == Sixels, window: device.window(),
	}
	if t.asks {
		t.decide = time.Now().Add(answering)
		if err := device.write([]byte(askCell + askKind)); err != nil {
			return nil, errors.Join(err, device.leave())
		}
		t.start(t.listen)
	}
	t.start(t.heed)
	t.start(t.draw)
	return t, nil
}

// deepColours tells by the environment whether the terminal takes 24 bits of colour.
func deepColours(environment func(string) string) bool {
	switch environment("COLORTERM") {
	case "truecolor", "24bit":
		return true
	}
	return strings.HasSuffix(environment("TERM"), "-direct")
}

// Show shows a picture as soon as the terminal has drawn those before. The picture is copied.
func (t *Terminal) Show(picture *image.YCbCr, _ time.Time) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.closed || t.err != nil {
		t.stats.Dropped++
		return
	}
	into := t.waiting
	if into != nil {
		t.stats.Dropped++
	} else if n := len(t.spare); n > 0 {
		into, t.spare = t.spare[n-1], t.spare[:n-1]
	}
	t.waiting = nil
	if size := picture.Rect.Size(); into == nil || into.Rect.Size() != size {
		into = image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	}
	if err := t.copier.Scale(into, picture); err != nil { // of the same size: it copies
		t.stats.Dropped++
		return
	}
	t.waiting = into
	t.wake()
}

func (t *Terminal) wake() {
	select {
	case t.news <- struct{}{}:
	default: // it was woken already
	}
}

// Stats returns the counts so far. A picture is shown when it was written.
func (t *Terminal) Stats() display.Stats {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.stats
}

// Close gives the terminal back as it was, and returns the first error of the display's life. A second Close does nothing more.
func (t *Terminal) Close() error {
	t.lock.Lock()
	first := !t.closed
	t.closed = true
	t.lock.Unlock()
	if first {
		close(t.stop)
	}
	if err := t.tty.leave(); err != nil {
		return err
	}
	t.parts.Wait()
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.err
}

// start runs a part of the display in a goroutine, and gives the terminal back before a panic is printed on it.
func (t *Terminal) start(part func()) {
	t.parts.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				_ = t.tty.leave()
				panic(p)
			}
		}()
		part()
	})
}

// listen reads keys and answers.
func (t *Terminal) listen() {
	var reader answers
	var buffer [256]byte
	for {
		n, err := t.tty.read(buffer[:], t.stop)
		if err != nil {
			t.fail(err)
			return
		}
		if n == 0 {
			return
		}
		for _, b := range buffer[:n] {
			t.heard(reader.next(b))
		}
	}
}

// heard takes up a key or an answer.
func (t *Terminal) heard(a answer) {
	t.lock.Lock()
	defer t.lock.Unlock()
	switch a.kind {
	case keyPressed:
		switch a.key {
		case 's':
			t.overlay, t.repaint = !t.overlay, true
		case 'q', interrupt:
			t.quit()
		}
	case attributes:
		t.decide = time.Time{}
		if sixel := t.o.Mode == Sixels || t.o.Mode == Automatic && a.sixel; sixel != t.sixel {
			t.sixel, t.repaint = sixel, true
		}
	case cellSize:
		if size := image.Pt(a.width, a.height); size != t.window.cell {
			t.window.cell, t.repaint = size, true
		}
	case caughtUp:
		t.pace.answered()
	case nothing:
		return
	}
	t.wake()
}

// quit tells the program that the user wants to end it. A program that does not end is ended when the user says it again.
func (t *Terminal) quit() {
	if t.quits++; t.quits == 1 {
		go t.o.Quit()
		return
	}
	go func() {
		_ = t.tty.leave()
		end(os.Interrupt)
	}()
}

// heed takes up signals.
func (t *Terminal) heed() {
	signals, forget := notify()
	defer forget()
	for ended := false; ; {
		select {
		case s := <-signals:
			switch {
			case redraws(s):
				t.resized()
			case ended: // the program does not end by itself
				end(s)
			default:
				ended = true
				_ = t.tty.leave()
				go t.o.Quit()
			}
		case <-t.stop:
			return
		}
	}
}

// resized takes up the window's size.
func (t *Terminal) resized() {
	t.lock.Lock()
	defer t.lock.Unlock()
	said := t.window.cell
	if t.window = t.tty.window(); t.window.cell == usualCell { // the system does not know what the terminal may have said
		t.window.cell = said
	}
	t.repaint = true
	t.wake()
}

// fail ends the display.
func (t *Terminal) fail(err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.closed || t.err != nil || errors.Is(err, errLeft) {
		return
	}
	t.err = err
	go func() { // whoever is told may call us
		t.o.Report(fmt.Sprintf("nothing is shown any more: %v", err))
		t.o.Quit()
	}()
}

// job is what is to be drawn.
type job struct {
	picture *image.YCbCr // nil: the one before
	window  window
	sixel   bool
	repaint bool
	overlay bool
}

// take returns what is to be drawn now, or when that is known at the latest; zero: when there is news.
func (t *Terminal) take(now time.Time, overlayDue time.Time) (job, time.Time, bool) {
	t.lock.Lock()
	defer t.lock.Unlock()
	at := t.pace.next()
	if t.decide.After(at) {
		at = t.decide
	}
	if t.waiting == nil && !t.repaint {
		if t.o.Overlay == nil || !t.overlay {
			return job{}, time.Time{}, false
		}
		if overlayDue.After(at) {
			at = overlayDue
		}
	}
	if now.Before(at) {
		return job{}, at, false
	}
	j := job{t.waiting, t.window, t.sixel, t.repaint, t.overlay}
	t.waiting, t.repaint = nil, false
	return j, time.Time{}, true
}

// draw draws until Close.
func (t *Terminal) draw() {
	painter := painter{overlay: t.o.Overlay, sixelPixels: int(t.o.MaxBitrate / 8 / sixelRate / sixelBytesPerPixel)}
	painter.cells.deep = t.deep
	timer := time.NewTimer(0)
	for {
		select {
		case <-t.news:
		case <-timer.C:
		case <-t.stop:
			return
		}
		began := time.Now()
		j, at, ok := t.take(began, painter.overlayDue)
		if !ok {
			if !at.IsZero() {
				timer.Reset(at.Sub(began))
			}
			continue
		}
		old := painter.picture
		out, err := painter.paint(j, began, t.asks)
		if err == nil && len(out) > 0 {
			t.asking()
			err = t.tty.write(out)
		}
		t.wrote(j, old, len(out), began, err)
		if err != nil {
			t.fail(err)
			return
		}
		t.wake() // for what came meanwhile
	}
}

// asking counts a question to the terminal before it is written: the answer may be there before the writer goes on.
func (t *Terminal) asking() {
	t.lock.Lock()
	defer t.lock.Unlock()
	if t.asks {
		t.pace.ask(time.Now())
	}
}

// wrote counts a picture. What was drawn before it is not needed any more.
func (t *Terminal) wrote(j job, old *image.YCbCr, bytes int, began time.Time, err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.pace.wrote(bytes, began, time.Now())
	if j.picture == nil {
		return
	}
	if old != nil {
		t.spare = append(t.spare, old)
	}
	if err != nil {
		t.stats.Dropped++
	} else {
		t.stats.Shown++
	}
}

// painter makes what is written to a terminal. It knows what is shown there.
type painter struct {
	overlay     func() []string
	sixelPixels int // that are covered at most

	cells      cells
	sixels     sixels
	picture    *image.YCbCr // the newest
	lines      []string     // of statistics
	overlayDue time.Time    // when they are made anew
	out        []byte
}

// paint returns what is to be written for a job. ask has the terminal answer when it has drawn it.
func (p *painter) paint(j job, now time.Time, ask bool) ([]byte, error) {
	if j.picture != nil {
		p.picture = j.picture
	}
	lines, fresh := p.lines, false
	switch {
	case p.overlay == nil || !j.overlay:
		lines = nil
	case j.repaint || !now.Before(p.overlayDue):
		lines, fresh = fold(p.overlay(), max(1, j.window.columns)), true
		lines = lines[max(0, len(lines)-j.window.rows+1):]
		p.overlayDue = now.Add(overlaying)
	}
	begun := append(p.out[:0], beginPicture...)
	out := begun
	if j.repaint || len(lines) != len(p.lines) {
		out = append(out, clearScreen...)
		p.cells.forget()
		p.sixels.forget()
		fresh = true
	}
	var err error
	if p.picture != nil {
		out, err = p.draw(out, j, len(lines))
	}
	if fresh {
		for i, line := range lines {
			out = append(moveTo(out, 0, j.window.rows-len(lines)+i), clearLine...)
			out = append(out, line...)
		}
	}
	p.lines = lines
	p.out = out
	if err != nil || len(out) == len(begun) {
		return nil, err
	}
	out = append(out, endPicture...)
	if ask {
		out = append(out, askCaughtUp...)
	}
	p.out = out
	return out, nil
}

// draw appends the picture.
func (p *painter) draw(out []byte, j job, lines int) ([]byte, error) {
	size := p.picture.Rect.Size()
	if j.sixel {
		p.sixels.cell = j.window.cell
		// A terminal scrolls when sixels reach its last row.
		if place := j.window.place(size, max(1, lines), p.sixelPixels); !place.Empty() {
			return p.sixels.draw(out, p.picture, place)
		}
		return out, nil
	}
	if place := j.window.place(size, lines, 0); !place.Empty() {
		return p.cells.draw(out, p.picture, place)
	}
	return out, nil
}

// fold returns lines in pieces that fit into a row: the key that a sender needs may be in one. What could command the terminal is
// replaced, since lines may quote what came from the network.
func fold(lines []string, columns int) (folded []string) {
	for _, line := range lines {
		runes := []rune(line)
		for i, r := range runes {
			if !unicode.IsPrint(r) {
				runes[i] = unicode.ReplacementChar
			}
		}
		for len(runes) > columns {
			folded = append(folded, string(runes[:columns]))
			runes = runes[columns:]
		}
		folded = append(folded, string(runes))
	}
	return folded
}
