package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestHelpTeaches(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"-h"}, {"help"}} {
		o := call("", args...)
		if o.code != exitOK || o.stderr != "" {
			t.Errorf("%v: exit %d, stderr %q", args, o.code, o.stderr)
		}
		for verb := range verbs {
			if !strings.Contains(o.stdout, "\n  "+verb+" ") {
				t.Errorf("%v does not tell of %s", args, verb)
			}
		}
	}
	for verb := range verbs {
		o := call("", verb, "--help")
		if o.code != exitOK || o.stderr != "" {
			t.Errorf("%s --help: exit %d, stderr %q", verb, o.code, o.stderr)
		}
		if !strings.HasPrefix(o.stdout, "Usage: salsify-vp8 "+verb+" ") || !strings.Contains(o.stdout, "\nExamples:\n  ") {
			t.Errorf("%s --help has no usage line or no examples:\n%s", verb, o.stdout)
		}
	}
	o := call("", "encode", "--help")
	for _, flag := range []string{"quantizer", "frame-bytes", "effort", "threads", "token-partitions", "state-in", "state-out"} {
		if !strings.Contains(o.stdout, "--"+flag+" ") {
			t.Errorf("encode --help does not tell of --%s", flag)
		}
	}
}

func TestWrongUsage(t *testing.T) {
	tests := []struct{ args, says string }{
		{"", "a verb is missing"},
		{"transcode a b", `no verb "transcode"`},
		{"encode", "usage: salsify-vp8 encode [flags] IN.y4m OUT.ivf"},
		{"encode a.y4m", "1 file names"},
		{"encode a b c", "3 file names"},
		{"encode --speed 3 a b", "unknown flag: --speed"},
		{"encode --quantizer x a b", "invalid argument"},
		{"encode --quantizer 128 a b", "--quantizer 128 must be 0 to 127"},
		{"encode --quantizer=-1 a b", "--quantizer -1"},
		{"encode --frame-bytes 0 a b", "--frame-bytes 0 must be"},
		{"encode --quantizer 30 --frame-bytes 1000 a b", "exclude each other"},
		{"encode --effort 11 a b", "--effort 11 must be 0 to 10"},
		{"encode --threads=-1 a b", "--threads -1"},
		{"encode --token-partitions 3 a b", "must be 1, 2, 4 or 8"},
		{"encode --state-out - a b", "--state-out need"},
		{"decode", "0 file names"},
		{"decode --md5 a -", "standard output"},
		{"decode --threads=-1 a", "--threads -1"},
		{"decode --state-in - a", "--state-in"},
		{"inspect", "0 file names"},
		{"inspect a b", "2 file names"},
		{"compare a", "1 file names"},
		{"compare - -", "only one"},
	}
	for _, test := range tests {
		mustFail(t, exitUsage, []string{test.says, "--help"}, strings.Fields(test.args)...)
	}
}

func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	absent, out := filepath.Join(dir, "absent"), filepath.Join(dir, "out")
	for _, args := range [][]string{
		{"encode", absent, out}, {"decode", absent, out}, {"decode", "--md5", absent}, {"inspect", absent}, {"compare", absent, absent},
	} {
		mustFail(t, exitFailed, []string{args[0], "absent", "no such file"}, args...)
	}
	if got := files(t, dir); got != "" {
		t.Errorf("files were left: %s", got)
	}
}

func TestFilesOfTheWrongKind(t *testing.T) {
	dir := t.TempDir()
	text := writeFile(t, dir, "notes.txt", []byte(strings.Repeat("nothing of the kind\n", 10)))
	out := filepath.Join(dir, "out")
	mustFail(t, exitFailed, []string{"notes.txt", "YUV4MPEG2"}, "encode", text, out)
	mustFail(t, exitFailed, []string{"notes.txt", "IVF"}, "decode", text, out)
	mustFail(t, exitFailed, []string{"notes.txt", "IVF"}, "inspect", text)
	mustFail(t, exitFailed, []string{"notes.txt", "YUV4MPEG2"}, "compare", text, text)
	mustFail(t, exitFailed, []string{"notes.txt", "not a marshalled state"}, "encode", "--state-in", text, writeVideo(t, dir, "v.y4m", 16, 16, 0, 1), out)
	if got := files(t, dir); got != "notes.txt v.y4m" {
		t.Errorf("files were left: %s", got)
	}
}

func TestOutputAppearsWhenCommitted(t *testing.T) {
	dir := t.TempDir()
	old := writeFile(t, dir, "old", []byte("before"))
	if err := os.Symlink("old", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	s := &session{}
	for _, name := range []string{"old", "link", "new"} {
		for _, commit := range []bool{false, true} {
			before := files(t, dir)
			out, err := s.create(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(out, "after "+name); err != nil {
				t.Fatal(err)
			}
			if name != "new" && strings.HasPrefix(string(readFile(t, old)), "after "+name) {
				t.Errorf("%s shows before it is committed", name)
			}
			if commit {
				if err := out.commit(); err != nil {
					t.Fatal(err)
				}
				if got := string(readFile(t, filepath.Join(dir, name))); got != "after "+name {
					t.Errorf("%s holds %q after commit", name, got)
				}
			}
			out.discard()
			if got := files(t, dir); !commit && got != before {
				t.Errorf("%s: files %q after it was discarded, %q before", name, got, before)
			}
		}
	}
	if got := string(readFile(t, old)); got != "after link" {
		t.Errorf("the file behind the link holds %q", got)
	}
	if got := files(t, dir); got != "link new old" {
		t.Errorf("files %q, want link, new and old", got)
	}
	if _, err := s.create(filepath.Join(dir, "absent", "x")); err == nil || strings.Contains(err.Error(), "partial") {
		t.Errorf("in a folder that is not there: %v, want an error with the name that was given", err)
	}
}

func TestOutputToAPipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skipf("skipped: no named pipes here: %v", err)
	}
	got := make(chan string)
	go func() {
		data, err := os.ReadFile(path)
		if err != nil {
			data = []byte(err.Error())
		}
		got <- string(data)
	}()
	s := &session{}
	out, err := s.create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := out.Writer.(io.Seeker); ok {
		t.Error("the pipe says that it can seek")
	}
	if _, err := io.WriteString(out, "flows"); err != nil {
		t.Fatal(err)
	}
	if err := out.commit(); err != nil {
		t.Fatal(err)
	}
	if text := <-got; text != "flows" {
		t.Errorf("the reader got %q", text)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().IsRegular() {
		t.Errorf("the pipe was replaced: %v, %v", info, err)
	}
}

func TestOneLine(t *testing.T) {
	if got := oneLine(errors.Join(errors.New("a\n b"), errors.New("c"))); got != "a b c" {
		t.Errorf("oneLine = %q", got)
	}
}

// TestInterrupt calls the verbs after the user pressed Ctrl-C: no file may appear.
func TestInterrupt(t *testing.T) {
	dir := t.TempDir()
	video := writeVideo(t, dir, "v.y4m", 16, 16, 0, 3)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	s := &session{ctx: ctx, stdout: io.Discard, stderr: io.Discard}
	if err := s.encode([]string{"--state-out", filepath.Join(dir, "s"), video, filepath.Join(dir, "out")}); !errors.Is(err, context.Canceled) {
		t.Errorf("encode: %v", err)
	}
	if err := s.compare([]string{video, video}); !errors.Is(err, context.Canceled) {
		t.Errorf("compare: %v", err)
	}
	if got := files(t, dir); got != "v.y4m" {
		t.Errorf("files were left: %s", got)
	}
}
