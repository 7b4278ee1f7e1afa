package manual

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"salsify/testbed/testenv"
)

// programs are all programs, and their verbs.
var programs = map[string][]string{
	"salsify-send": nil,
	"salsify-recv": nil,
	"salsify-vp8":  {"encode", "decode", "inspect", "compare"},
	"salsify-eval": {"run", "matrix", "report", "paper", "systems", "clip"},
	"salsify-link": {"trace stats", "trace plot", "trace crop", "trace scale", "trace generate", "trace convert"},
}

// bin holds the programs.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "manual"); err != nil {
		panic(err)
	}
	build := exec.Command("go", "build", "-o", bin+"/", "salsify/cmd/...")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(bin)
	os.Exit(code)
}

func output(t *testing.T, name string, arguments ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	command := exec.Command(name, arguments...)
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %q: %v\n%s%s", name, arguments, err, out, &stderr)
	}
	return string(out)
}

func made(t *testing.T, program, kind string) (text, file string) {
	t.Helper()
	text = output(t, filepath.Join(bin, program), "--manual", kind)
	file = filepath.Join(t.TempDir(), program+"."+kind)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return text, file
}

var helpFlag = regexp.MustCompile(`(?m)^ +(?:-\w, )?--([a-z0-9-]+)`)

// What --help lists is the oracle: pflag writes that list, not this package.
func TestEveryFlagIsInEveryText(t *testing.T) {
	flag := map[string]string{"man": `\fB\-\-%\fP`, "bash": "--%", "zsh": "'--%[", "fish": " -l % "}
	for program, verbs := range programs {
		texts := map[string]string{}
		for kind := range flag {
			texts[kind], _ = made(t, program, kind)
		}
		for _, verb := range append([]string{""}, verbs...) {
			help := output(t, filepath.Join(bin, program), append(strings.Fields(verb), "--help")...)
			_, list, _ := strings.Cut(help, "\nFlags:\n")
			found := helpFlag.FindAllStringSubmatch(list, -1)
			if len(found) == 0 && (verb != "" || verbs == nil) && verb != "compare" { // which has none
				t.Errorf("%s %s: --help lists no flags", program, verb)
			}
			for kind, text := range texts {
				for _, f := range found {
					name := f[1]
					if kind == "man" {
						name = strings.ReplaceAll(name, "-", `\-`)
					}
					if want := strings.ReplaceAll(flag[kind], "%", name); !strings.Contains(text, want) {
						t.Errorf("%s %s: %s lacks %q", program, verb, kind, want)
					}
				}
				for word := range strings.FieldsSeq(verb) {
					if !strings.Contains(text, word) {
						t.Errorf("%s: %s lacks the verb %s", program, kind, word)
					}
				}
			}
		}
	}
}

func TestShellsAndRoffTakeTheTexts(t *testing.T) {
	for _, check := range []struct {
		kind    string
		command []string
	}{
		{"man", []string{"groff", "-ww", "-man", "-Tutf8", "-z"}},
		{"man", []string{"mandoc", "-T", "lint", "-W", "error"}},
		{"bash", []string{"bash", "-n"}},
		{"zsh", []string{"zsh", "-n"}},
		{"fish", []string{"fish", "-n"}},
	} {
		t.Run(check.command[0], func(t *testing.T) {
			tool := testenv.Tool(t, check.command[0])
			for program := range programs {
				_, file := made(t, program, check.kind)
				if out := output(t, tool, append(check.command[1:len(check.command):len(check.command)], file)...); out != "" {
					t.Errorf("%s: %s", program, out)
				}
			}
		})
	}
}

func TestBashCompletes(t *testing.T) {
	tool := testenv.Tool(t, "bash")
	for _, c := range []struct {
		line      string // its last word is to be completed
		want, not string
	}{
		{"salsify-send --rec", "--record", "--key"},
		{"salsify-send te", "test:", "--key"},
		{"salsify-send ", "clip.y4m", "notes.txt"},
		{"salsify-send --record no", "notes.txt", "test:"},
		{"salsify-send --record = no", "notes.txt", "test:"},
		{"salsify-send --rate te", "", "test:"},
		{"salsify-vp8 en", "encode", "decode"},
		{"salsify-vp8 encode --state", "--state-in", "--version"},
		{"salsify-link tr", "trace", "stats"},
		{"salsify-link trace gen", "generate", "trace"},
		{"salsify-link trace crop --fr", "--from", "--up"},
		{"salsify-eval --ver", "--version", "--help"},
	} {
		words := strings.Split(c.line, " ")
		_, file := made(t, words[0], "bash")
		dir := t.TempDir()
		for _, name := range []string{"clip.y4m", "notes.txt"} {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		script := `cd "$1"; source "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ` +
			"_" + strings.ReplaceAll(words[0], "-", "_") + `; printf '%s\n' "${COMPREPLY[@]}"`
		got := strings.Fields(output(t, tool, append([]string{"-c", script, "bash", dir, file}, words...)...))
		if c.want == "" && len(got) > 0 || c.want != "" && !slices.Contains(got, c.want) || slices.Contains(got, c.not) {
			t.Errorf("%q completes to %q, want %q and not %q", c.line, got, c.want, c.not)
		}
	}
}

func TestVersion(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.0", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "CGO_ENABLED", Value: "0"}, {Key: "GOOS", Value: "linux"}, {Key: "GOARCH", Value: "arm64"},
		{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"},
	}}
	const want = "x v1.2.3, revision abc with changes\nbuilt by go1.26.0 for linux/arm64, without cgo\n"
	if got := version("x", info); got != want {
		t.Errorf("version is %q, want %q", got, want)
	}
	if out := output(t, filepath.Join(bin, "salsify-vp8"), "--version"); !strings.HasPrefix(out, "salsify-vp8 ") || !strings.Contains(out, runtime.Version()) {
		t.Errorf("it says %q", out)
	}
}
