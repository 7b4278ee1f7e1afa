package salsify

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/sender"
	"salsify/testbed/clip"
	"salsify/testbed/system/internal/rehearsal"
	"salsify/testbed/system/parameters"
	"salsify/testbed/system/process"
)

var bin string // folder of the programs

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "salsify-system-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(bin)
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "salsify/cmd/salsify-send", "salsify/cmd/salsify-recv")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the programs cannot be built: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// The real programs on real sockets, for 2 s.
func TestCall(t *testing.T) {
	r := rehearsal.New(t, clip.Config{})
	s := New(Config{Bin: bin, Mode: sender.Single, Effort: 2, ExtraSend: []string{"--max-bitrate", "800k"}})
	if err := s.Missing(); err != nil {
		t.Fatal(err)
	}
	r.Setup = 20 * time.Second
	r.Expect(s, 2*time.Second, 5, 2*time.Second)
	if len(r.Commands()) != 2 {
		t.Fatalf("commands: %q", r.Commands())
	}
	recv, send := strings.Join(r.Commands()[0], " "), strings.Join(r.Commands()[1], " ")
	if !strings.Contains(recv, "salsify-recv --listen 127.0.0.1:") || !strings.Contains(recv, "--once") {
		t.Error(recv)
	}
	if !strings.Contains(send, "salsify-send - 127.0.0.1:") || !strings.Contains(send, "--mode single --effort 2 --stats ") ||
		!strings.HasSuffix(send, " --max-bitrate 800k") {
		t.Error(send)
	}
	for _, name := range []string{"salsify-send.jsonl", "salsify-recv.jsonl"} {
		lines(t, filepath.Join(r.Logs, name))
	}
}

// lines checks that a file has many lines of JSON.
func lines(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for scanner := bufio.NewScanner(f); scanner.Scan(); n++ {
		if !json.Valid(scanner.Bytes()) {
			t.Fatalf("%s: %s", path, scanner.Text())
		}
	}
	if n < 5 {
		t.Errorf("%s has %d lines", path, n)
	}
}

func TestTheErrorHasWhatTheProgramSaid(t *testing.T) {
	r := rehearsal.New(t, clip.Config{})
	began := time.Now()
	err := r.Run(New(Config{Bin: bin, ExtraSend: []string{"--no-such-flag"}}), 10*time.Second)
	if !errors.Is(err, process.ErrEnded) || !strings.Contains(err.Error(), "no-such-flag") || !strings.Contains(err.Error(), "salsify-send") {
		t.Error(err)
	}
	if time.Since(began) > 8*time.Second {
		t.Errorf("that took %v", time.Since(began))
	}
}

func TestMissing(t *testing.T) {
	err := New(Config{Bin: t.TempDir()}).Missing()
	if err == nil || !strings.Contains(err.Error(), "make build") || !strings.Contains(err.Error(), "salsify-recv is not in") {
		t.Error(err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := New(Config{}).Missing(); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Error(err)
	}
	t.Setenv("PATH", bin)
	if err := New(Config{}).Missing(); err != nil {
		t.Error(err)
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]Config{
		"":                           {},
		"single":                     {Mode: sender.Single},
		"mode=conventional,effort=3": {Mode: sender.Conventional, Effort: 3},
		"salsify,effort=0":           {Mode: sender.Salsify, ExtraSend: []string{"--effort=0"}},
		"bin=/x,send=--max-bitrate 2M,recv=--verbose": {Bin: "/x", ExtraSend: []string{"--max-bitrate", "2M"}, ExtraRecv: []string{"--verbose"}},
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got.(*System).config, want) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"double", "mode=double", "single,mode=single", "effort=11", "effort=x", "efort=1", ","} {
		if got, err := Parse(text); !errors.Is(err, parameters.ErrParameters) || got != nil {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := Parse("double"); !strings.Contains(err.Error(), "conventional-codec") {
		t.Errorf("the error does not say which modes there are: %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "single", "mode=conventional,effort=3", "send=--a --b,recv=-c", "effort=0"} {
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
		if c.Effort < 0 || c.Effort > 10 || c.Mode != "" && !slices.Contains(sender.Modes(), c.Mode) {
			t.Fatalf("%q: %+v", text, c)
		}
	})
}
