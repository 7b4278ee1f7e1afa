package chrome

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"salsify/capture/barcode"
	"salsify/testbed/clip"
	"salsify/testbed/system"
)

// tagged is a number as package clip has it in its codes.
func tagged(number uint64) uint64 { return 0x5A1F<<48 | number }

// cellsOf returns the luma of the cells of both codes, as page.js reads them from a picture.
func cellsOf(t testing.TB, upper, lower uint64) []byte {
	t.Helper()
	var cells []byte
	for i, number := range []uint64{upper, lower} {
		picture := image.NewYCbCr(image.Rect(0, 0, 640, 360), image.YCbCrSubsampleRatio420)
		if err := barcode.Stamp(picture, tagged(number)); err != nil {
			t.Fatal(err)
		}
		area := barcode.Area(640, 360)[i]
		for row := range 4 {
			for column := range codeColumns {
				cells = append(cells, picture.Y[picture.YOffset(area.Min.X+column*8+4, area.Min.Y+row*6+3)])
			}
		}
	}
	return cells
}

func upload(t testing.TB, seen sighting, cells []byte) []byte {
	t.Helper()
	data := binary.LittleEndian.AppendUint64(nil, math.Float64bits(seen.pageMs))
	data = binary.LittleEndian.AppendUint64(data, math.Float64bits(seen.capturedMs*1000))
	data = binary.LittleEndian.AppendUint16(data, uint16(seen.width))
	data = binary.LittleEndian.AppendUint16(data, uint16(seen.height))
	return append(data, cells...)
}

func TestParseSightings(t *testing.T) {
	const now = 1.79e12
	want := []sighting{
		{pageMs: now, capturedMs: 24374606.5, width: 1280, height: 720, code: clip.Sighting{Number: 12345, OK: true}},
		{pageMs: now + 33.3, capturedMs: -1, width: 480, height: 270, code: clip.Sighting{Torn: true}},
		{pageMs: now + 66.6},
	}
	var data []byte
	data = append(data, upload(t, want[0], cellsOf(t, 12345, 12345))...)
	data = append(data, upload(t, want[1], cellsOf(t, 7, 8))...)
	data = append(data, upload(t, want[2], make([]byte, 2*cellsPerCode))...)
	got, err := parseSightings(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v\nwant %+v", got, err, want)
	}
	if got, err := parseSightings(nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}

	if _, err := parseSightings(data[1:]); !errors.Is(err, errUpload) {
		t.Errorf("a byte is missing: %v", err)
	}
	if _, err := parseSightings(upload(t, sighting{width: 65535, height: 65535}, cellsOf(t, 1, 1))); !errors.Is(err, errUpload) {
		t.Errorf("65535x65535 pixels: %v", err)
	}
	for _, ms := range []float64{math.NaN(), math.Inf(1), -1, 1e300} {
		if _, err := parseSightings(upload(t, sighting{pageMs: ms}, cellsOf(t, 1, 1))); !errors.Is(err, errUpload) {
			t.Errorf("seen at %g: %v", ms, err)
		}
		if ms == -1 {
			continue // the camera's clock may have begun anywhere
		}
		if _, err := parseSightings(upload(t, sighting{capturedMs: 1000 * ms}, cellsOf(t, 1, 1))); !errors.Is(err, errUpload) {
			t.Errorf("captured at %g: %v", ms, err)
		}
	}
}

func FuzzParseSightings(f *testing.F) {
	f.Add([]byte{})
	f.Add(upload(f, sighting{pageMs: 1e12, width: 1280, height: 720}, cellsOf(f, 99, 99)))
	f.Fuzz(func(t *testing.T, data []byte) {
		sightings, err := parseSightings(data)
		if err != nil {
			if !errors.Is(err, errUpload) {
				t.Error(err)
			}
			return
		}
		if len(sightings)*sightingBytes != len(data) {
			t.Errorf("%d sightings in %d bytes", len(sightings), len(data))
		}
		now := tick{pageMs: 1.79e12, here: time.Now()}
		for _, seen := range sightings {
			clock{before: now, after: now}.at(seen.pageMs)
		}
	})
}

func TestParsePicture(t *testing.T) {
	luma := []byte{1, 2, 3, 4, 5, 6}
	picture, err := parsePicture(3, 2, luma)
	if err != nil || picture.Y[picture.YOffset(2, 1)] != 6 || picture.Rect.Max != image.Pt(3, 2) {
		t.Errorf("%+v, %v", picture, err)
	}
	for _, size := range [][2]int{{2, 2}, {3, 3}, {0, 2}, {3, 0}, {-3, -2}, {65535, 65535}, {math.MaxInt, 2}} {
		if _, err := parsePicture(size[0], size[1], luma); !errors.Is(err, errUpload) {
			t.Errorf("%v: %v", size, err)
		}
	}
}

