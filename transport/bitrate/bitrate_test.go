package bitrate_test

import (
	"math"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]bitrate.Bitrate{
		"64000": 64000, "800k": 800_000, "2.5M": 2_500_000, "2.5 Mbit/s": 2_500_000, "1G": 1e9, "500kbps": 500_000, " 3 m ": 3_000_000,
	} {
		got, err := bitrate.Parse(text)
		if err != nil || got != want {
			t.Errorf("Parse(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "k", "-1M", "0", "NaN", "1e30", "fast", "1x", "+Inf"} {
		if got, err := bitrate.Parse(text); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", text, got)
		}
	}
}

func TestString(t *testing.T) {
	for rate, want := range map[bitrate.Bitrate]string{
		999: "999 bit/s", 64_000: "64 kbit/s", 999_400: "999 kbit/s", 999_600: "1.00 Mbit/s", 2_345_000: "2.35 Mbit/s",
		12_000_000: "12.0 Mbit/s", 250_000_000: "250 Mbit/s", 0: "0 bit/s",
	} {
		if got := rate.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(rate), got, want)
		}
	}
}

func TestTimeAndBytes(t *testing.T) {
	const rate = 12 * bitrate.MbitPerSecond
	if got := rate.Time(1500); got != time.Millisecond {
		t.Errorf("1500 bytes at %v take %v, want 1ms", rate, got)
	}
	if got := rate.Bytes(10 * time.Millisecond); got != 15000 {
		t.Errorf("%v pass in 10 ms at %v, want 15000", got, rate)
	}
	if got := bitrate.Of(1500, time.Millisecond); got != rate {
		t.Errorf("1500 bytes in 1 ms are %v, want %v", got, rate)
	}
	if got := bitrate.Bitrate(0).Time(1); got != math.MaxInt64 {
		t.Errorf("a byte at no rate takes %v", got)
	}
	if got := bitrate.Of(1, 0); got != 0 {
		t.Errorf("a byte in no time is %v, want 0 for unknown", got)
	}
}
