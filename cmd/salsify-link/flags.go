package main

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/pflag"
)

// duration is the value of a flag: a time within bounds.
type duration struct {
	value       *time.Duration
	least, most time.Duration
}

// String is pflag.Value's.
func (d duration) String() string { return d.value.String() }

// Type is pflag.Value's.
func (d duration) Type() string { return "duration" }

// Set is pflag.Value's.
func (d duration) Set(text string) error {
	value, err := time.ParseDuration(text)
	if err != nil {
		if _, err := strconv.ParseFloat(text, 64); err == nil {
			return fmt.Errorf("a time needs its unit: write %sms or %[1]ss", text)
		}
		return fmt.Errorf("write a time with its unit, such as 20ms or 1.5s")
	}
	if value < d.least || value > d.most {
		return fmt.Errorf("give a time from %v to %v", d.least, d.most)
	}
	*d.value = value
	return nil
}

// add makes a flag of it, for a time that is def unless the flag says another.
func (d duration) add(f *pflag.FlagSet, name string, def time.Duration, usage string) {
	*d.value = def
	f.Var(d, name, usage)
	if def == 0 {
		f.Lookup(name).DefValue = "" // the usage tells
	}
}

// addDuration makes a flag for a time of 0 to most.
func addDuration(f *pflag.FlagSet, into *time.Duration, name string, def, most time.Duration, usage string) {
	duration{into, 0, most}.add(f, name, def, usage)
}

// anyDuration makes a flag for a time whose bounds its verb knows.
func anyDuration(f *pflag.FlagSet, name string, def time.Duration, usage string) *time.Duration {
	into := new(time.Duration)
	duration{into, math.MinInt64, math.MaxInt64}.add(f, name, def, usage)
	return into
}

// share is the value of a flag: from 0 to 1.
type share float64

// String is pflag.Value's.
func (s *share) String() string { return strconv.FormatFloat(float64(*s), 'g', -1, 64) }

// Type is pflag.Value's.
func (s *share) Type() string { return "share" }

// Set is pflag.Value's.
func (s *share) Set(text string) error {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || !(value >= 0 && value <= 1) { // nor NaN
		return fmt.Errorf("give a share of 0 to 1, such as 0.01")
	}
	*s = share(value)
	return nil
}