// What a page uploads comes out in the order in which it was seen, the pictures with their sightings; anything else is refused.
func TestPages(t *testing.T) {
	p, err := servePages(t.Context(), system.Host{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	var numbers []uint64
	var pictures []int
	p.expect(func(seen sighting, picture *image.YCbCr) {
		if picture != nil {
			pictures = append(pictures, len(numbers))
		}
		numbers = append(numbers, seen.code.Number)
	})
	var data []byte
	for n := range uint64(6) {
		data = append(data, upload(t, sighting{pageMs: 1e12, width: 4, height: 2}, cellsOf(t, n, n))...)
	}
	luma := make([]byte, 8)
	for _, post := range []struct {
		path string
		body []byte
		want int
	}{
		{"picture?sighting=0", luma, http.StatusBadRequest}, // of what?
		{"sightings", data[1:], http.StatusBadRequest},
		{"sightings", data, http.StatusOK},
		{"picture?sighting=1", luma[1:], http.StatusBadRequest},
		{"picture?sighting=1", append(luma, 0), http.StatusBadRequest},
		{"picture?sighting=1", luma, http.StatusOK},
		{"picture?sighting=1", luma, http.StatusBadRequest}, // again
		{"picture?sighting=0", luma, http.StatusBadRequest}, // backwards
		{"picture?sighting=-1", luma, http.StatusBadRequest},
		{"picture?sighting=6", luma, http.StatusBadRequest},
		{"picture?sighting=x", luma, http.StatusBadRequest},
		{"picture", luma, http.StatusBadRequest},
		{"picture?sighting=4", luma, http.StatusOK},
		{"other", nil, http.StatusMethodNotAllowed},
	} {
		request := httptest.NewRequest(http.MethodPost, "/"+post.path, bytes.NewReader(post.body))
		response := httptest.NewRecorder()
		p.server.Handler.ServeHTTP(response, request)
		if response.Code != post.want {
			t.Errorf("%s with %d bytes: %d, want %d: %s", post.path, len(post.body), response.Code, post.want, response.Body)
		}
	}
	p.uploaded()
	if !reflect.DeepEqual(numbers, []uint64{0, 1, 2, 3, 4, 5}) || !reflect.DeepEqual(pictures, []int{1, 4}) {
		t.Errorf("numbers %v, pictures of %v", numbers, pictures)
	}

	response, err := http.Get(p.url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK || !strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Errorf("the page: %v %v", response.Status, response.Header)
	}
}

// Whatever the page's clock shows and however it drifts (evenly), its times become ours.
func TestClock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1_790_000_000, 0)
		offset := rapid.Float64Range(0, 2e12).Draw(t, "page's clock")
		length := time.Duration(rapid.Int64Range(int64(time.Second), int64(time.Hour)).Draw(t, "length"))
		rate := rapid.Float64Range(0.9999, 1.0001).Draw(t, "rate")
		page := func(at time.Duration) float64 { return offset + rate*float64(at)/float64(time.Millisecond) }
		c := clock{before: tick{page(0), start, 0}, after: tick{page(length), start.Add(length), 0}}

		seen := time.Duration(rapid.Int64Range(0, int64(length)).Draw(t, "seen"))
		if off := c.at(page(seen)).Sub(start.Add(seen)).Abs(); off > 10*time.Microsecond { // float64 resolves 0.25 us at 2e12 ms
			t.Fatalf("off by %v", off)
		}
		drift := time.Duration((rate - 1) * float64(length))
		if off := (c.drift() - drift).Abs(); off > 10*time.Microsecond {
			t.Fatalf("drift %v, want %v", c.drift(), drift)
		}
		if margin := drift.Abs() - mostDrift; margin.Abs() > 20*time.Microsecond && (c.check() != nil) != (margin > 0) {
			t.Fatalf("a drift of %v: %v", drift, c.check())
		}
	})
}

func TestCaptureToPage(t *testing.T) {
	captured := []sighting{{pageMs: 1003, capturedMs: 1}, {pageMs: 1035, capturedMs: 34.2}, {pageMs: 1099, capturedMs: 67}}
	if got := captureToPage(captured); math.Abs(got-1000.8) > 1e-9 {
		t.Errorf("%g", got)
	}
}
