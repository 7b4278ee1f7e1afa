package terminal

import (
	"fmt"
	"testing"
	"time"
)

// said reads all, and returns what is said in it.
func said(input string) (all []answer) {
	var a answers
	for _, b := range []byte(input) {
		if one := a.next(b); one.kind != nothing {
			all = append(all, one)
		}
	}
	return all
}

func TestAnswers(t *testing.T) {
	key := func(b byte) answer { return answer{kind: keyPressed, key: b} }
	for input, want := range map[string][]answer{
		"sq\x03":                                {key('s'), key('q'), key(interrupt)},
		"\x1b[?62;4;22c":                        {{kind: attributes, sixel: true}}, // xterm
		"\x1b[?1;2c":                            {{kind: attributes}},              // tmux
		"\x1b[?4c":                              {{kind: attributes}},              // what it is compatible with, not what it takes
		"\x1b[?64;1;2;6;9;15;16;17;18;21;22;4c": {{kind: attributes, sixel: true}},
		"\x1b[>4;4c":                            nil, // Secondary Device Attributes
		"\x1b[62;4c":                            nil,
		"\x1b[6;20;10t":                         {{kind: cellSize, width: 10, height: 20}},
		"\x1b[4;600;800t":                       nil, // of the window
		"\x1b[6;0;10t":                          nil,
		"\x1b[6;20;9999t":                       nil,
		"\x1b[6;20t":                            nil,
		"\x1b[0n":                               {{kind: caughtUp}},
		"\x1b[n":                                {{kind: caughtUp}}, // 0 may be left out
		"\x1b[3n":                               nil,
		"\x1b[As":                               {key('s')}, // an arrow
		"\x1bOPs":                               {key('P'), key('s')},
		"\x1b[M\x1b[0n":                         {{kind: caughtUp}},
		"\x1bP1$r0m\x1b\\s":                     {key('s')},
		"\x1bPq\x1bq\x1b\\s":                    {key('s')},
		"\x1b]11;rgb:00/00/00\x1b\\s":           {key('s')},
		"\x1b\x1b[0n":                           {{kind: caughtUp}},
		"\x1b[6;\x1b[0n":                        {{kind: caughtUp}}, // cut short
		"\x1b[6\x03q":                           {key('q')},
		"\x1b[99999999999999999999;4c":          nil,
		"\x1b[6;20;10 t":                        nil,
		"\x1b[?1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;4c": nil, // more than anybody says
	} {
		if got := said(input); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %+v, want %+v", input, got, want)
		}
	}
}

// Whatever comes, numbers stay in their bounds, and the next answer after the end of a string is heard.
func FuzzAnswers(f *testing.F) {
	f.Add("\x1b[?62;4;22c\x1b[6;20;10t\x1b[0nsq")
	f.Add("\x1bP1$r0m\x1b\\\x1b]x\x1b\\")
	f.Add("\x1b[6;99999999999;;;;c\x1b[?")
	f.Fuzz(func(t *testing.T, input string) {
		var a answers
		for _, b := range []byte(input) {
			one := a.next(b)
			if one.kind == cellSize && !usableCell(one.width, one.height) {
				t.Fatalf("%+v", one)
			}
			for _, p := range a.parameters {
				if p < 0 || p > maxParameter {
					t.Fatalf("parameter %d", p)
				}
			}
		}
		heard := answer{}
		for _, b := range []byte("\x1b\\\x1b\\\x1b[0n") {
			heard = a.next(b)
		}
		if heard.kind != caughtUp {
			t.Fatalf("after %q an answer is not heard: %+v", input, heard)
		}
	})
}

// A picture waits for the line's rate, for a line that is slower, and for the terminal.
func TestPace(t *testing.T) {
	start := time.Unix(100, 0)
	at := func(milliseconds int) time.Time { return start.Add(time.Duration(milliseconds) * time.Millisecond) }
	p := pace{bytesPerSecond: 10_000}
	want := func(step string, milliseconds int) {
		t.Helper()
		if got := p.next(); !got.Equal(at(milliseconds)) {
			t.Errorf("%s: next after %v, want %d ms", step, got.Sub(start), milliseconds)
		}
	}
	if p.next().After(start) {
		t.Error("the first picture waits")
	}
	p.wrote(1000, at(0), at(1))
	p.ask(at(1))
	want("100 ms of the rate", 100)
	p.wrote(100, at(200), at(250)) // the rate has it take 10 ms; the line took 50
	p.ask(at(250))
	want("two without an answer", 1250)
	p.answered()
	want("one without an answer: as soon as the line is free", 250)
	p.wrote(5000, at(300), at(301))
	want("no credit for the pause", 800)
	p.ask(at(301))
	want("it has answered before, and is waited for", 1301)
	p.ask(at(1301))
	want("patience has ended once", 800)
	p.ask(at(1302))
	want("and is there again", 2302)

	mute := pace{bytesPerSecond: 1e6}
	for range 2 {
		mute.ask(at(0))
	}
	if next := mute.next(); !next.Equal(at(1000)) {
		t.Errorf("next at %v", next)
	}
	for range 5 { // it has never answered
		mute.ask(at(1000))
		if next := mute.next(); next.After(at(1000)) {
			t.Errorf("a terminal that never answers is waited for until %v", next)
		}
	}
	mute.answered()
	mute.ask(at(2000))
	mute.ask(at(2000))
	if next := mute.next(); !next.Equal(at(3000)) {
		t.Errorf("now it answers, but is not waited for: %v", next)
	}
}
