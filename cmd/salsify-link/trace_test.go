package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"salsify/testbed/trace"
)

type traceOutcome struct {
	code           int
	stdout, stderr string
}

func callTrace(stdin string, args ...string) traceOutcome {
	var stdout, stderr bytes.Buffer
	code := runTrace(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
	return traceOutcome{code, stdout.String(), stderr.String()}
}

func TestTraceHelpTeaches(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}} {
		o := callTrace("", args...)
		if o.code != exitOK || o.stderr != "" {
			t.Errorf("%v: exit %d, stderr %q", args, o.code, o.stderr)
		}
		for verb := range traceVerbs {
			if !strings.Contains(o.stdout, "\n  "+verb+" ") {
				t.Errorf("%v does not tell of %s", args, verb)
			}
		}
	}
	for verb := range traceVerbs {
		o := callTrace("", verb, "--help")
		if o.code != exitOK || o.stderr != "" || !strings.HasPrefix(o.stdout, "Usage: salsify-link trace "+verb+" ") ||
			!strings.Contains(o.stdout, "\nExamples:\n  ") || !strings.Contains(o.stdout, "\nFlags:\n") {
			t.Errorf("%s --help: exit %d, stderr %q\n%s", verb, o.code, o.stderr, o.stdout)
		}
	}
	for _, kind := range traceKinds {
		if !strings.Contains(traceGenerateHelp, "\n  "+kind+" ") {
			t.Errorf("generate --help does not tell of %s", kind)
		}
	}
}

