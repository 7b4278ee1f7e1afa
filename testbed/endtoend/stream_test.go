package endtoend

import (
	"bufio"
	"encoding/json"
	"errors"
	"image"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/capture/barcode"
	"salsify/capture/scene"
	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/transport/bitrate"
)

// sentLine and seenLine are what is looked at of the two --stats.
type sentLine struct {
	Time     int64  `json:"time_us"`
	Captured int64  `json:"captured_us"`
	Outcome  string `json:"outcome"`
	Frame    uint64 `json:"frame"`
	Key      bool   `json:"key"`
	Chosen   int    `json:"chosen"`
	Bytes    []int  `json:"candidate_bytes"`
}

type seenLine struct {
	Time  int64  `json:"time_us"`
	Frame uint64 `json:"frame"`
	First int64  `json:"first_us"`
	Whole int64  `json:"whole_us"`
	Bytes int    `json:"bytes"`
	Shown bool   `json:"shown"`
	Error string `json:"error"`
}

// readStats reads a file of JSON lines.
func readStats[T any](t *testing.T, path string) (lines []T) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line T
		if err := json.Unmarshal(s.Bytes(), &line); err != nil {
			t.Fatalf("%s: %v: %s", path, err, s.Bytes())
		}
		lines = append(lines, line)
	}
	return lines
}

func keyFrames(lines []sentLine) (n int) {
	for _, l := range lines {
		if l.Key {
			n++
		}
	}
	return n
}

// readRecording decodes a recording as a player does, each frame from the one before, and returns which pictures are in it.
func readRecording(t *testing.T, path string) (numbers []uint32) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := ivf.NewReader(bufio.NewReader(f))
	if err != nil {
		t.Fatal(err)
	}
	state, err := vp8.NewState(r.Header().Width, r.Header().Height)
	if err != nil {
		t.Fatal(err)
	}
	var last uint64
	for {
		frame, at, err := r.Next(nil)
		if errors.Is(err, io.EOF) {
			return numbers
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(numbers) > 0 && at <= last {
			t.Errorf("a frame at %d ms after one at %d ms", at, last)
		}
		last = at
		if state, _, err = vp8.Decode(state, frame); err != nil {
			t.Fatalf("frame %d of the recording: %v", len(numbers), err)
		}
		// Its barcode is of the right picture only if it was decoded from the state that it was made from.
		upper, lower := barcode.Read(state.Picture())
		if !upper.OK || upper != lower {
			t.Fatalf("frame %d of the recording shows no barcode", len(numbers))
		}
		numbers = append(numbers, barcode.Unpack(upper.Value, time.Now()).Frame)
	}
}

