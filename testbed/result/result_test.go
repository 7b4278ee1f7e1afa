package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var nan = math.NaN()

func example() *Result {
	return &Result{
		Format: Format, Cell: "a", System: "salsify", Repeat: 1, Started: "2026-11-22T10:00:00Z",
		Clip: Clip{Name: "heads", Width: 1280, Height: 720, Rate: 30, Seed: math.MaxUint64}, Network: Network{Name: "lte", DelayMs: 20, Down: Way{Loss: 0.000123}},
		DurationMs: 60000, ExcludedMs: 10000,
		Figures: Figures{
			Captured: 1500, Shown: 1400, NeverShown: 100, FPS: 28.00049, SSIM: new(0.9712345678), SSIMdB: new(15.41234),
			FrameDelay: Delay{80.12345, 70, 140, 200, 500}, SignalDelay: Delay{nan, nan, nan, nan, nan}, LinkUsed: new(0.45678912),
		},
		Commands: [][]string{{"salsify-send", "x"}}, Versions: map[string]string{"salsify": "1"},
		Machine: Machine{Cores: 2, OthersDuring: new(0.0123456)},
	}
}

func TestWriteAndRead(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "deep", "cell")
	frames := []Frame{{0, 0, 1.23456, 80.5, 79.26, 80.5, 0.987654321, 40.1}, {7, 33.333, nan, nan, nan, 90, nan, nan}}
	series := []Bin{{0, 5000, 1200.5, 1100, 40, 12, 90, 15.1}, {100, nan, nan, nan, nan, nan, nan, nan}}
	given := example()
	if err := Write(folder, given, frames, series); err != nil {
		t.Fatal(err)
	}
	if *given.Figures.SSIM != 0.9712345678 || given.Figures.FPS != 28.00049 {
		t.Error("Write changed what it was given")
	}
	got, err := Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	f := got.Figures
	if *f.SSIM != 0.97123 || *f.SSIMdB != 15.412 || f.FPS != 28 || *f.LinkUsed != 0.45679 || f.FrameDelay.Mean != 80.123 || !math.IsNaN(f.SignalDelay.P95) ||
		f.PSNRdB != nil || *got.Machine.OthersDuring != 0.01235 || got.Network.Down.Loss != 0.000123 || got.Clip.Seed != math.MaxUint64 {
		t.Errorf("read %+v", got)
	}
	text, _ := os.ReadFile(filepath.Join(folder, FramesFile))
	want := "number,captured_ms,taken_ms,shown_ms,frame_delay_ms,signal_delay_ms,ssim,psnr_db\n0,0,1.235,80.5,79.26,80.5,0.98765,40.1\n7,33.333,,,,90,,\n"
	if string(text) != want {
		t.Errorf("frames.csv is %q", text)
	}
	gotFrames, err := ReadFrames(folder)
	if err != nil || len(gotFrames) != 2 || gotFrames[0].SSIM != 0.98765 || !math.IsNaN(gotFrames[1].ShownMs) || gotFrames[1].Number != 7 {
		t.Errorf("frames %+v, %v", gotFrames, err)
	}
	gotSeries, err := ReadSeries(folder)
	if err != nil || len(gotSeries) != 2 || gotSeries[0].SSIMdB != 15.1 || !math.IsNaN(gotSeries[1].CapacityKbit) {
		t.Errorf("series %+v, %v", gotSeries, err)
	}
	// The same once more gives the same bytes, and nothing else is left in the folder.
	before, _ := os.ReadFile(filepath.Join(folder, File))
	if err := Write(folder, given, frames, series); err != nil {
		t.Fatal(err)
	}
	after, _ := os.ReadFile(filepath.Join(folder, File))
	entries, _ := os.ReadDir(folder)
	if !bytes.Equal(before, after) || len(entries) != 3 {
		t.Errorf("written again: same %v, %d files", bytes.Equal(before, after), len(entries))
	}
}

