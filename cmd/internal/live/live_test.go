package live

import (
	"bytes"
	"os"
	"strings"
	"testing"
)

// A terminal of 20 columns: the line is written anew in place, messages go above it.
func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, width: func() int { return 20 }}
	s.Say("begun")
	s.Line("one")
	s.Line("two, which is too long for it")
	s.Say("a message of %d", 5)
	s.Line("three")
	s.Done()
	s.Done()
	s.Say("end")
	want := "begun\n" + clear + "one" + clear + "two, which is too l" +
		clear + "a message of 5\ntwo, which is too l" + clear + "three\nend\n"
	if got := out.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// Elsewhere all are plain lines of their full length.
func TestNoTerminal(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := New(f)
	s.Say("begun")
	s.Line("one")
	s.Line(strings.Repeat("x", 300))
	if n, err := s.Write([]byte("logged\n")); n != 7 || err != nil {
		t.Errorf("Write returned %d, %v", n, err)
	}
	s.Done()
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(b), "begun\none\n"+strings.Repeat("x", 300)+"\nlogged\n"; got != want {
		t.Errorf("got %q", got)
	}
}

// What comes from the network cannot command the terminal.
func TestControlCharacters(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, width: func() int { return 80 }}
	s.Say("a\x1b[2Jb\rc\u009bd\te")
	s.Write([]byte("f\x07g\n"))
	s.Line("h\x1bi")
	if got, want := out.String(), "a\ufffd[2Jb\ufffdc\ufffdd\te\nf\ufffdg\n"+clear+"h\ufffdi"; got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// While pictures are on the terminal nothing is written; the newest is there to be drawn below them, and all of it comes after.
func TestHidden(t *testing.T) {
	var out bytes.Buffer
	s := &Screen{out: &out, width: func() int { return 80 }}
	s.Hide()
	s.Say("one\ntwo")
	s.Line("first")
	if _, err := s.Write([]byte("log \x1b[2J\n")); err != nil {
		t.Error(err)
	}
	for n := range 3 {
		s.Say("message %d", n)
	}
	s.Line("second")
	if out.Len() > 0 {
		t.Errorf("%q was written", out.String())
	}
	if got, want := strings.Join(s.Lines(), "|"), "log \ufffd[2J|message 0|message 1|message 2|second"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Done()
	s.Say("end")
	s.Reveal()
	if got, want := out.String(), "one\ntwo\nlog \ufffd[2J\nmessage 0\nmessage 1\nmessage 2\nsecond\nend\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Say("after")
	if got := out.String(); !strings.HasSuffix(got, "after\n") || len(s.Lines()) > 0 {
		t.Errorf("%q, %q", got, s.Lines())
	}
	for range 2 * keptLines {
		s.Hide()
		s.Say("x")
	}
	if len(s.kept) != keptLines {
		t.Errorf("%d lines are kept", len(s.kept))
	}
}
