package link_test

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"salsify/testbed/link"
)

func TestParseQueue(t *testing.T) {
	for text, want := range map[string]link.Queue{
		"infinite":                          {},
		" infinite ":                        {},
		"droptail:packets=256":              {Policy: link.DropTail, Packets: 256},
		"droptail:bytes=300000":             {Policy: link.DropTail, Bytes: 300000},
		"droptail: packets=9 , bytes = 800": {Policy: link.DropTail, Packets: 9, Bytes: 800},
		"drophead:packets=100":              {Policy: link.DropHead, Packets: 100},
		"codel:packets=256,target=7ms,interval=90ms": {
			Policy: link.CoDel, Packets: 256, Target: 7 * ms, Interval: 90 * ms},
		"codel:interval=1s,target=50,bytes=5000": {Policy: link.CoDel, Bytes: 5000, Target: 50 * ms, Interval: time.Second},
		"codel:packets=256":                      {Policy: link.CoDel, Packets: 256, Target: 5 * ms, Interval: 100 * ms},
		"pie:packets=256,qdelay_ref=20ms,max_burst=100": {
			Policy: link.PIE, Packets: 256, Reference: 20 * ms, MaxBurst: 100 * ms},
		"pie:packets=256": {Policy: link.PIE, Packets: 256, Reference: 15 * ms, MaxBurst: 150 * ms},
	} {
		got, err := link.ParseQueue(text)
		if err != nil || got != want {
			t.Errorf("ParseQueue(%q) = %+v, %v, want %+v", text, got, err, want)
			continue
		}
		if again, err := link.ParseQueue(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read as %+v, %v", text, got, again, err)
		}
		if err := (link.Config{Queue: got}).Validate(); err != nil {
			t.Errorf("%q is not valid: %v", text, err)
		}
	}
	for text, want := range map[string]string{
		"":                                   "write one of infinite, droptail:packets=256",
		"red:packets=5":                      `no queue "red"`,
		"infinite:packets=5":                 "takes no arguments",
		"infinite:":                          "takes no arguments",
		"droptail":                           "one limit must be above 0",
		"droptail:":                          "one limit must be above 0",
		"droptail:packets":                   "packets= is not a limit",
		"droptail:packets=0":                 "such as packets=256",
		"droptail:packets=-4":                "packets=-4 is not a limit",
		"droptail:bytes=99999999999":         "such as bytes=300000",
		"droptail:packets=5,packets=6":       "packets twice",
		"droptail:packets=5,":                `no argument "", only packets, bytes`,
		"droptail:packets=5,target=5ms":      `no argument "target", only packets, bytes`,
		"codel:packets=5,qdelay_ref=5ms":     "only packets, bytes, target, interval",
		"codel:target=5ms,interval=100ms":    "one limit must be above 0",
		"codel:packets=5,target=5 m":         "write it with its unit",
		"codel:packets=5,target=1500us":      "whole milliseconds from 1ms to 1m0s",
		"codel:packets=5,interval=0":         "whole milliseconds",
		"pie:packets=5,max_burst=90s":        "max_burst of a pie queue is 1m30s",
		"pie:packets=5,max_burst=9999999999": "max_burst=9999999999 is not a time",
	} {
		if got, err := link.ParseQueue(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseQueue(%q) = %+v, %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestParseOnOff(t *testing.T) {
	for text, want := range map[string]link.OnOff{
		"": {}, "none": {},
		"exponential:on=5s,off=200ms":      {On: 5 * time.Second, Off: 200 * ms, Random: true},
		"fixed:off=0.2s,on=5s":             {On: 5 * time.Second, Off: 200 * ms},
		"fixed:on=5s, off=200ms, hold":     {On: 5 * time.Second, Off: 200 * ms, Hold: true},
		"exponential:hold,on=1ms,off=168h": {On: ms, Off: 168 * time.Hour, Random: true, Hold: true},
	} {
		got, err := link.ParseOnOff(text)
		if err != nil || got != want {
			t.Errorf("ParseOnOff(%q) = %+v, %v, want %+v", text, got, err, want)
			continue
		}
		if again, err := link.ParseOnOff(got.String()); err != nil || again != got {
			t.Errorf("%q is written %q and read as %+v, %v", text, got, again, err)
		}
	}
	for text, want := range map[string]string{
		"on=5s,off=1s":              "fixed or exponential, not \"on=5s,off=1s\"",
		"fixed":                     `not ""`,
		"fixed:on=5s":               "off= is missing",
		"fixed:off=5s,hold":         "on= is missing",
		"fixed:on=5,off=1":          "on=5 is not a time with its unit",
		"fixed:on=5s,off=0s":        "off for 0s",
		"fixed:on=-5s,off=1s":       "on for -5s",
		"fixed:on=5s,off=169h":      "off for 169h",
		"fixed:on=5s,on=6s":         "on is given twice",
		"fixed:on=5s,off=1s,up":     `not "up"`,
		"fixed:on=1s,off=1s,":       `not ""`,
		"fixed:on=1s,off=1s,hold=1": `not "hold=1"`,
	} {
		if got, err := link.ParseOnOff(text); err == nil || !strings.Contains(err.Error(), want) || got != (link.OnOff{}) {
			t.Errorf("ParseOnOff(%q) = %+v, %v, want an error with %q", text, got, err, want)
		}
	}
}

func TestTextsAsFlags(t *testing.T) {
	f := pflag.NewFlagSet("test", pflag.ContinueOnError)
	q, o := link.Queue{Policy: link.DropTail, Packets: 256}, link.OnOff{}
	f.Var(&q, "queue", "where packets wait")
	f.Var(&o, "on-off", "outages")
	if usage := f.FlagUsages(); !strings.Contains(usage, "--queue QUEUE") || !strings.Contains(usage, "(default droptail:packets=256)") {
		t.Errorf("usage:\n%s", usage)
	}
	if err := f.Parse([]string{"--queue", "drophead:packets=7", "--on-off", "fixed:on=1s,off=1s"}); err != nil {
		t.Fatal(err)
	}
	if q.Policy != link.DropHead || q.Packets != 7 || o.Off != time.Second {
		t.Errorf("%+v, %+v", q, o)
	}
	if err := f.Parse([]string{"--queue", "red"}); err == nil || q.Packets != 7 {
		t.Errorf("a wrong queue: %v, %+v", err, q)
	}
	if err := f.Parse([]string{"--on-off", "red"}); err == nil || o.Off != time.Second {
		t.Errorf("a wrong on-off link: %v, %+v", err, o)
	}
}

func FuzzParseQueue(f *testing.F) {
	for _, seed := range []string{
		"infinite", "droptail:packets=256,bytes=3", "codel:packets=5,target=5ms,interval=100", "pie:bytes=9,max_burst=1s", ":", "=",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := link.ParseQueue(text)
		if err != nil {
			return
		}
		if again, err := link.ParseQueue(q.String()); err != nil || again != q {
			t.Errorf("%q is written %q and read as %+v, %v", text, q, again, err)
		}
		l := link.New(link.Config{Queue: q, Trace: readTrace(t, "1 2 5")}, start) // panics if it is not valid
		for i := range 20 {
			l.Send(at(time.Duration(i)*ms), 1500, nil)
			l.Deliver(at(time.Duration(i) * ms))
		}
		checkCounters(t, l, at(20*ms))
	})
}

func FuzzParseOnOff(f *testing.F) {
	for _, seed := range []string{"none", "fixed:on=5s,off=200ms", "exponential:on=5s,off=200ms,hold", "fixed:", "="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		o, err := link.ParseOnOff(text)
		if err != nil {
			return
		}
		if again, err := link.ParseOnOff(o.String()); err != nil || again != o {
			t.Errorf("%q is written %q and read as %+v, %v", text, o, again, err)
		}
		l := link.New(link.Config{OnOff: o}, start) // panics if it is not valid
		l.Send(start, 1500, nil)
		l.Deliver(at(time.Second))
		checkCounters(t, l, at(time.Second))
	})
}
