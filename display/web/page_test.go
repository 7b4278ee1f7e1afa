package web

import (
	"context"
	"image"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"salsify/testbed/testenv"
)

// browse opens the page in a browser.
func browse(t *testing.T, s *Server) context.Context {
	t.Helper()
	program := testenv.Tool(t, "chromium")
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("disable-gpu", true), chromedp.UserDataDir(t.TempDir()),
		chromedp.WindowSize(1280, 720), chromedp.Env("TMPDIR="+t.TempDir()))
	allocator, end := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(end)
	tab, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	tab, cancel = context.WithTimeout(tab, 2*time.Minute)
	t.Cleanup(cancel)
	if err := chromedp.Do(tab, chromedp.Navigate(s.URL())); err != nil {
		t.Fatal(err)
	}
	return tab
}

func evaluate[T any](t *testing.T, tab context.Context, script string) T {
	t.Helper()
	result, err := chromedp.Run(tab, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// screenshot keeps what the page looks like, for whoever runs the test with -artifacts.
func screenshot(t *testing.T, tab context.Context, name string) {
	t.Helper()
	png, err := chromedp.Run(tab, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// seen reads the middle of the picture as the page shows it.
const seen = `(() => {
	const picture = document.getElementById('picture');
	const canvas = document.createElement('canvas');
	[canvas.width, canvas.height] = [picture.videoWidth, picture.videoHeight];
	if (!canvas.width) return [];
	const context = canvas.getContext('2d');
	context.drawImage(picture, 0, 0);
	return Array.from(context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data).slice(0, 3);
})()`

// plainPicture is of one colour.
func plainPicture(width, height int, c color.YCbCr) *image.YCbCr {
	p := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range p.Y {
		p.Y[i] = c.Y
	}
	for i := range p.Cb {
		p.Cb[i], p.Cr[i] = c.Cb, c.Cr
	}
	return p
}

// video601 is a colour of video (ITU-R BT.601, limited range) on a screen.
func video601(c color.YCbCr) [3]float64 {
	y, cb, cr := 255./219*(float64(c.Y)-16), 255./224*(float64(c.Cb)-128), 255./224*(float64(c.Cr)-128)
	return [3]float64{y + 1.402*cr, y - 0.344136*cb - 0.714136*cr, y + 1.772*cb}
}

// TestPage looks at the page in a real browser: the colours that are sent are seen, the keys work, what a person is told is right, and when
// the receiver is started anew the picture comes back.
func TestPage(t *testing.T) {
	s := serve(t, Options{Statistics: func() []string { return []string{"rate: 2.4 Mbit/s", "delay: 84 ms", "fps: 30.0"} }})
	tab := browse(t, s)
	text := func() string {
		return evaluate[string](t, tab, `document.getElementById('notice').hidden ? '' : document.getElementById('notice').innerText`)
	}
	within(t, "the page says that there is no sender", func() bool { return strings.Contains(text(), "Waiting for a sender") })
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })

	shows := func(s *Server, c color.YCbCr) {
		t.Helper()
		want := video601(c)
		picture := plainPicture(640, 360, c)
		var got []float64
		within(t, "the colour is seen", func() bool {
			s.Show(picture, time.Now())
			time.Sleep(33 * time.Millisecond)
			got = evaluate[[]float64](t, tab, seen)
			for i := range got {
				if math.Abs(got[i]-want[i]) > 4 {
					return false
				}
			}
			return len(got) == 3
		})
		t.Logf("sent %.0f, seen %.0f", want, got)
	}
	shows(s, color.YCbCr{Y: 150, Cb: 90, Cr: 160})
	shows(s, color.YCbCr{Y: 60, Cb: 150, Cr: 110})

	press := func(key string) {
		t.Helper()
		if err := chromedp.Do(tab, chromedp.KeyEvent(key)); err != nil {
			t.Fatal(err)
		}
	}
	press("s")
	within(t, "the statistics are there", func() bool {
		lines := evaluate[string](t, tab, `document.getElementById('statistics').innerText`)
		return strings.Contains(lines, "84 ms") && strings.Contains(lines, "640 × 360")
	})
	within(t, "the sound can be turned on", func() bool {
		s.Sound([]byte{0xf8, 0xff, 0xfe}, uint32(time.Now().UnixMilli()*soundClockRate/1000)) // Opus: silence
		return !evaluate[bool](t, tab, `document.getElementById('button-sound').hidden`)
	})
	press("a")
	if evaluate[bool](t, tab, `document.getElementById('sound').muted`) {
		t.Error("the sound is not on")
	}
	within(t, "the sound is played", func() bool {
		s.Sound([]byte{0xf8, 0xff, 0xfe}, uint32(time.Now().UnixMilli()*soundClockRate/1000))
		return evaluate[float64](t, tab, `document.getElementById('sound').currentTime`) > 0.1
	})
	press("m")
	if got := evaluate[string](t, tab, `getComputedStyle(document.getElementById('picture')).transform`); got != "matrix(-1, 0, 0, 1, 0, 0)" {
		t.Errorf("mirrored, the picture's transform is %s", got)
	}
	press("m")
	press("f")
	within(t, "it fills the screen", func() bool { return evaluate[bool](t, tab, `document.fullscreenElement !== null`) })
	press("f")
	within(t, "it does not", func() bool { return evaluate[bool](t, tab, `document.fullscreenElement === null`) })
	if got := evaluate[string](t, tab, `document.getElementById('button-statistics').getAttribute('aria-pressed')`); got != "true" {
		t.Errorf("the button of the statistics is pressed: %s", got)
	}
	within(t, "the page says that there is no signal", func() bool {
		return strings.Contains(text(), "No signal") && strings.Contains(text(), "for ")
	})
	screenshot(t, tab, "no-signal")

	address := s.URL()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	within(t, "the page says that the receiver is gone", func() bool { return strings.Contains(text(), "does not answer") })
	again, err := Listen(address, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	began := time.Now()
	within(t, "the page is back", func() bool { return again.Counts().Viewers == 1 })
	shows(again, color.YCbCr{Y: 120, Cb: 100, Cr: 128})
	t.Logf("the receiver started anew is shown after %v", time.Since(began).Round(10*time.Millisecond))
	within(t, "the notice is gone", func() bool {
		again.Show(plainPicture(64, 64, color.YCbCr{Y: 99, Cb: 99, Cr: 99}), time.Now())
		return text() == ""
	})
	if err := chromedp.Do(tab, chromedp.Navigate("about:blank")); err != nil {
		t.Fatal(err)
	}
	within(t, "who leaves the page is gone", func() bool { return again.Counts().Viewers == 0 })
}

// TestPictureToScreen measures how long after a picture was decoded a browser has it on its screen, with frames that go on as they came
// and with such that are coded anew.
func TestPictureToScreen(t *testing.T) {
	from := newSender(t, 1440)
	var frames []*waiting
	for range 45 {
		frames = append(frames, from.frame(0, false, 30))
	}
	for _, way := range []string{"passed on", "coded anew"} {
		t.Run(way, func(t *testing.T) {
			s := serve(t, Options{})
			tab := browse(t, s)
			within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
			evaluate[bool](t, tab, `(() => {
				window.seen = [];
				const picture = document.getElementById('picture');
				const note = (now, m) => {
					seen.push([m.rtpTimestamp, performance.timeOrigin + now, performance.timeOrigin + m.expectedDisplayTime]);
					picture.requestVideoFrameCallback(note);
				};
				picture.requestVideoFrameCallback(note);
				return true;
			})()`)
			given := make(map[uint32]time.Time) // by RTP timestamp
			var clock mediaClock
			tick := time.NewTicker(time.Second / 30)
			defer tick.Stop()
			for i := range 150 {
				<-tick.C
				w := frames[i%len(frames)]
				at := time.Now()
				if i%len(frames) == 0 && (way == "coded anew") {
					continue // without the key frame all that follows differs
				}
				given[clock.timestamp(at)] = at
				s.Frame(Frame{Data: w.frame, Source: w.source, State: w.state, Shown: true, At: at})
				if i == 60 {
					screenshot(t, tab, strings.ReplaceAll(way, " ", "-"))
				}
				if i == 80 {
					if err := chromedp.Do(tab, chromedp.KeyEvent("s")); err != nil {
						t.Fatal(err)
					}
				}
			}
			time.Sleep(200 * time.Millisecond)
			screenshot(t, tab, strings.ReplaceAll(way, " ", "-")+"-statistics")
			if rows := evaluate[string](t, tab, `document.getElementById('seen').innerText`); !strings.Contains(rows, "lost packets\t0\n") {
				t.Errorf("packets were lost on the way within the machine: %q", rows)
			}
			var callback, display []float64
			for _, seen := range evaluate[[][]float64](t, tab, `seen`) {
				if at, ok := given[uint32(seen[0])]; ok {
					ms := float64(at.UnixNano()) / 1e6
					callback, display = append(callback, seen[1]-ms), append(display, seen[2]-ms)
				}
			}
			if sent := s.Counts().Passed + s.Counts().Recoded; len(display) < int(sent)/2 {
				t.Fatalf("%d pictures of %d were seen", len(display), sent)
			}
			slices.Sort(callback)
			slices.Sort(display)
			at := func(sorted []float64, share float64) float64 { return sorted[int(share*float64(len(sorted)-1))] }
			t.Logf("%d of %d pictures; expected on the screen after (ms) p50 %.1f p95 %.1f; told the page after p50 %.1f p95 %.1f; %+v",
				len(display), len(given), at(display, 0.5), at(display, 0.95), at(callback, 0.5), at(callback, 0.95), s.Counts())
			if got := at(display, 0.5); got > 150 && !raceEnabled {
				t.Errorf("half of the pictures are on the screen %.0f ms after they were decoded, or later", got)
			}
		})
	}
}
