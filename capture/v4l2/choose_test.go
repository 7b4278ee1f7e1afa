package v4l2

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/codec/y4m"
)

// webcam is what a common camera has: raw is slow where it is large.
var webcam = Device{Path: "/dev/video0", Name: "HD Webcam", Modes: []Mode{
	one(YUYV, 640, 480, 30, 15), one(YUYV, 1280, 720, 10, 5), one(YUYV, 320, 240, 30), one(YUYV, 1920, 1080, 5),
	one(MJPEG, 1280, 720, 30, 15), one(MJPEG, 1920, 1080, 30), one(MJPEG, 640, 480, 30),
	one(Format('H'|'2'<<8|'6'<<16|'4'<<24), 1920, 1080, 30),
}}

// stepwise has ranges of sizes, and says nothing of rates.
var stepwise = Device{Modes: []Mode{
	{Format: UYVY, MinWidth: 48, MinHeight: 32, MaxWidth: 2592, MaxHeight: 1944, StepWidth: 16, StepHeight: 8},
	{Format: NV12, MinWidth: 48, MinHeight: 32, MaxWidth: 800, MaxHeight: 600, StepWidth: 16, StepHeight: 8},
}}

func having(modes ...Mode) Device { return Device{Modes: modes} }

func rate(n int) y4m.Rate { return y4m.Rate{Num: n, Den: 1} }

func TestChoose(t *testing.T) {
	ntsc := y4m.Rate{Num: 30000, Den: 1001}
	for name, c := range map[string]struct {
		of   Device
		want Want
		got  Choice
	}{
		"smooth before raw":      {webcam, Want{}, Choice{MJPEG, 1280, 720, rate(30)}},
		"raw where it is enough": {webcam, Want{Width: 640, Height: 480}, Choice{YUYV, 640, 480, rate(30)}},
		"raw at the asked rate":  {webcam, Want{Width: 1280, Height: 720, Rate: rate(10)}, Choice{YUYV, 1280, 720, rate(10)}},
		"JPEG for the rate":      {webcam, Want{Width: 1280, Height: 720, Rate: rate(30)}, Choice{MJPEG, 1280, 720, rate(30)}},
		"the rate alone":         {webcam, Want{Rate: rate(10)}, Choice{YUYV, 1280, 720, rate(10)}},
		"nearly the rate":        {webcam, Want{Rate: ntsc}, Choice{MJPEG, 1280, 720, rate(30)}},
		"the format":             {webcam, Want{Format: YUYV}, Choice{YUYV, 640, 480, rate(30)}},
		"slow if nothing else":   {having(one(YUYV, 1280, 720, 10), one(YUYV, 1600, 1200, 5)), Want{}, Choice{YUYV, 1280, 720, rate(10)}},
		"large if nothing else":  {having(one(NV12, 1920, 1080, 30, 60), one(NV12, 3840, 2160, 30)), Want{}, Choice{NV12, 1920, 1080, rate(30)}},
		"fast if nothing else":   {having(one(NV12, 640, 480, 120, 60)), Want{}, Choice{NV12, 640, 480, rate(60)}},
		"4:2:0 first":            {having(one(YUYV, 640, 480, 30), one(NV12, 640, 480, 30)), Want{}, Choice{NV12, 640, 480, rate(30)}},
		"a range":                {stepwise, Want{}, Choice{UYVY, 1280, 720, rate(30)}},
		"a size of a range":      {stepwise, Want{Width: 640, Height: 360, Rate: rate(50)}, Choice{NV12, 640, 360, rate(50)}},
	} {
		if got, err := choose(c.of, c.want); err != nil || got != c.got {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, c.got)
		}
	}
}

func TestWhatIsNotThereIsListed(t *testing.T) {
	for _, c := range []struct {
		of   Device
		want Want
		says string
	}{
		{webcam, Want{Width: 1000, Height: 700}, "format that can be used of 1000x700; it has:"},
		{webcam, Want{Width: 640, Height: 480, Rate: rate(60)}, "of 640x480 at 60 pictures a second; it has:"},
		{webcam, Want{Format: NV12}, "no NV12; it has:"},
		{stepwise, Want{Width: 650, Height: 360}, "UYVY  48x32 to 2592x1944"},
		{Device{}, Want{}, "no format that can be used"},
	} {
		if got, err := choose(c.of, c.want); !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %+v, %v", c.want, got, err)
		}
	}
	const list = `/dev/video0  HD Webcam
  YUYV  640x480 (30, 15), 1280x720 (10, 5), 320x240 (30), 1920x1080 (5)
  MJPG  1280x720 (30, 15), 1920x1080 (30), 640x480 (30)
  cannot be used: H264`
	if got := webcam.String(); got != list {
		t.Errorf("the list is\n%s\nwant\n%s", got, list)
	}
}