// The columns are the names of the struct's fields.
func TestColumnsAreFields(t *testing.T) {
	for _, c := range []struct {
		kind    reflect.Type
		columns []column
	}{{reflect.TypeFor[Frame](), frameColumns}, {reflect.TypeFor[Bin](), seriesColumns}} {
		if c.kind.NumField() != len(c.columns) {
			t.Fatalf("%v has %d fields and %d columns", c.kind, c.kind.NumField(), len(c.columns))
		}
		for i, column := range c.columns {
			if field := c.kind.Field(i).Name; !strings.EqualFold(strings.ReplaceAll(column.name, "_", ""), field) {
				t.Errorf("column %s is field %s", column.name, field)
			}
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil  func(*Result)
		frames []Frame
		series []Bin
		want   string
	}{
		"format":      {spoil: func(r *Result) { r.Format = 9 }, want: "format is 9"},
		"no system":   {spoil: func(r *Result) { r.System = "" }, want: "system is empty"},
		"NaN":         {spoil: func(r *Result) { r.Figures.FPS = nan }, want: "figures.fps is NaN"},
		"NaN pointer": {spoil: func(r *Result) { r.Figures.SSIMdB = &nan }, want: "figures.ssim_db is NaN"},
		"infinite":    {spoil: func(r *Result) { r.Figures.FrameDelay.P95 = math.Inf(1) }, want: "figures.frame_delay_ms.p95 is +Inf"},
		"negative":    {spoil: func(r *Result) { r.Figures.Shown = -1 }, want: "figures.shown is -1"},
		"excluded":    {spoil: func(r *Result) { r.ExcludedMs = 1e6 }, want: "excluded"},
		"order":       {frames: []Frame{{Number: 3}, {Number: 3}}, want: "number is 3 after 3"},
		"time":        {series: []Bin{{FromMs: 100}, {FromMs: 0}}, want: "from_ms is 0 after 100"},
		"too large":   {frames: []Frame{{PSNRdB: math.Inf(1)}}, want: "psnr_db is +Inf"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := filepath.Join(t.TempDir(), "cell")
			r := example()
			if c.spoil != nil {
				c.spoil(r)
			}
			err := Write(folder, r, c.frames, c.series)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			if _, err := os.Stat(folder); !errors.Is(err, fs.ErrNotExist) {
				t.Error("the folder was made although nothing could be written")
			}
		})
	}
}

