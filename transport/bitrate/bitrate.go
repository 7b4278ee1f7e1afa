// Package bitrate is the unit of everything that is a speed: bits per second.
package bitrate

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Bitrate is a number of bits per second. As a pflag.Value it reads what Parse reads.
type Bitrate int64

// Units of Bitrate.
const (
	BitPerSecond  Bitrate = 1
	KbitPerSecond         = 1000 * BitPerSecond
	MbitPerSecond         = 1000 * KbitPerSecond
)

// Of returns the rate at which that many bytes pass in d, or 0 if d is not above 0.
func Of(bytes int, d time.Duration) Bitrate {
	if d <= 0 {
		return 0
	}
	return Bitrate(float64(bytes) * 8 / d.Seconds())
}

// Bytes returns how many whole bytes pass in d; never less than 0.
func (b Bitrate) Bytes(d time.Duration) int {
	return int(max(0, float64(b)*d.Seconds()/8))
}

// Time returns how long that many bytes take; at a rate of 0 that is the longest Duration.
func (b Bitrate) Time(bytes int) time.Duration {
	if bytes <= 0 {
		return 0
	}
	seconds := float64(bytes) * 8 / float64(b)
	if b <= 0 || seconds > math.MaxInt64/float64(time.Second)/2 {
		return math.MaxInt64
	}
	return time.Duration(seconds * float64(time.Second))
}

// Scale returns the rate times a factor.
func (b Bitrate) Scale(factor float64) Bitrate { return Bitrate(float64(b) * factor) }

// Kbit returns the rate in kbit/s.
func (b Bitrate) Kbit() float64 { return float64(b) / float64(KbitPerSecond) }

// String gives the rate with a unit and about three digits, such as "2.35 Mbit/s".
func (b Bitrate) String() string {
	switch f := float64(b); {
	case f >= 99.95e6:
		return fmt.Sprintf("%.0f Mbit/s", f/1e6)
	case f >= 9.995e6:
		return fmt.Sprintf("%.1f Mbit/s", f/1e6)
	case f >= 999.5e3:
		return fmt.Sprintf("%.2f Mbit/s", f/1e6)
	case f >= 999.5:
		return fmt.Sprintf("%.0f kbit/s", f/1e3)
	default:
		return fmt.Sprintf("%d bit/s", int64(b))
	}
}

// Parse reads a rate above 0: "800k", "2.5M", "2.5Mbit/s", "64000". Without a unit it is in bit/s.
func Parse(s string) (Bitrate, error) {
	text := strings.TrimSpace(s)
	for _, end := range []string{"bit/s", "bps", "bit"} {
		text = strings.TrimSuffix(text, end)
	}
	text = strings.TrimSpace(text)
	unit := BitPerSecond
	if text != "" {
		switch text[len(text)-1] {
		case 'k', 'K':
			unit, text = KbitPerSecond, text[:len(text)-1]
		case 'M', 'm':
			unit, text = MbitPerSecond, text[:len(text)-1]
		case 'G', 'g':
			unit, text = 1000*MbitPerSecond, text[:len(text)-1]
		}
	}
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(f*float64(unit) >= 1 && f*float64(unit) < 1e15) {
		return 0, fmt.Errorf("%q is not a bit rate: write for example 800k, 2.5M or 64000 (bit/s)", s)
	}
	return Bitrate(f * float64(unit)), nil
}

// Set is for pflag.
func (b *Bitrate) Set(s string) error {
	parsed, err := Parse(s)
	if err == nil {
		*b = parsed
	}
	return err
}

// Type is for pflag.
func (b *Bitrate) Type() string { return "RATE" }
