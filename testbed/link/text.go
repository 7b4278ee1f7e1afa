package link

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// policies are the names of the policies, by their number.
var policies = [...]string{Infinite: "infinite", DropTail: "droptail", DropHead: "drophead", CoDel: "codel", PIE: "pie"}

// String returns the name by which mm-link calls the policy.
func (p Policy) String() string {
	if p < 0 || int(p) >= len(policies) {
		return fmt.Sprintf("policy %d", int(p))
	}
	return policies[p]
}

// queueTime is an argument of a queue that is a time.
type queueTime struct {
	policy Policy // that it belongs to
	name   string
	value  *time.Duration
	usual  time.Duration // where a text does not say it: what the policy's RFC recommends
}

func (q *Queue) times() []queueTime {
	return []queueTime{
		{CoDel, "target", &q.Target, 5 * time.Millisecond},       // RFC 8289, section 4
		{CoDel, "interval", &q.Interval, 100 * time.Millisecond}, // the same
		{PIE, "qdelay_ref", &q.Reference, 15 * time.Millisecond}, // RFC 8033, section 4: QDELAY_REF
		{PIE, "max_burst", &q.MaxBurst, 150 * time.Millisecond},  // the same: MAX_BURST
	}
}

// ParseQueue reads a queue as mm-link names it, with its arguments behind a colon: "infinite", "droptail:packets=256",
// "droptail:packets=256,bytes=300000", "drophead:bytes=300000", "codel:packets=256,target=5ms,interval=100ms",
// "pie:packets=256,qdelay_ref=20ms,max_burst=150ms". A time without a unit is in milliseconds, as mm-link takes it; one that is
// left out is what the RFC recommends. The error says what would be right.
func ParseQueue(s string) (Queue, error) {
	name, list, hasList := strings.Cut(strings.TrimSpace(s), ":")
	policy := slices.Index(policies[:], name)
	if policy < 0 {
		return Queue{}, fmt.Errorf("there is no queue %q: write one of infinite, droptail:packets=256, drophead:packets=256, "+
			"codel:packets=256,target=5ms,interval=100ms or pie:packets=256,qdelay_ref=15ms,max_burst=150ms", name)
	}
	q := Queue{Policy: Policy(policy)}
	if q.Policy == Infinite {
		if hasList {
			return Queue{}, fmt.Errorf("an infinite queue takes no arguments, but %q follows it: choose droptail for a limit", list)
		}
		return q, nil
	}
	counts := map[string]*int{"packets": &q.Packets, "bytes": &q.Bytes}
	times := map[string]*time.Duration{}
	known := []string{"packets", "bytes"}
	for _, t := range q.times() {
		if t.policy == q.Policy {
			*t.value = t.usual
			times[t.name], known = t.value, append(known, t.name)
		}
	}
	seen := map[string]bool{}
	for argument := range strings.SplitSeq(list, ",") {
		key, value, _ := strings.Cut(argument, "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if list == "" {
			break
		}
		if seen[key] {
			return Queue{}, fmt.Errorf("a %v queue is given %s twice", q.Policy, key)
		}
		seen[key] = true
		var err error
		if count := counts[key]; count != nil {
			*count, err = parseCount(key, value)
		} else if t := times[key]; t != nil {
			*t, err = parseQueueTime(key, value)
		} else {
			err = fmt.Errorf("a %v queue has no argument %q, only %s", q.Policy, key, strings.Join(known, ", "))
		}
		if err != nil {
			return Queue{}, err
		}
	}
	if err := q.validate(); err != nil {
		return Queue{}, err
	}
	return q, nil
}

func parseCount(key, value string) (int, error) {
	n, err := strconv.ParseUint(value, 10, 31)
	if err != nil || n == 0 {
		return 0, fmt.Errorf("%s=%s is not a limit: write a whole number above 0, such as %[1]s=%[3]d", key, value,
			map[string]int{"packets": 256, "bytes": 300000}[key])
	}
	return int(n), nil
}