// What is chosen is one that the camera has, meets what was asked, and is found if there is any.
func TestChooseProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([][2]int{{320, 240}, {640, 480}, {1280, 720}, {1920, 1080}})
		var d Device
		for range rapid.IntRange(1, 8).Draw(t, "modes") {
			s := size.Draw(t, "size")
			m := one(rapid.SampledFrom(preferred).Draw(t, "format"), s[0], s[1])
			for range rapid.IntRange(1, 3).Draw(t, "rates") {
				m.Rates = append(m.Rates, rate(rapid.SampledFrom([]int{5, 10, 15, 25, 30, 60}).Draw(t, "rate")))
			}
			d.Modes = append(d.Modes, m)
		}
		var want Want
		if rapid.Bool().Draw(t, "a size is asked") {
			s := size.Draw(t, "asked size")
			want.Width, want.Height = s[0], s[1]
		}
		if rapid.Bool().Draw(t, "a rate is asked") {
			want.Rate = rate(rapid.SampledFrom([]int{10, 30}).Draw(t, "asked rate"))
		}
		meets := func(c Choice) bool {
			return (want.Width == 0 || c.Width == want.Width && c.Height == want.Height) && (want.Rate.Num == 0 || c.Rate == want.Rate)
		}
		var possible []Choice
		for _, m := range d.Modes {
			for _, r := range m.Rates {
				if c := (Choice{m.Format, m.MinWidth, m.MinHeight, r}); meets(c) {
					possible = append(possible, c)
				}
			}
		}
		got, err := choose(d, want)
		if (err == nil) != (len(possible) > 0) {
			t.Fatalf("%v of %v: %v", want, d, err)
		}
		found := false
		for _, c := range possible {
			found = found || c == got
			if c.Width == got.Width && c.Height == got.Height && c.Rate == got.Rate && rank(c.Format) < rank(got.Format) {
				t.Fatalf("%+v was chosen, though there is %+v", got, c)
			}
		}
		if err == nil && !found {
			t.Fatalf("%+v is not in %v", got, possible)
		}
	})
}

func TestInterval(t *testing.T) {
	for _, c := range []struct {
		numerator, denominator uint32
		want                   y4m.Rate
	}{
		{1, 30, rate(30)}, {1001, 30000, y4m.Rate{Num: 30000, Den: 1001}}, {333333, 10000000, y4m.Rate{Num: 10000000, Den: 333333}},
		{2, 25, y4m.Rate{Num: 25, Den: 2}}, {0, 1, y4m.Rate{}}, {1, 0, y4m.Rate{}}, {1, 1 << 31, y4m.Rate{}}, {400000, 10000000, rate(25)},
	} {
		if got := interval(c.numerator, c.denominator); got != c.want {
			t.Errorf("%d/%d s: %v, want %v", c.numerator, c.denominator, got, c.want)
		}
	}
	for want, r := range map[string]y4m.Rate{"29.97": {Num: 30000, Den: 1001}, "30": rate(30), "12.5": {Num: 25, Den: 2}, "100": rate(100)} {
		if got := rateText(r); got != want {
			t.Errorf("a rate of %s is written as %s", want, got)
		}
	}
	if got := Format(0x80000000|uint32('Y')|'1'<<8|'6'<<16|' '<<24).String() + Format(1).String(); got != "Y16????" {
		t.Errorf("formats are written as %q", got)
	}
}

func TestCapturedAt(t *testing.T) {
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	const clock = time.Hour
	for _, c := range []struct{ stamp, age time.Duration }{
		{clock - 20*time.Millisecond, 20 * time.Millisecond}, {clock, 0},
		{clock + time.Millisecond, 0}, {clock - time.Minute, 0}, {0, 0}, // these cannot be
	} {
		if got := capturedAt(c.stamp, clock, now); !got.Equal(now.Add(-c.age)) {
			t.Errorf("a stamp %v ago: %v ago, want %v", clock-c.stamp, now.Sub(got), c.age)
		}
	}
}

func TestNumbering(t *testing.T) {
	var n numbering
	for i, c := range []struct {
		sequence uint32
		want     uint64
	}{{5, 0}, {6, 1}, {9, 4}, {9, 5}, {3, 6}, {4, 7}, {1<<32 - 1, 8}, {0, 9}, {2, 11}} {
		if got := n.number(c.sequence); got != c.want {
			t.Errorf("picture %d, of sequence %d: number %d, want %d", i, c.sequence, got, c.want)
		}
	}
	n.restart()
	if a, b := n.number(70), n.number(72); a != 12 || b != 14 {
		t.Errorf("after a restart: %d, %d", a, b)
	}
}
