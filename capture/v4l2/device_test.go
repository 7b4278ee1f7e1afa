//go:build linux && cgo

package v4l2

import (
	"errors"
	"image"
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	kernel "github.com/vladimirvivien/go4vl/v4l2"
	"golang.org/x/sys/unix"

	"salsify/codec/y4m"
	"salsify/testbed/guest"
)

// vivid is the kernel's simulated camera, as a webcam.
var vivid = guest.Module{Name: "vivid", Parameters: "n_devs=1 node_types=0x1 num_inputs=1 input_types=0x0"}

// TestInGuest runs the tests below in a guest.
func TestInGuest(t *testing.T) {
	guest.Test(t, guest.Options{Run: "^TestDevice", Modules: []guest.Module{vivid}})
}

const video0 = "/dev/video0"

// set sets a control of the driver by its name, to one of its menu or to a value.
func set(t *testing.T, name, item string, value int32) {
	t.Helper()
	const nextOne = 0x80000000 // V4L2_CTRL_FLAG_NEXT_CTRL
	n, err := openNode(video0)
	if err != nil {
		t.Fatal(err)
	}
	defer n.close()
	var c kernel.Control
	for c.Name != name {
		if c, err = kernel.QueryControlInfo(n.fd, c.ID|nextOne); err != nil {
			t.Fatalf("no control %q: %v", name, err)
		}
	}
	if item != "" {
		menu, err := c.GetMenuItems()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(menu, func(m kernel.ControlMenuItem) bool { return m.Name == item })
		if i < 0 {
			t.Fatalf("control %q has no %q, but %v", name, item, menu)
		}
		value = int32(menu[i].Index)
	}
	if err := kernel.SetControlValue(n.fd, c.ID, value); err != nil {
		t.Fatal(err)
	}
}

// press presses a button of the driver.
func press(t *testing.T, name string) {
	t.Helper()
	set(t, name, "", 0)
}

func opened(t *testing.T, want Want, report func(string)) (*Camera, *image.YCbCr) {
	t.Helper()
	c, err := Open(video0, want, report)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, image.NewYCbCr(image.Rect(0, 0, c.Choice().Width, c.Choice().Height), image.YCbCrSubsampleRatio420)
}

