package matrix

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/result"
)

const example = `
title: test
duration: 30s
exclude: 10s
repeats: 2
delay: 15ms
queue: droptail:packets=256
traces: traces
seed: 7
systems:
  - salsify
  - name: mine
    send: cat > /dev/null
    receive: echo
clips:
  - talk.mp4
  - {source: "test:seed=3", grain: light, size: 640x360, rate: 30, name: drawn}
networks:
  - {name: LTE, down: lte.down, up: lte.up}
  - name: broken
    down: ../other.down
    delay: 0s
    queue: codel:packets=100
    outage-down: exponential:on=5s,off=200ms
    loss-up: 0.01
`

// traces makes a folder with the traces of example.
func traces(t *testing.T) string {
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, "traces"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"traces/lte.down": "1\n2\n", "traces/lte.up": "1\n3\n", "traces/other.up": "1\n4\n", "other.down": "1\n5\n", "talk.mp4": "",
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// planOf returns the hash of the first cell.
func planOf(t *testing.T, text, folder string) string {
	t.Helper()
	m, err := parse([]byte(text), folder)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Cells[0].Plan.Hash()
}

func TestPlanIsOfContents(t *testing.T) {
	folder := traces(t)
	before := planOf(t, example, folder)
	for _, same := range []string{example + "max-load: 0.5\n", example + "score-every: 3\n"} {
		if planOf(t, same, folder) != before {
			t.Errorf("what does not change the result changes the plan: %s", same[len(example):])
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "traces", "lte.down"), []byte("1\n9\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if planOf(t, example, folder) == before {
		t.Error("another trace of the same name is the same plan")
	}
}

func TestDescriptionsAreCheckedAtOnce(t *testing.T) {
	folder := traces(t)
	for change, want := range map[string]string{
		"talk.mp4": "nothere.mp4", "salsify\n": "salsfy\n", "  receive: ": "  # ", "lte.up": "nothere.up", "0.01": "3", "delay: 15ms": "delay: -1s", "duration: 30s": "duration: 1ms",
	} {
		text := strings.Replace(example, change, want, 1)
		m, err := parse([]byte(text), folder)
		if err == nil {
			_, err = m.Plan("out", cell.Missing)
		}
		if err == nil {
			t.Errorf("%q in place of %q is not refused", want, change)
		}
	}
}

func TestParse(t *testing.T) {
	folder := traces(t)
	m, err := parse([]byte(example), folder)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan("out", nil)
	if err != nil {
		t.Fatal(err)
	}
	// 2 clips x (2 networks x 2 systems x 2 repeats + the oracle once on one network, and twice on the other, which is random).
	if len(plan.Cells) != 22 {
		t.Fatalf("%d cells, must be 22", len(plan.Cells))
	}
	c := plan.Cells[1]
	if c.Label != "mine" || c.System != cell.CommandName || c.Command.Send != "cat > /dev/null" || c.Clip.Source != filepath.Join(folder, "talk.mp4") ||
		c.Network.Down.Trace != filepath.Join(folder, "traces", "lte.down") || c.Network.Delay != 15*time.Millisecond || c.Network.Down.Queue.Packets != 256 ||
		c.Duration != 30*time.Second || c.Exclude != 10*time.Second || c.Network.Seed != 7 || c.Repeat != 1 || c.Virtual {
		t.Errorf("second cell is %+v", c)
	}
	c = plan.Cells[2]
	if c.System != cell.OracleName || c.Virtual {
		t.Errorf("third cell is %+v, must be the oracle's", c)
	}
	c = plan.Cells[9]
	if c.Network.Name != "broken" || c.Network.Delay != 0 || c.Network.Down.Trace != filepath.Join(folder, "other.down") || c.Network.Up.Trace != "" ||
		!c.Network.Down.Outages.Random || c.Network.Up.Loss != 0.01 || c.Clip.Width != 640 || c.Clip.Source != "test:seed=3" ||
		c.ClipName != "drawn" || c.Network.Up.Queue.String() != c.Network.Down.Queue.String() {
		t.Errorf("tenth cell is %+v", c)
	}
	if first, last := plan.Cells[0], plan.Cells[len(plan.Cells)-1]; first.Repeat != 1 || last.Repeat != 2 {
		t.Errorf("repeats from %d to %d: they must come last", first.Repeat, last.Repeat)
	}
}

func TestPlanNamesWhatIsMissing(t *testing.T) {
	m, err := parse([]byte(example), traces(t))
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan("out", func(c cell.Config) error {
		if c.Label == "mine" {
			return errors.New("not here")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Cells) != 14 || len(plan.Skipped) != 1 || plan.Skipped[0] != "mine: not here" {
		t.Errorf("%d cells, left out %q", len(plan.Cells), plan.Skipped)
	}
}

func TestEveryOptionChangesThePlan(t *testing.T) {
	folder := traces(t)
	hashes := map[string]string{}
	for _, change := range [][2]string{
		{"", ""}, {"duration: 30s", "duration: 31s"}, {"grain: light", "grain: low"}, {"lte.up", "other.up"}, {"packets=256", "packets=255"},
		{"seed: 7", "seed: 8"}, {"0.01", "0.02"}, {"off=200ms", "off=201ms"},
	} {
		m, err := parse([]byte(strings.Replace(example, change[0], change[1], 1)), folder)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := m.Plan("anywhere", nil)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, c := range plan.Cells {
			all = append(all, c.Plan.Hash())
		}
		hash := strings.Join(all, " ")
		if other, ok := hashes[hash]; ok {
			t.Errorf("%q and %q give the same plan", change[1], other)
		}
		hashes[hash] = change[1]
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", "no systems"},
		{"systems: [a]", "no clips"},
		{"systems: [a]\nclips: [b]", "no networks"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c}]\nrepeats: 0", "repeats"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c}]\nrepeats: 20000", "more than"},
		{"sytems: [a]", "sytems"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c, queue: nonsense}]", "nonsense"},
		{"systems: [a]\nclips: [{source: b, size: big}]\nnetworks: [{down: c}]", "WIDTHxHEIGHT"},
		{"duration: soon", "soon"},
		{"duration: 3", "write 3s or 3ms"},
		{"networks: [{down: c, delay: 20}]", "write 20s or 20ms"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c}]\nscore-every: 0", "score-every"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c}]\nmax-load: 5", "max-load: 5 is no share"},
		{"systems: [", "systems"},
		{"systems: [a]\nclips: [b]\nnetworks: [{down: c}]\nmax-load: -1", "max-load"},
		{"a: &x [1]\nb: *x", "aliases"},
		{strings.Repeat("[", 30), "brackets"},
		{strings.Repeat("#", maxFileBytes+1), "longer"},
	} {
		if _, err := parse([]byte(test.text), ""); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.100q: error %v, must contain %q", test.text, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("systems: [a]\nclips: [b]\nnetworks: [{down: c}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text, "/x")
		if err != nil {
			return
		}
		_, _ = m.Plan("out", nil) // two of one name are an error
	})
}