// The first thing that anybody does: two programs, one machine.
func TestLoopback(t *testing.T) {
	dir := t.TempDir()
	sent, seen, record := filepath.Join(dir, "sent"), filepath.Join(dir, "seen"), filepath.Join(dir, "sent.ivf")
	v := view(t, anywhere, "--once", "--stats", seen, "--metrics", anywhere)
	s := send(t, v.address, v.key, "--duration", "3s", "--record", record, "--stats", sent, "--metrics", anywhere)
	s.says(3*time.Second, "connected to "+v.address)
	v.flows(2*time.Second, 10)
	mustMeasure(t, s, "salsify_send_frames_total", "salsify_send_capacity_bits_per_second", "salsify_send_rtt_seconds")
	mustMeasure(t, v.program, "salsify_recv_shown_total", "salsify_recv_wire_bytes_total", "salsify_recv_connected")
	s.mustEnd(5*time.Second, 0)
	v.mustEnd(2*time.Second, 0)
	<-v.over
	v.mustBeInOrder()

	sends, sees := readStats[sentLine](t, sent), readStats[seenLine](t, seen)
	frames := slices.DeleteFunc(slices.Clone(sends), func(l sentLine) bool { return l.Outcome != "sent" })
	if len(frames) < 50 || keyFrames(sends) != 1 || !frames[0].Key {
		t.Errorf("%d frames of about 75 pictures, %d of them key frames", len(frames), keyFrames(sends))
	}
	for i, l := range sees {
		if l.First > l.Whole || l.Whole > l.Time || l.Bytes <= 0 || l.Error != "" || !l.Shown {
			t.Errorf("frame %d of --stats at the receiver: %+v", i, l)
		}
	}
	// The last one or two may still have been on their way.
	if len(sees) < len(frames)-2 || len(v.pictures()) < len(sees)-2 {
		t.Errorf("%d frames sent, %d decoded, %d seen", len(frames), len(sees), len(v.pictures()))
	}
	if recorded := readRecording(t, record); len(recorded) != len(frames) || !slices.IsSorted(recorded) {
		t.Errorf("%d frames sent, %d recorded: %v", len(frames), len(recorded), recorded)
	}
	for _, text := range []string{"sent ", " key frames: ", "the larger candidate left "} {
		s.says(0, text)
	}
	for _, text := range []string{
		"showing the sender at 127.0.0.1:", "the sender is gone: the other side said goodbye", "shown ", "not shown: ",
	} {
		v.says(0, text)
	}
	// Not a terminal: a plain line each second, and nothing that commands one.
	for _, p := range []*program{s, v.program} {
		if text := p.stderr.String(); strings.ContainsAny(text, "\r\x1b") || strings.Count(text, " fps") < 2 {
			t.Errorf("%s does not write plain lines:\n%q", p.name, text)
		}
	}
}

var metricsAt = regexp.MustCompile(`metrics: (http://\S+)`)

// mustMeasure reads a program's metrics as Prometheus does.
func mustMeasure(t *testing.T, p *program, names ...string) {
	t.Helper()
	m := metricsAt.FindStringSubmatch(p.stderr.String())
	if m == nil {
		t.Fatalf("%s does not say where its metrics are", p.name)
	}
	response, err := http.Get(m[1])
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	values := map[string]string{}
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if line := lines.Text(); !strings.HasPrefix(line, "#") {
			name, value, ok := strings.Cut(line, " ")
			if !ok {
				t.Errorf("not a metric: %q", line)
			}
			values[name] = value
		}
	}
	for _, name := range names {
		if v := values[name]; v == "" || v == "0" {
			t.Errorf("%s: %s is %q in the middle of a session", p.name, name, v)
		}
	}
}

// Of every twenty packets one is lost, in both directions: no key frame is needed, and the recording is one chain all the same.
func TestLoss(t *testing.T) {
	dir := t.TempDir()
	sent, record := filepath.Join(dir, "sent"), filepath.Join(dir, "sent.ivf")
	v := view(t, anywhere, "--once")
	_, address := between(t, v, 0, 10*time.Millisecond, 0.05)
	s := send(t, address, v.key, "--duration", "4s", "--record", record, "--stats", sent, "--max-bitrate", "1M")
	s.mustEnd(7*time.Second, 0)
	v.mustEnd(2*time.Second, 0)
	<-v.over
	v.mustBeInOrder()
	sends := readStats[sentLine](t, sent)
	recorded := readRecording(t, record)
	pictures := v.pictures()
	t.Logf("%d pictures encoded, %d seen, %d recorded", len(sends), len(pictures), len(recorded))
	if n := keyFrames(sends); n != 1 {
		t.Errorf("%d key frames", n)
	}
	if len(pictures) < len(sends)/2 {
		t.Fatalf("%d pictures encoded, %d seen", len(sends), len(pictures))
	}
	if len(recorded) < len(sends)/2 || !slices.IsSorted(recorded) {
		t.Errorf("%d pictures encoded, %d recorded: %v", len(sends), len(recorded), recorded)
	} else if end := pictures[len(pictures)-1].number; recorded[len(recorded)-1]+10 < end {
		t.Errorf("the recording ends with picture %d, the last one seen is %d", recorded[len(recorded)-1], end)
	}
}