func next(t *testing.T, c *Camera, p *image.YCbCr) Shot {
	t.Helper()
	shot, err := c.Next(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return shot
}

// bars are the driver's 100 % bars: white, yellow, cyan, green, magenta, red, blue and black.
var bars = [8]colour{
	drawn(1, 1, 1), drawn(1, 1, 0), drawn(0, 1, 1), drawn(0, 1, 0), drawn(1, 0, 1), drawn(1, 0, 0), drawn(0, 0, 1), drawn(0, 0, 0),
}

// drawn makes Y, Cb and Cr of red, green and blue as ITU-R BT.601-7, 2.5 says. The driver takes the greatest value, 255, for 255/256
// of the whole, and cuts fractions off; so some samples are one less than they should be.
func drawn(red, green, blue float64) colour {
	luma := 0.299*red + 0.587*green + 0.114*blue
	sample := func(zero, span, share float64) byte {
		const tiny = 1e-9 // what floating point may be off
		return byte(math.Floor(zero + span*share*255/256 + tiny))
	}
	return colour{sample(16, 219, luma), sample(128, 112, (blue-luma)/(1-0.114)), sample(128, 112, (red-luma)/(1-0.299))}
}

// compare compares each sample of a picture with what it must be.
func compare(t *testing.T, what string, p *image.YCbCr, want func(x, y int) colour) {
	t.Helper()
	wrong := 0
	for y := range p.Rect.Dy() {
		for x := range p.Rect.Dx() {
			got := colour{p.Y[p.YOffset(x, y)], p.Cb[p.COffset(x, y)], p.Cr[p.COffset(x, y)]}
			if got != want(x, y) {
				if wrong++; wrong == 1 {
					t.Errorf("%s: at %d,%d it is %v, want %v", what, x, y, got, want(x, y))
				}
			}
		}
	}
	if wrong > 1 {
		t.Errorf("%s: %d pixels are wrong", what, wrong)
	}
}

// Every raw format gives the driver's pattern bit by bit.
func TestDeviceFormats(t *testing.T) {
	guest.Inside(t)
	const width, height = 640, 480
	set(t, "OSD Text Mode", "None", 0)
	for _, pattern := range []struct {
		name string
		want func(x, y int) colour
	}{
		{"100% Colorbar", func(x, _ int) colour { return bars[x*8/width] }},
		{"Horizontal 100% Colorbar", func(_, y int) colour { return bars[y*8/height] }},
		{"100% Red", func(_, _ int) colour { return bars[5] }},
	} {
		set(t, "Test Pattern", pattern.name, 0)
		for _, format := range preferred[:rank(MJPEG)] {
			c, p := opened(t, Want{Width: width, Height: height, Format: format, Rate: y4m.Rate{Num: 25, Den: 1}}, nil)
			if got := c.Choice(); got != (Choice{format, width, height, y4m.Rate{Num: 25, Den: 1}}) {
				t.Errorf("it chose %+v", got)
			}
			for range 2 {
				next(t, c, p)
				compare(t, pattern.name+" in "+format.String(), p, pattern.want)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// A camera can be opened again, which the kernel refuses as long as buffers are mapped; and not twice at once.
func TestDeviceRestart(t *testing.T) {
	guest.Inside(t)
	for range 3 {
		c, p := opened(t, Want{Width: 320, Height: 180}, nil)
		if first, second := next(t, c, p), next(t, c, p); first.Number != 0 || second.Number == 0 {
			t.Errorf("the first pictures are %d and %d", first.Number, second.Number)
		}
		_, err := Open(video0, Want{Width: 320, Height: 180}, nil)
		if !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), "another program") {
			t.Errorf("opened twice: %v", err)
		}
		next(t, c, p) // the attempt did no harm
		c.Close()
		if _, err := c.Next(t.Context(), p); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	}
}

func TestDeviceChange(t *testing.T) {
	guest.Inside(t)
	for _, want := range []Choice{
		{NV12, 640, 360, y4m.Rate{Num: 15, Den: 1}},
		{YUYV, 320, 180, y4m.Rate{Num: 30, Den: 1}},
		{UYVY, 320, 180, y4m.Rate{Num: 10, Den: 1}},
		{YU12, 640, 480, y4m.Rate{Num: 15, Den: 1}},
	} {
		c, p := opened(t, Want{want.Width, want.Height, want.Rate, want.Format}, nil)
		if c.Choice() != want {
			t.Errorf("asked for %+v, got %+v", want, c.Choice())
		}
		first := next(t, c, p)
		var last Shot
		for last.Number < first.Number+10 {
			last = next(t, c, p)
		}
		took := last.Captured.Sub(first.Captured) / time.Duration(last.Number-first.Number)
		if interval := time.Duration(float64(time.Second) / perSecond(want.Rate)); took < interval*8/10 || took > interval*12/10 {
			t.Errorf("%+v: a picture each %v", want, took)
		}
		c.Close()
	}
	for _, want := range []Want{{Width: 1000, Height: 700}, {Width: 1280, Height: 720, Rate: y4m.Rate{Num: 30, Den: 1}}, {Format: MJPEG}} {
		_, err := Open(video0, want, nil)
		if !errors.Is(err, ErrMode) || !strings.Contains(err.Error(), "1280x720 (12.5, 10, 5, 4, 2, 1)") {
			t.Errorf("asked for %v: %v", want, err)
		}
	}
	if _, err := Open("/dev/video7", Want{}, nil); !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), "plugged in") {
		t.Errorf("no such camera: %v", err)
	}
}

func TestDeviceList(t *testing.T) {
	guest.Inside(t)
	all, err := Devices()
	if err != nil || len(all) != 1 {
		t.Fatalf("%v, %v", all, err)
	}
	text := all[0].String()
	t.Log(text)
	for _, want := range []string{"/dev/video0  vivid", "NV12  320x180 (60, 50,", "cannot be used: YVYU"} {
		if !strings.Contains(text, want) {
			t.Errorf("the list has no %q", want)
		}
	}
}

// A user who may not use the camera is told what to do. Root may always, so another user asks.
func TestDevicePermission(t *testing.T) {
	guest.Inside(t)
	if err := unix.Chmod(video0, 0); err != nil {
		t.Fatal(err)
	}
	defer unix.Chmod(video0, 0o600)
	asked := make(chan error)
	go func() { // its thread, whose user is another one now, ends with it
		runtime.LockOSThread()
		if _, _, err := unix.RawSyscall(unix.SYS_SETRESUID, 1000, 1000, 1000); err != 0 {
			asked <- err
			return
		}
		_, err := Open(video0, Want{}, nil)
		asked <- err
	}()
	if err := <-asked; !errors.Is(err, ErrOpen) || !strings.Contains(err.Error(), "group video") {
		t.Errorf("%v", err)
	}
}

// lines are what a camera reports.
func lines() (report func(string), take func(t *testing.T, part string)) {
	all := make(chan string, 10)
	return func(line string) { all <- line }, func(t *testing.T, part string) {
		t.Helper()
		select {
		case line := <-all:
			if !strings.Contains(line, part) {
				t.Errorf("reported %q, want one of %q", line, part)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("nothing was reported; want %q", part)
		}
	}
}

// The camera goes away while it is used, with its driver, and comes back.
func TestDeviceUnplug(t *testing.T) {
	guest.Inside(t)
	report, reported := lines()
	c, p := opened(t, Want{Width: 320, Height: 180, Rate: y4m.Rate{Num: 25, Den: 1}}, report)
	before := next(t, c, p)
	press(t, "Disconnect")
	reported(t, "waiting for it to return")
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		err := guest.Unload(vivid.Name) // as long as the camera is held open, this is refused
		if err == nil {
			break
		}
		if time.Since(begin) > 10*time.Second {
			t.Fatal(err)
		}
	}
	if _, err := Open(video0, Want{}, nil); !errors.Is(err, ErrOpen) {
		t.Errorf("while it is away: %v", err)
	}
	waited := make(chan Shot, 1)
	go func() {
		shot := before
		for shot.Captured.Sub(before.Captured) < 500*time.Millisecond { // those from before it went away
			var err error
			if shot, err = c.Next(t.Context(), p); err != nil {
				t.Error(err)
				break
			}
		}
		waited <- shot
	}()
	time.Sleep(1500 * time.Millisecond) // so that it looks for the camera in vain once
	if err := guest.Load(vivid); err != nil {
		t.Fatal(err)
	}
	plugged := time.Now()
	reported(t, "is back")
	after := <-waited
	t.Logf("the first picture came %v after the camera", after.Captured.Sub(plugged))
	if after.Number <= before.Number {
		t.Errorf("picture %d came after %d", after.Number, before.Number)
	}
	next(t, c, p)
}

// A camera that fails while it stays is started again.
func TestDeviceFails(t *testing.T) {
	guest.Inside(t)
	report, reported := lines()
	c, p := opened(t, Want{Width: 320, Height: 180, Rate: y4m.Rate{Num: 25, Den: 1}}, report)
	next(t, c, p)
	press(t, "Inject V4L2_BUF_FLAG_ERROR") // a picture that the driver says is damaged
	for range 3 {
		next(t, c, p)
	}
	press(t, "Inject Fatal Streaming Error") // the camera stays, but no picture comes until it is started again
	reported(t, "waiting for it to return")
	reported(t, "is back")
	next(t, c, p)
}

// The delay from the kernel's time stamp until the converted picture is there.
func TestDeviceLatency(t *testing.T) {
	guest.Inside(t)
	for _, format := range []Format{NV12, YUYV} {
		c, p := opened(t, Want{Width: 640, Height: 360, Format: format, Rate: y4m.Rate{Num: 15, Den: 1}}, nil)
		var delays []time.Duration
		for range 30 {
			shot := next(t, c, p)
			delays = append(delays, time.Since(shot.Captured))
		}
		c.Close()
		slices.Sort(delays)
		t.Logf("%v 640x360: from the kernel's time stamp to the picture: median %v, 90 %% %v, most %v",
			format, delays[15], delays[27], delays[29])
		if delays[0] < 0 || delays[15] > 60*time.Millisecond {
			t.Errorf("delays %v: want a median below one interval, and no picture from the future", delays)
		}
	}
}