func TestFoldersAreNotShared(t *testing.T) {
	m, err := parse([]byte("systems: [salsify, SALSIFY]\nclips: [b]\nnetworks: [{name: c}]"), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Plan("out", nil); !errors.Is(err, ErrFile) {
		t.Errorf("error %v, must be ErrFile", err)
	}
}

func TestSlug(t *testing.T) {
	for in, want := range map[string]string{
		"AT&T LTE": "at-t-lte", "salsify:mode=single": "salsify-mode-single", "../..": "unnamed", "": "unnamed", "0.57mbps": "0.57mbps",
	} {
		if got := slug(in); got != want {
			t.Errorf("%q becomes %q, must be %q", in, got, want)
		}
	}
}

func TestEstimate(t *testing.T) {
	var e estimate
	c := cell.Config{Duration: time.Minute}
	for range 3 {
		e.add(c)
	}
	if got := e.left(0); got != 3*time.Minute {
		t.Errorf("at first %v", got)
	}
	e.done(c, 70*time.Second)
	if got := e.left(30 * time.Second); got != time.Minute+30*time.Second+20*time.Second {
		t.Errorf("in the second cell %v", got)
	}
}

// TestResume runs two virtual cells, then the same with another one, and with another duration.
func TestResume(t *testing.T) {
	folder := t.TempDir()
	out := filepath.Join(folder, "out")
	file := "duration: 1s\nvirtual: true\nno-oracle: true\nsystems: [%s]\nclips: [{source: 'test:', size: 160x120, rate: 10}]\nnetworks: [{name: free}]\nscore-every: 100\n"
	planned := func(text string) *Plan {
		t.Helper()
		m, err := parse([]byte(text), folder)
		if err != nil {
			t.Fatal(err)
		}
		plan, err := m.Plan(out, cell.Missing)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	run := func(text string, redo bool) (o Outcome, events []Event, err error) {
		t.Helper()
		o, err = planned(text).Run(t.Context(), redo, func(e Event) { events = append(events, e) })
		return o, events, err
	}
	first := strings.Replace(file, "%s", "salsify, 'salsify:single'", 1)
	if o, _, err := run(first, false); err != nil || o.Ran != 2 || o.Kept != 0 || o.Failed != 0 || len(o.Folders) != 2 || o.Silent != 0 {
		t.Fatalf("first run: %+v, %v", o, err)
	}
	if o, events, err := run(first, false); err != nil || o.Ran != 0 || o.Kept != 2 || len(events) != 0 {
		t.Errorf("second run: %+v, %v", o, err)
	}
	third := strings.Replace(file, "%s", "salsify, 'salsify:single', 'salsify:conventional'", 1)
	if o, _, err := run(third, false); err != nil || o.Ran != 1 || o.Kept != 2 {
		t.Errorf("with a third system: %+v, %v", o, err)
	}
	if strangers := planned(first).Strangers; len(strangers) != 1 || !strings.HasSuffix(strangers[0], "salsify-conventional/1") {
		t.Errorf("strangers are %q", strangers)
	}
	// With another duration, what was measured stays, and nothing is run, until that is asked for.
	longer := strings.Replace(first, "duration: 1s", "duration: 1100ms", 1)
	o, events, err := run(longer, false)
	if !errors.Is(err, ErrOthers) || len(events) != 0 || !strings.Contains(err.Error(), "duration was 1s, is 1.1s now") ||
		!strings.Contains(err.Error(), "--redo") {
		t.Errorf("with another duration: %+v, %v", o, err)
	}
	if o, _, err := run(longer, true); err != nil || o.Ran != 2 || o.Kept != 0 {
		t.Errorf("with another duration, once more: %+v, %v", o, err)
	}
	for name, duration := range map[string]float64{"1": 1100, "1.old-1": 1000} {
		if r, err := result.Read(filepath.Join(out, "free", "test", "salsify", name)); err != nil || r.DurationMs != duration {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	// A cell that fails says why in its folder, and the others run; what it had before is kept.
	if err := os.WriteFile(filepath.Join(folder, "test.y4m"), []byte("no pictures"), 0o666); err != nil {
		t.Fatal(err)
	}
	o, events, err = run(strings.Replace(longer, "'test:', size: 160x120", "test.y4m, name: broken", 1), true)
	if err != nil || o.Failed != 2 || o.Ran != 0 || events[len(events)-1].Err == nil {
		t.Errorf("with a clip that is none: %+v, %v", o, err)
	}
	failed, err := result.FindFailed(out)
	if err != nil || len(failed) != 2 {
		t.Fatalf("failed are %q, %v", failed, err)
	}
	if line, err := result.ReadError(failed[1]); err != nil || !strings.HasPrefix(line, "salsify, free, broken, repeat 1: ") {
		t.Errorf("it says %q, %v", line, err)
	}
}

// TestVirtualRepeats: what nothing random is in is run once, which is said.
func TestVirtualRepeats(t *testing.T) {
	for name, test := range map[string]struct {
		network string
		want    map[string]int // repeats of each system
		said    string
	}{
		"nothing random":     {"name: a", map[string]int{"salsify": 1, "oracle": 1}, "repeats from 2 on of oracle, salsify on a"},
		"outages":            {"name: a, outage-down: 'exponential:on=5s,off=200ms'", map[string]int{"salsify": 3, "oracle": 3}, ""},
		"losses":             {"name: a, loss-up: 0.1", map[string]int{"salsify": 3, "oracle": 1}, "of oracle on a"},
		"outages that recur": {"name: a, outage-down: 'fixed:on=5s,off=200ms'", map[string]int{"salsify": 1, "oracle": 1}, "of oracle, salsify on a"},
	} {
		m, err := parse([]byte("virtual: true\nrepeats: 3\nsystems: [salsify]\nclips: ['test:', 'test:seed=2']\nnetworks: [{"+test.network+"}]\n"), "")
		if err != nil {
			t.Fatal(err)
		}
		m.Clips[1].Name = "another"
		plan, err := m.Plan("out", nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for _, c := range plan.Cells {
			got[c.System]++
		}
		for system, want := range test.want {
			if got[system] != 2*want {
				t.Errorf("%s: %d cells of %s with two clips, must be %d", name, got[system], system, 2*want)
			}
		}
		if said := strings.Join(plan.Skipped, "\n"); !strings.Contains(said, test.said) || (said == "") != (test.said == "") {
			t.Errorf("%s: said is %q, must have %q", name, said, test.said)
		}
	}
}