// A link of 1 Mbit/s and 20 ms each way: what is seen is fresh, and the link is used.
func TestSlowLink(t *testing.T) {
	v := view(t, anywhere, "--once")
	r, address := between(t, v, bitrate.MbitPerSecond, 20*time.Millisecond, 0)
	began := time.Now()
	s := send(t, address, v.key, "--duration", "4s")
	first := within(t, 3*time.Second, "the first picture is seen", v.capturedAfter(began))
	s.mustEnd(6*time.Second, 0)
	v.mustEnd(2*time.Second, 0)
	<-v.over
	v.mustBeInOrder()
	var delays []time.Duration
	for _, p := range v.pictures() {
		delays = append(delays, p.at.Sub(p.captured))
	}
	slices.Sort(delays)
	p95 := delays[len(delays)*95/100]
	rate := bitrate.Of(int(r.Stats().Up.Delivered.Bytes), 4*time.Second)
	t.Logf("first picture after %v; %d pictures, delay p50 %v, p95 %v; %v", first, len(delays), delays[len(delays)/2], p95, rate)
	if len(delays) < 50 || p95 > 300*time.Millisecond || rate < 300*bitrate.KbitPerSecond {
		t.Errorf("%d pictures, delay p95 %v, rate %v", len(delays), p95, rate)
	}
}

// clip writes a file of pictures with barcodes, which say their place in it, and returns its name.
func clip(t *testing.T, count int) string {
	t.Helper()
	const width, height, rate = 320, 180, 25
	s, err := scene.New(scene.Config{Width: width, Height: height, Rate: rate})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "clip.y4m")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w, err := y4m.NewWriter(f, y4m.Header{Width: width, Height: height, Rate: y4m.Rate{Num: rate, Den: 1}})
	if err != nil {
		t.Fatal(err)
	}
	picture := s.NewPicture()
	for n := range count {
		s.Render(uint64(n), picture)
		if err := errors.Join(barcode.Stamp(picture, uint64(n)), w.Write(picture)); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// A file is played to its end, from its beginning, and written to a file at the other side. With --loop it goes back and forth.
func TestFiles(t *testing.T) {
	const count = 20
	path := clip(t, count)
	piped, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer piped.Close()
	for _, test := range []struct {
		name, source string
		flags        []string
		backwards    bool
	}{
		{"file", path, nil, false},
		{"pipe", "-", nil, false},
		{"loop", path, []string{"--loop", "--duration", "1600ms"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := filepath.Join(t.TempDir(), "seen.y4m")
			v := &viewer{over: make(chan struct{})}
			v.program = start(t, "salsify-recv", nil, "--listen", anywhere, "--display", seen, "--once")
			v.ready()
			s := start(t, "salsify-send", func(c *exec.Cmd) { c.Stdin = piped },
				append([]string{test.source, v.address, "--key", v.key, "--effort", "2"}, test.flags...)...)
			s.mustEnd(6*time.Second, 0)
			v.mustEnd(2*time.Second, 0)
			numbers := readClip(t, seen)
			forwards, backwards := 0, 0
			for i := 1; i < len(numbers); i++ {
				switch {
				case numbers[i] > numbers[i-1]:
					forwards++
				case numbers[i] < numbers[i-1]:
					backwards++
				}
			}
			if len(numbers) < count/2 || forwards < count/3 || (backwards > 0) != test.backwards {
				t.Errorf("seen: %v", numbers)
			}
			if test.source == path && (numbers[0] > 2 || slices.Max(numbers) < count-2) {
				t.Errorf("seen from %d to %d of %d", numbers[0], slices.Max(numbers), count)
			}
		})
	}
}

// readClip reads the barcodes of a file.
func readClip(t *testing.T, path string) (numbers []uint64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := y4m.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var picture *image.YCbCr = r.Header().NewPicture()
	for {
		if err := r.Read(picture); errors.Is(err, io.EOF) {
			return numbers
		} else if err != nil {
			t.Fatal(err)
		}
		if upper, lower := barcode.Read(picture); upper.OK && upper == lower {
			numbers = append(numbers, upper.Value)
		} else {
			t.Error("a picture without a barcode")
		}
	}
}
