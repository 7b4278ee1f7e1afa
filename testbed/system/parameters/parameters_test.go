package parameters

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		text  string
		known []string
		want  []Parameter
		error string // a part of it
	}{
		{"", nil, nil, ""},
		{"single", []string{"", "mode"}, []Parameter{{"", "single"}}, ""},
		{"delay=100ms,noise=4", []string{"delay", "noise"}, []Parameter{{"delay", "100ms"}, {"noise", "4"}}, ""},
		{" b = 1 , a = x=y ", []string{"a", "b"}, []Parameter{{"b", "1"}, {"a", "x=y"}}, ""},
		{"delay", []string{"delay"}, nil, `"delay" has no value; write delay=...`},
		{"dely=1", []string{"delay", "noise"}, nil, `"dely" is not known; write delay=..., noise=..., or several`},
		{"x=1", nil, nil, "nothing behind the name"},
		{"a=1,a=2", []string{"a"}, nil, "twice"},
		{"one,two", []string{"", "a"}, nil, "twice"},
		{"a=", []string{"a"}, nil, "incomplete"},
		{"=1", []string{"", "a"}, nil, "incomplete"},
		{"a=1,", []string{"", "a"}, nil, "incomplete"},
		{strings.Repeat("a", 5000), []string{""}, nil, "4096"},
	} {
		got, err := Parse(c.text, c.known...)
		if c.error == "" && (err != nil || !slices.Equal(got, c.want)) {
			t.Errorf("%q: %v, %v", c.text, got, err)
		}
		if c.error != "" && (!errors.Is(err, ErrParameters) || !strings.Contains(err.Error(), c.error)) {
			t.Errorf("%q: %v, which lacks %q", c.text, err, c.error)
		}
	}
}

func TestValues(t *testing.T) {
	if d, err := (Parameter{"delay", "80ms"}).Duration(0, time.Second); d != 80*time.Millisecond || err != nil {
		t.Error(d, err)
	}
	if n, err := (Parameter{"noise", "4"}).Int(0, 4); n != 4 || err != nil {
		t.Error(n, err)
	}
	for _, value := range []string{"", "80", "2s", "-1ms", "x"} {
		if _, err := (Parameter{"delay", value}).Duration(0, time.Second); !errors.Is(err, ErrParameters) {
			t.Error(value, err)
		}
	}
	for _, value := range []string{"", "5", "-1", "1.5", "99999999999999999999"} {
		if _, err := (Parameter{"noise", value}).Int(0, 4); !errors.Is(err, ErrParameters) {
			t.Error(value, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "single", "a=1,b=2", "a=1,a=1", ",", "=", "a==,"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		list, err := Parse(text, "", "a", "b")
		if err != nil {
			if !errors.Is(err, ErrParameters) || list != nil {
				t.Fatal(list, err)
			}
			return
		}
		var parts []string
		for _, p := range list {
			if p.Value == "" || !slices.Contains([]string{"", "a", "b"}, p.Name) {
				t.Fatalf("%q: %+v", text, p)
			}
			if p.Name == "" {
				parts = append(parts, p.Value)
			} else {
				parts = append(parts, p.Name+"="+p.Value)
			}
		}
		again, err := Parse(strings.Join(parts, ","), "", "a", "b")
		if err != nil || !slices.Equal(again, list) {
			t.Fatalf("%q: %v, then %v, %v", text, list, again, err)
		}
	})
}