func TestTraceWrongUsage(t *testing.T) {
	dir := t.TempDir()
	good := filepath.Join(dir, "good.up")
	if err := os.WriteFile(good, []byte("1\n2\n10\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "out")
	for args, says := range map[string]string{
		"":                              "a verb is missing",
		"draw":                          `no verb "draw"`,
		"stats":                         "usage: salsify-link trace stats [flags] FILE...",
		"stats --to 5 G":                "write 5ms or 5s",
		"generate lte O --duration 20":  "write 20ms or 20s",
		"stats --from 5s --to 4s G":     "--from 5s must come before the end, 4s",
		"stats --from=-1s G":            "must lie from 0s",
		"stats --to 169h G":             "to 168h",
		"stats - -":                     "only one of the files can be -",
		"plot G":                        "--out is missing",
		"plot G --out p.gif":            "must end in .png, .svg or .pdf",
		"plot G --out p":                "must end in .png",
		"plot G --out p.png --bin 10us": "--bin 10µs must be",
		"plot G --out p.png --to 160h --bin 10ms": "must be 1ms or more",
		"crop G":                                  "1 arguments",
		"crop G O --from 10ms":                    "must come before the end, 10ms",
		"scale G O":                               "say one of --factor",
		"scale G O --factor 2 --mean 1M":          "say one of --factor",
		"scale G O --factor 101":                  "--factor 101 must be from 0.01 to 100",
		"scale G O --mean fast":                   "is not a bit rate",
		"generate lte":                            "1 arguments",
		"generate umts O --rate 1M":               "only constant, poisson, lte, wifi, ramp, onoff",
		"generate lte O":                          "--rate is missing",
		"generate lte O --rate 1M --on 5s":        "--on is for onoff, not for lte",
		"generate ramp O --rate 1M":               "--to is missing",
		"generate lte O --rate 1M --duration 0s":  "the duration must be from 1ms",
		"generate lte O --rate 1G --duration 99h": "opportunities",
		"convert G":                               "1 arguments",
		"convert G O --step 1us":                  "--step 1µs must be",
	} {
		words := strings.Fields(args)
		for i, w := range words {
			switch w {
			case "G":
				words[i] = good
			case "O":
				words[i] = out
			}
		}
		o := callTrace("1\n", words...)
		if o.code != exitUsage || !strings.Contains(o.stderr, says) || strings.Count(o.stderr, "\n") != 1 ||
			!strings.Contains(o.stderr, "--help") {
			t.Errorf("%q: exit %d, %q, want exit 2 and one line with %q", args, o.code, o.stderr, says)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a wrong call wrote a file")
	}
}

func TestTraceVerbsTogether(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for _, kind := range traceKinds {
		args := []string{"generate", kind, in(kind), "--rate", "4M", "--duration", "20s", "--seed", "3"}
		if kind == "ramp" {
			args = append(args, "--to", "8M")
		}
		if kind == "onoff" {
			args = append(args, "--random", "--on", "1s")
		}
		if o := callTrace("", args...); o.code != exitOK || o.stdout != "" || !strings.Contains(o.stderr, " opportunities\n") {
			t.Fatalf("%v: %+v", args, o)
		}
	}
	// Through pipes: crop, scale, stats.
	cropped := callTrace("", "crop", "--from", "5s", "--to", "10s", in("wifi"), "-")
	scaled := callTrace(cropped.stdout, "scale", "-", "-", "--mean", "1.5M")
	if cropped.code != exitOK || scaled.code != exitOK {
		t.Fatalf("%+v, %+v", cropped.code, scaled.stderr)
	}
	tr, err := trace.Read(strings.NewReader(scaled.stdout))
	if err != nil || tr.Mean() < 1_490_000 || tr.Mean() > 1_510_000 {
		t.Errorf("scaled to %v, %v", tr.Mean(), err)
	}
	o := callTrace(scaled.stdout, "stats", "-", in("constant"), in("lte"))
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	if o.code != exitOK || len(lines) != 4 || !strings.HasSuffix(lines[1], "standard input") || !strings.HasSuffix(lines[2], "  constant") {
		t.Fatalf("stats: %+v\n%s", o.code, o.stdout)
	}
	// A trace of a millisecond is repeated.
	if o := callTrace("1\n", "stats", "-"); !strings.Contains(o.stdout, " 10.0   12.03") || !strings.Contains(o.stderr, "lasts 1ms and is repeated") {
		t.Errorf("stats of a short trace:\n%s%s", o.stdout, o.stderr)
	}
	if o := callTrace("1\n", "stats", "-", "--to", "2s"); !strings.Contains(o.stdout, "  2.0   12.03") || o.stderr != "" {
		t.Errorf("stats of a part beyond the end that was asked for:\n%s%s", o.stdout, o.stderr)
	}
	if f := strings.Fields(lines[2]); f[0] != "20.0" || f[1] != "4.00" || f[13] != "0" {
		t.Errorf("stats of the constant trace:\n%s", o.stdout)
	}
	// The whole of a trace, cropped, is the trace.
	if o := callTrace("", "crop", in("lte"), in("same")); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	a, _ := os.ReadFile(in("lte"))
	if b, _ := os.ReadFile(in("same")); !bytes.Equal(a, b) {
		t.Error("crop without flags changes the trace")
	}
	if o := callTrace("", "scale", in("lte"), in("half"), "--factor", "0.5"); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	if o := callTrace("1,2\n2,4\n", "convert", "-", in("series")); o.code != exitOK || !strings.Contains(o.stderr, "2s of 3.00 Mbit/s") {
		t.Errorf("convert: %+v", o)
	}
	for _, name := range []string{"p.png", "p.svg", "p.PDF"} {
		o := callTrace("", "plot", in("lte"), in("wifi"), in("series"), "--out", in(name))
		data, err := os.ReadFile(in(name))
		if o.code != exitOK || err != nil || len(data) < 1000 {
			t.Errorf("plot %s: %+v, %d bytes, %v", name, o, len(data), err)
		}
	}
	// What is repeated says so in the legend, whose lines make the picture higher.
	if data, _ := os.ReadFile(in("p.svg")); strings.Count(string(data), ", repeated)") != 1 || !strings.Contains(string(data), "series (2s, repeated), mean") {
		t.Errorf("the legend does not say that the series of 2s is repeated")
	}
	one := callTrace("", "plot", in("lte"), "--out", in("one.svg"))
	if data, _ := os.ReadFile(in("one.svg")); one.code != exitOK || heightOf(t, data) >= heightOf(t, mustRead(t, in("p.svg"))) {
		t.Error("a legend of one line takes as much as one of three")
	}
	if data, _ := os.ReadFile(in("p.png")); !bytes.HasPrefix(data, []byte("\x89PNG")) {
		t.Error("p.png is no PNG")
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.Contains(e.Name(), "partial") {
			t.Errorf("%s was left behind", e.Name())
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// heightOf returns the height that an SVG picture says it has, in points.
func heightOf(t *testing.T, svg []byte) (points float64) {
	t.Helper()
	_, rest, _ := strings.Cut(string(svg), ` height="`)
	number, _, _ := strings.Cut(rest, "pt")
	points, err := strconv.ParseFloat(number, 64)
	if err != nil {
		t.Fatalf("no height in %.200s: %v", svg, err)
	}
	return points
}

func TestTraceFailuresLoseNothing(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{"bad": "1\nfast\n", "old": "7\n", "zero": "0\n"} {
		if err := os.WriteFile(in(name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"crop", in("bad"), in("old")}, "bad: not a usable mahimahi trace: line 2"},
		{[]string{"crop", in("missing"), in("old")}, "no such file"},
		{[]string{"crop", in("old"), in("old"), "--to", "5ms"}, "no opportunity"},
		{[]string{"scale", in("old"), in("old"), "--mean", "1G"}, "cannot scale"},
		{[]string{"convert", in("bad"), in("old")}, `bad: not a usable time series: line 2: "fast"`},
		{[]string{"stats", in("zero")}, "zero: "},
		{[]string{"crop", in("old"), in("no/such/folder")}, "no such file"},
		{[]string{"plot", in("old"), "--out", in("no/p.png")}, "no such file"},
		{[]string{"crop", in("old"), dir}, "is a directory"},
	} {
		o := callTrace("", c.args...)
		if o.code != exitFailed || !strings.Contains(o.stderr, c.says) || strings.Count(o.stderr, "\n") != 1 ||
			o.stdout != "" && c.args[0] != "stats" {
			t.Errorf("%v: %+v, want exit 1 and one line with %q", c.args, o, c.says)
		}
		if data, _ := os.ReadFile(in("old")); string(data) != "7\n" {
			t.Fatalf("%v changed the file to %q", c.args, data)
		}
	}
	// Interrupted before it writes.
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	var stderr bytes.Buffer
	if code := runTrace(ctx, []string{"generate", "lte", in("old"), "--rate", "1M"}, nil, nil, &stderr); code != exitFailed ||
		!strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("interrupted: exit %d, %s", code, stderr.String())
	}
	// A content that fails half-way.
	broken := errors.New("the disk is full")
	c := traceCall{ctx: context.Background()}
	if err := c.write(in("old"), func(w io.Writer) error {
		io.WriteString(w, "1\n")
		return broken
	}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	// Replacing a file keeps who may read it, and a symbolic link.
	if err := os.Symlink(in("old"), in("link")); err != nil {
		t.Fatal(err)
	}
	if o := callTrace("", "generate", "constant", in("link"), "--rate", "1M"); o.code != exitOK {
		t.Fatal(o.stderr)
	}
	info, err := os.Lstat(in("link"))
	if err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	if info, _ := os.Stat(in("old")); info.Mode().Perm() != 0o640 || info.Size() < 100 {
		t.Errorf("the file is %v, %d bytes", info.Mode(), info.Size())
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 4 {
		t.Errorf("%d files, want bad, link, old and zero", len(entries))
	}
}
