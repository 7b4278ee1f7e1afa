// Command demo shows in ten seconds what a functional codec is good for, without a network: run it with `make demo`.
//
// A sender encodes each picture of a small synthetic clip at two qualities from one saved state, sends the better one that fits
// what a changing link can carry, or none, and goes on from whichever it chose. Three frames are lost on the way. The sender
// hears of it two frames later and goes on from the last state that the receiver holds, without a key frame. At every step the
// demo checks that both sides hold the same state.
package main

import (
	"errors"
	"flag"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"math"
	"os"
	"text/tabwriter"

	"salsify/codec/vp8"
)

const (
	width, height = 640, 360 // pixels
	frames        = 48
	better, worse = 28, 60 // quantizer indices of the two candidates
	lostFirst     = 36     // the first of the frames that are lost
	lostFrames    = 3
	feedbackDelay = 2  // frames until the sender hears of a loss
	sheetEvery    = 12 // frames from one picture of the sheet to the next
)

func main() {
	out := flag.String("o", "demo.png", "where to draw the pictures")
	flag.Parse()
	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(out string) error {
	first, err := vp8.NewState(width, height)
	if err != nil {
		return err
	}
	sender := first
	sent := map[vp8.ID]*vp8.State{first.ID(): first} // what each side has, by name
	received := map[vp8.ID]*vp8.State{first.ID(): first}
	held := first.ID() // the newest state that the sender knows the receiver to hold
	sheet := image.NewRGBA(image.Rect(0, 0, width, 0))
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "frame\tlink takes\tbetter\tworse\tsent\tfrom state\tto state\tSSIM dB\t")
	for n := range frames {
		if n == lostFirst+lostFrames-1+feedbackDelay {
			sender = sent[held]
			fmt.Fprintf(table, "\t\t\t\tback to\t%.8s\t\t\t\n", held)
		}
		source := scene(n)
		capacity := capacityAt(n)
		candidates, err := encodeTwice(sender, source)
		if err != nil {
			return err
		}
		chosen, what := choose(candidates, capacity)
		if n == 0 {
			chosen, what = candidates[0], "key"
		}
		from := sender.ID()
		row := fmt.Sprintf("%d\t%d\t%d\t%d\t", n, capacity, len(candidates[0].frame), len(candidates[1].frame))
		if chosen == nil {
			fmt.Fprintf(table, "%snone\t%.8s\t\t\t\n", row, from)
			continue
		}
		sender = chosen.next
		sent[sender.ID()] = sender
		if n >= lostFirst && n < lostFirst+lostFrames {
			what = "lost"
		} else if received[from] == nil {
			what = "useless" // a frame names the state it was encoded from, and that one never arrived
		} else {
			receiver, err := deliver(received[from], chosen)
			if err != nil {
				return err
			}
			held = receiver.ID()
			received[held] = receiver
		}
		fmt.Fprintf(table, "%s%s\t%.8s\t%.8s\t%.1f\t\n", row, what, from, sender.ID(), -10*math.Log10(1-chosen.stats.SSIM))
		if n%sheetEvery == 0 {
			sheet = addToSheet(sheet, source, received[held].Picture())
		}
	}
	table.Flush()
	fmt.Printf("\nBoth sides held the same state after every frame that arrived. %s shows the source (left) and what the receiver saw (right).\n", out)
	return writePNG(out, sheet)
}

// candidate is one way to encode a picture.
type candidate struct {
	frame []byte
	next  *vp8.State
	stats vp8.Stats
}

// encodeTwice encodes a picture at two qualities from the same state.
func encodeTwice(s *vp8.State, picture *image.YCbCr) ([2]*candidate, error) {
	var c [2]*candidate
	for i, q := range [2]int{better, worse} {
		frame, next, stats, err := vp8.Encode(s, picture, vp8.Options{Quantizer: q, Effort: vp8.DefaultEffort, Goroutines: 2})
		if err != nil {
			return c, err
		}
		c[i] = &candidate{frame, next, stats}
	}
	return c, nil
}

// choose takes the better candidate that the link can carry, or none.
func choose(c [2]*candidate, capacity int) (*candidate, string) {
	switch {
	case len(c[0].frame) <= capacity:
		return c[0], "better"
	case len(c[1].frame) <= capacity:
		return c[1], "worse"
	}
	return nil, "none"
}

var errMismatch = errors.New("the receiver's state differs from the sender's")

// deliver decodes a frame at the receiver and compares the states of both sides.
func deliver(source *vp8.State, c *candidate) (*vp8.State, error) {
	next, _, err := vp8.Decode(source, c.frame)
	if err != nil {
		return nil, err
	}
	if next.ID() != c.next.ID() || next.Fingerprint() != c.next.Fingerprint() {
		return nil, errMismatch
	}
	return next, nil
}

// capacityAt is what the link can carry of frame n, in bytes.
func capacityAt(n int) int {
	return max(int(1700+2300*math.Sin(float64(n)*0.7)+900*math.Sin(float64(n)*2.3)), 150)
}

// scene draws picture n: three balls over a pattern that moves slowly.
func scene(n int) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	t := float64(n)
	for y := range height {
		for x := range width {
			u, v := float64(x)+0.8*t, float64(y)+0.3*t
			p.Y[p.YOffset(x, y)] = uint8(128 + 40*math.Sin(u/17)*math.Cos(v/23) + 25*math.Sin((u+v)/5)*math.Sin(u/61))
		}
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = 120, 134
	}
	for i, ball := range [3]struct{ x, y, radius float64 }{
		{320 + 200*math.Cos(t/9), 180 + 90*math.Sin(t/9), 50},
		{320 + 120*math.Cos(t/5+2), 180 + 110*math.Sin(t/7+2), 32},
		{40 + 12*t, 300 - 40*math.Abs(math.Sin(t/4)), 22},
	} {
		drawBall(p, ball.x, ball.y, ball.radius, uint8(90+70*i), uint8(200-60*i))
	}
	return p
}

func drawBall(p *image.YCbCr, cx, cy, radius float64, cb, cr uint8) {
	for y := max(int(cy-radius), 0); y < min(int(cy+radius), height); y++ {
		for x := max(int(cx-radius), 0); x < min(int(cx+radius), width); x++ {
			dx, dy := float64(x)-cx, float64(y)-cy
			d := math.Hypot(dx, dy) / radius
			if d > 1 {
				continue
			}
			p.Y[p.YOffset(x, y)] = uint8(210 - 120*d*d + 30*math.Cos((dx-dy)/6))
			p.Cb[p.COffset(x, y)], p.Cr[p.COffset(x, y)] = cb, cr
		}
	}
}

// addToSheet appends a row with two pictures at half their size.
func addToSheet(sheet *image.RGBA, left, right image.Image) *image.RGBA {
	y := sheet.Rect.Dy()
	bigger := image.NewRGBA(image.Rect(0, 0, width, y+height/2))
	draw.Draw(bigger, sheet.Rect, sheet, image.Point{}, draw.Src)
	for i, p := range []image.Image{left, right} {
		for dy := range height / 2 {
			for dx := range width / 2 {
				bigger.Set(i*width/2+dx, y+dy, p.At(2*dx, 2*dy))
			}
		}
	}
	return bigger
}

func writePNG(path string, p image.Image) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := png.Encode(f, p); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
