package gstreamer

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"salsify/testbed/clip"
	"salsify/testbed/system/internal/rehearsal"
	"salsify/testbed/system/parameters"
	"salsify/transport/bitrate"
)

// installed skips the test where webrtcbin is not, as testenv.Tool does.
func installed(t *testing.T) {
	t.Helper()
	if err := New(Config{}).Missing(); err != nil {
		if os.Getenv("SALSIFY_REQUIRE_TOOLS") == "1" {
			t.Fatal(err)
		}
		t.Skip("skipped: ", err)
	}
}

// A real call: 2 s of it, after webrtcbin has taken one or two to set it up.
func TestCall(t *testing.T) {
	installed(t)
	r := rehearsal.New(t, clip.Config{})
	r.Setup = 20 * time.Second
	r.Expect(New(Config{Bitrate: 500 * bitrate.KbitPerSecond}), 2*time.Second, 5, 2*time.Second)
	if c := r.Commands(); len(c) != 2 || !strings.Contains(strings.Join(c[1], " "), "call.py send 127.0.0.1 ") {
		t.Errorf("commands: %q", c)
	}
}

func TestVersion(t *testing.T) {
	installed(t)
	if v := New(Config{}).Versions(t.Context())["gstreamer"]; !strings.HasPrefix(v, "1.") {
		t.Errorf("version %q", v)
	}
}

func TestOddSizesAreRefused(t *testing.T) {
	r := rehearsal.New(t, clip.Config{Width: 322, Height: 180})
	if _, err := New(Config{}).Prepare(t.Context(), r.Call); err == nil || !strings.Contains(err.Error(), "multiple of 8") {
		t.Errorf("%v", err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Config{
		"":                           {Bitrate: DefaultBitrate, Latency: DefaultLatency},
		"bitrate=2M":                 {Bitrate: 2 * bitrate.MbitPerSecond, Latency: DefaultLatency},
		"latency=50ms,nack=no":       {Bitrate: DefaultBitrate, Latency: 50 * time.Millisecond, NoNack: true},
		"nack=yes,bitrate=800kbit/s": {Bitrate: 800 * bitrate.KbitPerSecond, Latency: DefaultLatency},
	} {
		got, err := Parse(text)
		if err != nil || got.(*System).config != want {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"2M", "bitrate=1", "bitrate=x", "bitrate=1G", "latency=0s", "latency=1h", "nack=maybe", "codec=vp8"} {
		if got, err := Parse(text); !errors.Is(err, parameters.ErrParameters) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "bitrate=2M", "latency=50ms,nack=no", "bitrate=NaN"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			if !errors.Is(err, parameters.ErrParameters) || s != nil {
				t.Fatal(s, err)
			}
			return
		}
		c := s.(*System).config
		if c.Bitrate < minBitrate || c.Bitrate > maxBitrate || c.Latency < time.Millisecond || c.Latency > maxLatency {
			t.Fatalf("%q: %+v", text, c)
		}
	})
}