func parseQueueTime(key, value string) (time.Duration, error) {
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Millisecond, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("%s=%s is not a time: write it with its unit, such as %[1]s=20ms, or in milliseconds", key, value)
	}
	return d, nil
}

// String returns the queue as ParseQueue reads it.
func (q Queue) String() string {
	var arguments []string
	if q.Packets != 0 {
		arguments = append(arguments, fmt.Sprintf("packets=%d", q.Packets))
	}
	if q.Bytes != 0 {
		arguments = append(arguments, fmt.Sprintf("bytes=%d", q.Bytes))
	}
	for _, t := range q.times() {
		if t.policy == q.Policy {
			arguments = append(arguments, fmt.Sprintf("%s=%v", t.name, *t.value))
		}
	}
	if len(arguments) == 0 {
		return q.Policy.String()
	}
	return q.Policy.String() + ":" + strings.Join(arguments, ",")
}

// Set is for pflag.
func (q *Queue) Set(s string) error {
	parsed, err := ParseQueue(s)
	if err == nil {
		*q = parsed
	}
	return err
}

// Type is for pflag.
func (q *Queue) Type() string { return "QUEUE" }

// ParseOnOff reads an on-off link: "fixed:on=5s,off=200ms" for times of that length, "exponential:on=5s,off=200ms" for random ones
// of that mean; with ",hold" at the end packets wait while it is off, else they are lost. An empty text or "none" is always on. The
// error says what would be right.
func ParseOnOff(s string) (OnOff, error) {
	const example = "write for example exponential:on=5s,off=200ms, or fixed:on=5s,off=200ms,hold"
	s = strings.TrimSpace(s)
	if s == "" || s == "none" {
		return OnOff{}, nil
	}
	kind, list, _ := strings.Cut(s, ":")
	if kind != "fixed" && kind != "exponential" {
		return OnOff{}, fmt.Errorf("an on-off link is fixed or exponential, not %q: %s", kind, example)
	}
	o := OnOff{Random: kind == "exponential"}
	seen := map[string]bool{}
	for argument := range strings.SplitSeq(list, ",") {
		key, value, hasValue := strings.Cut(strings.TrimSpace(argument), "=")
		if seen[key] {
			return OnOff{}, fmt.Errorf("%s is given twice: %s", key, example)
		}
		seen[key] = true
		switch {
		case key == "hold" && !hasValue:
			o.Hold = true
		case key == "on" || key == "off":
			d, err := time.ParseDuration(value)
			if err != nil {
				return OnOff{}, fmt.Errorf("%s=%s is not a time with its unit, such as 5s or 200ms: %s", key, value, example)
			}
			if key == "on" {
				o.On = d
			} else {
				o.Off = d
			}
		default:
			return OnOff{}, fmt.Errorf("an on-off link has on, off and hold, not %q: %s", argument, example)
		}
	}
	for _, key := range []string{"on", "off"} {
		if !seen[key] {
			return OnOff{}, fmt.Errorf("%s= is missing: %s", key, example)
		}
	}
	if err := o.validate(); err != nil {
		return OnOff{}, err
	}
	return o, nil
}

// String returns the on-off link as ParseOnOff reads it.
func (o OnOff) String() string {
	if o == (OnOff{}) {
		return "none"
	}
	kind, hold := "fixed", ""
	if o.Random {
		kind = "exponential"
	}
	if o.Hold {
		hold = ",hold"
	}
	return fmt.Sprintf("%s:on=%v,off=%v%s", kind, o.On, o.Off, hold)
}

// Set is for pflag.
func (o *OnOff) Set(s string) error {
	parsed, err := ParseOnOff(s)
	if err == nil {
		*o = parsed
	}
	return err
}

// Type is for pflag.
func (o *OnOff) Type() string { return "ON-OFF" }
