package v4l2

import (
	"cmp"
	"fmt"
	"slices"

	"salsify/codec/y4m"
)

// Want is what the user asks of a camera. The zero value leaves all to choose.
type Want struct {
	Width, Height int      // pixels; 0: any
	Rate          y4m.Rate // 0/0: any
	Format        Format   // 0: any that can be used
}

// Choice is what was chosen.
type Choice struct {
	Format        Format
	Width, Height int
	Rate          y4m.Rate
}

// What is looked for where the user does not say.
const (
	usualWidth, usualHeight = 1280, 720
	// smooth is the rate, in pictures a second, below which a smaller picture is better than a slower one.
	smooth = 20
)

var usualRate = y4m.Rate{Num: 30, Den: 1}

// choose finds the best of what a camera has. What was asked for must be met. Then, in this order:
//
//  1. It is smooth, if no rate was asked for.
//  2. The largest size up to 1280x720; else the smallest.
//  3. The fastest rate up to 30, if none was asked for; else the slowest.
//  4. The format, as preferred lists them: so raw wins over JPEG where it reaches the rate.
func choose(d Device, want Want) (Choice, error) {
	var all []Choice
	for _, m := range d.Modes {
		if !m.Format.usable() || want.Format != 0 && m.Format != want.Format {
			continue
		}
		width, height, ok := m.fit(want)
		if !ok {
			continue
		}
		if rate, ok := m.rate(want.Rate); ok {
			all = append(all, Choice{m.Format, width, height, rate})
		}
	}
	if len(all) == 0 {
		return Choice{}, fmt.Errorf("%w: there is no %s; it has:\n%v", ErrMode, want, d)
	}
	return slices.MinFunc(all, func(a, b Choice) int {
		return cmp.Or(
			first(smoothEnough(a, want), smoothEnough(b, want)),
			cmp.Compare(offSize(a), offSize(b)),
			cmp.Compare(offRate(a.Rate), offRate(b.Rate)),
			cmp.Compare(rank(a.Format), rank(b.Format)),
		)
	}), nil
}

// String names what is wanted, for the error.
func (w Want) String() string {
	text := "format that can be used"
	if w.Format != 0 {
		text = w.Format.String()
	}
	if w.Width != 0 {
		text += fmt.Sprintf(" of %dx%d", w.Width, w.Height)
	}
	if w.Rate != (y4m.Rate{}) {
		text += fmt.Sprintf(" at %s pictures a second", rateText(w.Rate))
	}
	return text
}

// first orders what is true before what is not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func smoothEnough(c Choice, want Want) bool {
	return want.Rate != (y4m.Rate{}) || perSecond(c.Rate) >= smooth
}

// offSize is how far a size is from the usual one: less is better, and any that is smaller is better than one that is larger.
func offSize(c Choice) int {
	const usual = usualWidth * usualHeight
	if pixels := c.Width * c.Height; pixels > usual {
		return pixels
	}
	return usual - c.Width*c.Height
}

// offRate is the same for rates.
func offRate(r y4m.Rate) float64 {
	const beyond = 1e9
	if sameRate(r, usualRate) {
		return 0
	}
	if off := perSecond(usualRate) - perSecond(r); off > 0 {
		return off
	}
	return beyond + perSecond(r)
}

// fit returns the size that a mode gives for what is wanted, and whether it gives it.
func (m Mode) fit(want Want) (width, height int, ok bool) {
	if want.Width == 0 {
		return nearest(usualWidth, m.MinWidth, m.MaxWidth, m.StepWidth), nearest(usualHeight, m.MinHeight, m.MaxHeight, m.StepHeight), true
	}
	width = nearest(want.Width, m.MinWidth, m.MaxWidth, m.StepWidth)
	height = nearest(want.Height, m.MinHeight, m.MaxHeight, m.StepHeight)
	return width, height, width == want.Width && height == want.Height
}

// nearest returns the largest of least, least+step and so on that is up to n, within least and most.
func nearest(n, least, most, step int) int {
	n = min(max(n, least), most)
	return n - (n-least)%max(step, 1)
}

// rate returns the rate that a mode gives for what is wanted, and whether it gives it. A mode that has not said its rates is
// believed to have any; starting it will show.
func (m Mode) rate(want y4m.Rate) (y4m.Rate, bool) {
	target := want
	if want == (y4m.Rate{}) {
		target = usualRate
	}
	if len(m.Rates) == 0 {
		return target, true
	}
	if want == (y4m.Rate{}) {
		return slices.MinFunc(m.Rates, func(a, b y4m.Rate) int { return cmp.Compare(offRate(a), offRate(b)) }), true
	}
	best := slices.MinFunc(m.Rates, func(a, b y4m.Rate) int {
		return cmp.Compare(max(perSecond(a)-perSecond(want), perSecond(want)-perSecond(a)),
			max(perSecond(b)-perSecond(want), perSecond(want)-perSecond(b)))
	})
	return best, sameRate(best, want)
}
