package cell

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"salsify/testbed/clip"
	"salsify/testbed/link"
	"salsify/testbed/result"
)

// small is a cell in virtual time, of the fewest pictures.
func small(t *testing.T) Config {
	t.Helper()
	folder := t.TempDir()
	down := filepath.Join(folder, "a.down")
	if err := os.WriteFile(down, []byte("1\n3\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return Config{
		System: "salsify", Virtual: true, Clip: clip.Config{Source: "test:", Width: 160, Height: 120, Rate: 10}, Every: 100,
		Network: Network{Down: Way{Trace: down}}, Duration: time.Second, Out: filepath.Join(folder, "out"),
	}
}

// TestPlan: what changes the result changes the plan, and is named; what does not, does not.
func TestPlan(t *testing.T) {
	c := small(t)
	before := Planner{}.Plan(c)
	for name, same := range map[string]func(c *Config){
		"names":    func(c *Config) { c.Name, c.Label, c.ClipName, c.Network.Name = "a", "b", "c", "d" },
		"folders":  func(c *Config) { c.Out, c.Bin, c.Clip.Cache = "x", "y", "z" },
		"load":     func(c *Config) { c.MaxLoad, c.Patience = 0.5, time.Hour },
		"defaults": func(c *Config) { c.Repeat, c.EncodeTime = 1, Modelled },
	} {
		c := c
		if same(&c); (Planner{}).Plan(c).Hash() != before.Hash() {
			t.Errorf("%s change the plan: %v", name, Planner{}.Plan(c).Differences(before))
		}
	}
	for want, change := range map[string]func(c *Config){
		"system was salsify, is salsify:single now": func(c *Config) { c.System = "salsify:single" },
		"duration was 1s, is 2s now":                func(c *Config) { c.Duration *= 2 },
		"repeat was 1, is 2 now":                    func(c *Config) { c.Repeat = 2 },
		"rate was 10, is 20 now":                    func(c *Config) { c.Clip.Rate = 20 },
		"loss-up was 0, is 0.5 now":                 func(c *Config) { c.Network.Up.Loss = 0.5 },
		"up was no limit, is sha256":                func(c *Config) { c.Network.Up = c.Network.Down },
		"queue-down was infinite, is droptail":      func(c *Config) { c.Network.Down.Queue = link.Queue{Policy: link.DropTail, Packets: 9} },
		"encode-time was model, is nothing now":     func(c *Config) { c.Virtual = false },
	} {
		c := c
		change(&c)
		plan := Planner{}.Plan(c)
		if said := strings.Join(plan.Differences(before), "\n"); !strings.Contains(said, want) || plan.Hash() == before.Hash() {
			t.Errorf("said is %q, must have %q", said, want)
		}
	}
	if err := os.WriteFile(c.Network.Down.Trace, []byte("1\n4\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if d := (Planner{}).Plan(c).Differences(before); len(d) != 1 || !strings.HasPrefix(d[0], "down was sha256") {
		t.Errorf("another trace of that name: %v", d)
	}
}

// TestResultsAreNotOverwritten: a second run into the same folder is refused, unless the first is to be put aside.
func TestResultsAreNotOverwritten(t *testing.T) {
	c := small(t)
	if finished, _ := c.Finished(); finished {
		t.Fatal("finished before it has begun")
	}
	first, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if finished, differences := c.Finished(); !finished || len(differences) > 0 {
		t.Errorf("finished: %v, %q", finished, differences)
	}
	if first.Plan == "" || first.Plan != (Planner{}).Plan(c).Hash() || first.Versions["salsify-eval"] == "" || first.Figures.Captured != 10 {
		t.Errorf("plan %q, versions %q, %d pictures", first.Plan, first.Versions, first.Figures.Captured)
	}
	other := c
	other.Duration = 1100 * time.Millisecond
	for _, again := range []Config{c, other} {
		if _, err := Run(t.Context(), again); !errors.Is(err, ErrFinished) || !strings.Contains(err.Error(), "--redo") {
			t.Errorf("run again: %v", err)
		}
	}
	if _, differences := other.Finished(); len(differences) != 1 || differences[0] != "duration was 1s, is 1.1s now" {
		t.Errorf("differences %q", differences)
	}
	other.Redo = true
	if _, err := Run(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	if kept, err := result.Read(c.Out + ".old-1"); err != nil || kept.Plan != first.Plan {
		t.Errorf("the first result is not there: %v", err)
	}
	// A result that does not say of what call it is cannot be taken for this one.
	if err := os.Remove(filepath.Join(c.Out, result.PlanFile)); err != nil {
		t.Fatal(err)
	}
	if finished, differences := c.Finished(); !finished || len(differences) != 1 {
		t.Errorf("without %s: %v, %q", result.PlanFile, finished, differences)
	}
}

// TestConfigErrors: each names the field, as flags and matrix files do.
func TestConfigErrors(t *testing.T) {
	for want, change := range map[string]func(c *Config){
		"duration: 0s":                            func(c *Config) { c.Duration = 0 },
		"exclude: 5s":                             func(c *Config) { c.Exclude = 5 * time.Second },
		"repeat: -1":                              func(c *Config) { c.Repeat = -1 },
		"score-every: -1":                         func(c *Config) { c.Every = -1 },
		"max-load: 5":                             func(c *Config) { c.MaxLoad = 5 },
		"patience: -1s":                           func(c *Config) { c.Patience = -time.Second },
		"encode-time: \"x\"":                      func(c *Config) { c.EncodeTime = "x" },
		"delay: -5m":                              func(c *Config) { c.Network.Delay = -5 * time.Minute },
		"start: -1s":                              func(c *Config) { c.Network.Start = -time.Second },
		"loss-down: 2":                            func(c *Config) { c.Network.Down.Loss = 2 },
		"loss-up: -1":                             func(c *Config) { c.Network.Up.Loss = -1 },
		"up: open nothere":                        func(c *Config) { c.Network.Up.Trace = "nothere" },
		"clip: stat nothere":                      func(c *Config) { c.Clip.Source = "nothere" },
		"system: no system \"foo\"":               func(c *Config) { c.System = "foo" },
		"system: virtual time: \"chrome\"":        func(c *Config) { c.System = "chrome" },
		"send: it is missing":                     func(c *Config) { c.System = CommandName; c.Command.Receive = "cat" },
		"receive: it is missing":                  func(c *Config) { c.System = CommandName; c.Command.Send = "cat" },
		"send: only the system command takes it":  func(c *Config) { c.Command.Send = "cat" },
		"input: only the system command takes it": func(c *Config) { c.Command.Input = "pipe" },
	} {
		c := small(t)
		change(&c)
		if err := c.Check(); !errors.Is(err, ErrConfig) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, must be %q", err, want)
		}
	}
	c := small(t)
	c.Clip.Source = "nothere"
	if _, err := Run(t.Context(), c); !errors.Is(err, ErrConfig) {
		t.Errorf("a clip that is not there: %v", err)
	}
}

// TestProgramVersion: a program that does not know its source is told from others by what is in its file.
func TestProgramVersion(t *testing.T) {
	folder := t.TempDir()
	for name, text := range map[string]string{"salsify-send": "a", "salsify-recv": "b"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// The first 8 bytes of what `printf a | sha256sum` prints.
	if got := programVersion(filepath.Join(folder, "salsify-send")); got != "sha256:ca978112ca1bbdca" {
		t.Errorf("the version is %q", got)
	}
	if got := programVersion(filepath.Join(folder, "nothere")); got != "" {
		t.Errorf("the version of nothing is %q", got)
	}
	if path := findProgram("salsify-recv", Config{System: "salsify", Bin: folder}); path != filepath.Join(folder, "salsify-recv") {
		t.Errorf("found at %q", path)
	}
	t.Setenv("PATH", folder)
	if path := findProgram("salsify-recv", Config{System: "salsify:single"}); path != filepath.Join(folder, "salsify-recv") {
		t.Errorf("found at %q", path)
	}
}