// A cell whose writing breaks off is not complete, also if it was before.
func TestBrokenOffIsIncomplete(t *testing.T) {
	folder := t.TempDir()
	if err := Write(folder, example(), nil, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(folder, SeriesFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, SeriesFile, "in the way"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := Write(folder, example(), nil, nil); err == nil {
		t.Fatal("a folder where series.csv belongs was no error")
	}
	if _, err := os.Stat(filepath.Join(folder, File)); !errors.Is(err, fs.ErrNotExist) {
		t.Error("result.json is there beside files that are not its own")
	}
	if left, _ := filepath.Glob(filepath.Join(folder, ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestReadDamaged(t *testing.T) {
	good, err := json.MarshalIndent(example(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ content, want string }{
		"empty":     {"", ":1: unexpected end"},
		"cut off":   {string(good[:len(good)/2]), "damaged"},
		"syntax":    {"{\n\"format\": 1,\n?\n}", ":3: invalid character"},
		"two":       {string(good) + "{}", "invalid character"},
		"wrong":     {strings.Replace(string(good), `"repeat": 1`, `"repeat": "1"`, 1), ":6: json: cannot unmarshal string"},
		"no format": {`{"system":"a"}`, "no format"},
		"an array":  {`[1]`, "cannot unmarshal array"},
		"huge":      {strings.Repeat(" ", maxFile+1), "larger than"},
		"version":   {`{"format": 2}`, "format 2, and this program reads 1"},
		"repeat":    {`{"format": 1, "system":"a"}`, "repeat is 0"},
		"range":     {`{"format": 1, "system":"a", "repeat":1, "duration_ms":1e300}`, "duration_ms is 1e+300"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, File), []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			_, err := Read(folder)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), folder) {
				t.Errorf("error %v, want one with %q and the file's name", err, c.want)
			}
			if errors.Is(err, ErrFormat) != (name == "version") {
				t.Errorf("errors.Is(%v, ErrFormat) is wrong", err)
			}
		})
	}
	// Fields that a later program of the same format adds are no error, and what is missing was not measured.
	r, err := parse([]byte(`{"format": 1, "system":"a", "repeat":1, "colour":"red", "figures":{"frame_delay_ms":{"mean":3,"p50":null}}}`))
	if err != nil || r.Figures.FrameDelay.Mean != 3 || !math.IsNaN(r.Figures.FrameDelay.P50) || !math.IsNaN(r.Figures.SignalDelay.Mean) {
		t.Errorf("read %+v, %v", r, err)
	}
}

func TestReadLinesDamaged(t *testing.T) {
	header := string(appendHeader(nil, frameColumns))
	for name, c := range map[string]struct{ content, want string }{
		"empty":       {"", ":1: the file is empty"},
		"other":       {"a,b\n", ":1: the columns are"},
		"windows":     {strings.TrimSuffix(header, "\n") + "\r\n", ":1: the columns are"},
		"cut off":     {header + "0,1,2,3,4,5,0.9,30\n1,2", ":3: the line is cut off"},
		"fields":      {header + "0,1,2\n", ":2: 3 fields, not 8"},
		"long":        {header + strings.Repeat("1", 600) + "\n", ":2: the line is longer"},
		"number":      {header + "-1,,,,,,,\n", ":2: number is \"-1\""},
		"plus":        {header + "+1,,,,,,,\n", ":2: number is \"+1\""},
		"none":        {header + ",,,,,,,\n", ":2: number is \"\""},
		"hexadecimal": {header + "1,0x1p3,,,,,,\n", ":2: captured_ms is \"0x1p3\": not a decimal"},
		"infinite":    {header + "1,,,,,,,inf\n", ":2: psnr_db is \"inf\""},
		"long field":  {header + "1,,,,,,," + strings.Repeat("1", 30) + "\n", "longer than 24"},
		"large":       {header + "1,,,,,,,10000000000000\n", "more than 1e+12"},
		"order":       {header + "1,,,,,,,\n1,,,,,,,\n", ":3: entry 2: number is 1 after 1"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			if err := os.WriteFile(filepath.Join(folder, FramesFile), []byte(c.content), 0o644); err != nil {
				t.Fatal(err)
			}
			frames, err := ReadFrames(folder)
			if err == nil || !strings.Contains(err.Error(), c.want) || frames != nil {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
	err := parseLines(strings.NewReader(header+strings.Repeat(",,,,,,,\n", 4)), frameColumns, 3, func([]string) error { return nil })
	if err == nil || !strings.Contains(err.Error(), ":5: more than 3 lines") {
		t.Errorf("too many lines: %v", err)
	}
	folder := t.TempDir()
	for _, from := range []string{"", "-5"} {
		content := string(appendHeader(nil, seriesColumns)) + "0,,,,,,,\n" + from + ",,,,,,,\n"
		if err := os.WriteFile(filepath.Join(folder, SeriesFile), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadSeries(folder); err == nil || !strings.Contains(err.Error(), ":3: entry 2: from_ms") {
			t.Errorf("from_ms %q: %v", from, err)
		}
	}
}

// What is written comes back, to the decimals that are kept.
func TestLinesComeBack(t *testing.T) {
	folder := t.TempDir()
	value := rapid.OneOf(rapid.Just(nan), rapid.Float64Range(-1e7, 1e7), rapid.Float64Range(-1, 1))
	rapid.Check(t, func(t *rapid.T) {
		var frames []Frame
		for i := range rapid.IntRange(0, 20).Draw(t, "pictures") {
			f := Frame{Number: uint64(i) * 3}
			for _, v := range f.values() {
				*v = value.Draw(t, "value")
			}
			frames = append(frames, f)
		}
		content, err := appendFrames(nil, frames)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, FramesFile), content, 0o644); err != nil {
			t.Fatal(err)
		}
		got, err := ReadFrames(folder)
		if err != nil || len(got) != len(frames) {
			t.Fatalf("%d of %d frames: %v", len(got), len(frames), err)
		}
		for i := range got {
			for k, v := range got[i].values() {
				want := *frames[i].values()[k]
				if math.IsNaN(want) != math.IsNaN(*v) || math.Abs(want-*v) > 0.00051 {
					t.Fatalf("frame %d, column %d: %v became %v", i, k+1, want, *v)
				}
			}
		}
	})
}

func TestFind(t *testing.T) {
	root := t.TempDir()
	for _, cell := range []string{"b/2", "b/1", "a", "b/1/logs/inner"} {
		if err := Write(filepath.Join(root, cell), example(), nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(root, "c", File), 0o755); err != nil { // a folder of that name
		t.Fatal(err)
	}
	got, err := Find(root, filepath.Join(root, "b"), filepath.Join(root, "a"))
	if err != nil {
		t.Fatal(err)
	}
	root, _ = filepath.EvalSymlinks(root)
	want := []string{filepath.Join(root, "a"), filepath.Join(root, "b", "1"), filepath.Join(root, "b", "2")}
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got, err := Find(filepath.Join(root, "c")); err != nil || len(got) != 0 {
		t.Errorf("found %v, %v where there is none", got, err)
	}
	if _, err := Find(filepath.Join(root, "missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing folder: %v", err)
	}
}

// Every field of result.json and every column of the CSV files is explained in docs/testbed.md.
func TestEveryFieldIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/testbed.md")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("docs/testbed.md is not there")
	}
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	var collect func(reflect.Type)
	collect = func(kind reflect.Type) {
		for i := range kind.NumField() {
			field := kind.Field(i)
			names[jsonName(field)] = true
			if field.Type.Kind() == reflect.Struct {
				collect(field.Type)
			}
		}
	}
	collect(reflect.TypeFor[Result]())
	for _, columns := range [][]column{frameColumns, seriesColumns} {
		for _, c := range columns {
			names[c.name] = true
		}
	}
	for name := range names {
		if !bytes.Contains(text, []byte("`"+name+"`")) {
			t.Errorf("docs/testbed.md does not explain `%s`", name)
		}
	}
}

// What was put aside is kept, and is no part of an evaluation any more, unless it is asked for by its name.
func TestPutAside(t *testing.T) {
	root := t.TempDir()
	root, _ = filepath.EvalSymlinks(root)
	folder := filepath.Join(root, "cell")
	for n := 1; n <= 2; n++ {
		r := example()
		r.Repeat = n
		if err := Write(folder, r, nil, nil); err != nil {
			t.Fatal(err)
		}
		kept, err := PutAside(folder)
		if want := fmt.Sprintf("%s.old-%d", folder, n); err != nil || kept != want {
			t.Fatalf("put aside as %s, %v; must be %s", kept, err, want)
		}
		if r, err := Read(kept); err != nil || r.Repeat != n {
			t.Errorf("%s has repeat %d, %v", kept, r.Repeat, err)
		}
		if found, err := Find(root); err != nil || len(found) != 0 {
			t.Errorf("found %v, %v", found, err)
		}
		if found, err := Find(kept); err != nil || len(found) != 1 {
			t.Errorf("found %v, %v where it was asked for", found, err)
		}
	}
	if _, err := PutAside(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is not there is put aside: %v", err)
	}
}

func TestFailedAndTitle(t *testing.T) {
	root := t.TempDir()
	root, _ = filepath.EvalSymlinks(root)
	for _, cell := range []string{"failed", "done"} {
		if err := WriteError(filepath.Join(root, cell), "a, LTE", errors.New("no camera\nnor anything else")); err != nil {
			t.Fatal(err)
		}
	}
	if err := Write(filepath.Join(root, "done"), example(), nil, nil); err != nil {
		t.Fatal(err)
	}
	failed, err := FindFailed(root)
	if err != nil || !slices.Equal(failed, []string{filepath.Join(root, "failed")}) {
		t.Fatalf("failed are %v, %v", failed, err)
	}
	if line, err := ReadError(failed[0]); err != nil || line != "a, LTE: no camera" {
		t.Errorf("it says %q, %v", line, err)
	}
	for _, title := range []string{"one", "", "", "two"} {
		if err := WriteTitle(root, title); err != nil || ReadTitle(root) != title {
			t.Errorf("%q became %q, %v", title, ReadTitle(root), err)
		}
	}
}

func FuzzRead(f *testing.F) {
	good, _ := json.Marshal(example())
	f.Add(good)
	f.Add([]byte(`{"format":1,"system":"a","repeat":1,"figures":{"ssim":null,"frame_delay_ms":null}}`))
	f.Fuzz(func(t *testing.T, content []byte) {
		r, err := parse(content)
		if err != nil {
			return
		}
		// What is accepted can be written and read again.
		again, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := parse(again); err != nil || back.System != r.System || len(back.Commands) != len(r.Commands) {
			t.Fatalf("written again: %v", err)
		}
	})
}

func FuzzFrames(f *testing.F) {
	lines, _ := appendFrames(nil, []Frame{{0, 0, 1, 2, 3, 4, 0.9, 30}, {5, nan, nan, nan, nan, nan, nan, nan}})
	f.Add(lines)
	fuzzLines(f, frameColumns, func(fields []string) ([]byte, error) {
		var frame Frame
		if err := parseNumber(fields[0], frameColumns[0], &frame.Number); err != nil {
			return nil, err
		}
		if err := parseValues(fields[1:], frameColumns[1:], frame.values()); err != nil {
			return nil, err
		}
		return appendLine(nil, &frame.Number, frameColumns, frame.values())
	})
}

func FuzzSeries(f *testing.F) {
	lines, _ := appendSeries(nil, []Bin{{0, 1, 2, 3, 4, 5, 6, 7}, {100, nan, nan, nan, nan, nan, nan, nan}})
	f.Add(lines)
	fuzzLines(f, seriesColumns, func(fields []string) ([]byte, error) {
		var bin Bin
		if err := parseValues(fields, seriesColumns, bin.values()); err != nil {
			return nil, err
		}
		return appendLine(nil, nil, seriesColumns, bin.values())
	})
}

// fuzzLines checks that no file makes the reader fail otherwise than by an error with a line, and that what is read can be written.
func fuzzLines(f *testing.F, columns []column, rewrite func([]string) ([]byte, error)) {
	f.Fuzz(func(t *testing.T, content []byte) {
		lines := 0
		err := parseLines(bytes.NewReader(content), columns, 1000, func(fields []string) error {
			lines++
			if len(fields) != len(columns) {
				t.Fatalf("%d fields", len(fields))
			}
			line, err := rewrite(fields)
			if err == nil && len(line) > maxLine {
				t.Fatalf("a line of %d bytes comes out of one that was read", len(line))
			}
			if err != nil && strings.Contains(err.Error(), "cannot be written") {
				t.Fatal(err)
			}
			return err
		})
		if err != nil && !strings.HasPrefix(err.Error(), ":") {
			t.Fatalf("error without a line: %v", err)
		}
		if lines > 1000 {
			t.Fatalf("%d lines", lines)
		}
	})
}
