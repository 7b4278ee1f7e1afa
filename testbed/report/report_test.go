package report

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
	"gonum.org/v1/plot/vg"

	"salsify/testbed/result"
)

var published = []Published{
	{Network: "Verizon-LTE-short", System: "Salsify-2c", SignalMean: 497 * time.Millisecond, SignalP95: 1257 * time.Millisecond, SSIMdB: 15.60, FPS: 15.5,
		FrameP50: 139 * time.Millisecond, FrameP95: 256 * time.Millisecond},
	{Network: "Verizon-LTE-short", System: "Skype", SignalMean: 1183 * time.Millisecond, SignalP95: 6600 * time.Millisecond, SSIMdB: 14.12},
	{Network: "elsewhere", System: "Nobody"},
}

// write writes a report on the folders below root and returns its page.
func write(t *testing.T, root string, config Config) string {
	t.Helper()
	loaded, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	config.Cells, config.Failed, config.Warnings, config.Out = loaded.Cells, loaded.Failed, loaded.Warnings, filepath.Join(root, "report")
	last, of := 0, 0
	if err := Write(context.Background(), config, func(done, total int) { last, of = done, total }); err != nil {
		t.Fatal(err)
	}
	if last != of {
		t.Errorf("progress ended at %d of %d", last, of)
	}
	page, err := os.ReadFile(filepath.Join(config.Out, PageFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// checkPage walks the page: what it refers to is in it or beside it, and nothing runs or comes from elsewhere.
func checkPage(t *testing.T, root, page string) {
	t.Helper()
	ids := map[string]bool{}
	var targets []string
	depth := 0
	tokens := html.NewTokenizer(strings.NewReader(page))
	for {
		kind := tokens.Next()
		if kind == html.ErrorToken {
			if tokens.Err() != io.EOF {
				t.Fatal(tokens.Err())
			}
			break
		}
		token := tokens.Token()
		if token.Data == "script" || token.Data == "iframe" || token.Data == "link" || token.Data == "img" {
			t.Errorf("the page has a <%s>", token.Data)
		}
		switch kind {
		case html.StartTagToken:
			if token.Data == "section" || token.Data == "figure" || token.Data == "table" {
				depth++
			}
		case html.EndTagToken:
			if token.Data == "section" || token.Data == "figure" || token.Data == "table" {
				depth--
			}
		}
		for _, a := range token.Attr {
			switch {
			case a.Key == "id" && ids[a.Val]:
				t.Errorf("two elements are #%s", a.Val)
			case a.Key == "id":
				ids[a.Val] = true
			case a.Key == "href":
				targets = append(targets, a.Val)
			case strings.HasPrefix(a.Key, "on"):
				t.Errorf("the page runs %s=%q", a.Key, a.Val)
			}
		}
	}
	if depth != 0 {
		t.Errorf("%d elements are not closed", depth)
	}
	for _, target := range targets {
		if id, here := strings.CutPrefix(target, "#"); here {
			if id != "-" && !ids[id] {
				t.Errorf("nothing is at %s", target)
			}
			continue
		}
		path := strings.NewReplacer("%20", " ", "%3C", "<", "%3E", ">", "%22", `"`, "%23", "#", "%3F", "?", "%25", "%").Replace(target)
		if _, err := os.Stat(filepath.Join(root, "report", path)); err != nil {
			t.Errorf("the link %q leads nowhere: %v", target, err)
		}
	}
	if urls := regexp.MustCompile(`https?://[^"'\s<]*`).FindAllString(page, -1); len(urls) > 0 {
		for _, u := range urls {
			if !strings.HasPrefix(u, "http://www.w3.org/") {
				t.Errorf("the page refers to %s", u)
			}
		}
	}
	if strings.Contains(page, "ZgotmplZ") {
		t.Error("the template refused a value")
	}
}

// checkFigures returns the names of the figures, each of which is there in three formats.
func checkFigures(t *testing.T, root string) []string {
	t.Helper()
	folder := filepath.Join(root, "report", FiguresFolder)
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	endings := map[string]int{}
	for _, f := range files {
		ending := filepath.Ext(f.Name())
		endings[strings.TrimSuffix(f.Name(), ending)]++
		content, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		switch ending {
		case ".png":
			if c, err := png.DecodeConfig(bytes.NewReader(content)); err != nil || c.Width < 600 {
				t.Errorf("%s: %d wide, %v", f.Name(), c.Width, err)
			}
		case ".svg":
			in := xml.NewDecoder(bytes.NewReader(content))
			for err = nil; err == nil; {
				_, err = in.Token()
			}
			if err != io.EOF {
				t.Errorf("%s: %v", f.Name(), err)
			}
			if i := regexp.MustCompile(`NaN|Inf`).FindIndex(content); i != nil {
				t.Errorf("%s has coordinates that are no numbers: %q", f.Name(), content[max(0, i[0]-60):i[1]])
			}
		case ".pdf":
			if !bytes.HasPrefix(content, []byte("%PDF-")) || !bytes.Contains(content[max(0, len(content)-20):], []byte("%%EOF")) {
				t.Errorf("%s is no PDF file", f.Name())
			}
		default:
			t.Errorf("%s does not belong here", f.Name())
		}
	}
	var names []string
	for name, n := range endings {
		if n != 3 {
			t.Errorf("figure %s has %d formats", name, n)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestReport(t *testing.T) {
	root := t.TempDir()
	systems := []fakeSystem{fakeSystems[0], fakeSystems[3], fakeSystems[7]}
	networks := []fakeNetwork{fakeNetworks[0], fakeNetworks[4]}
	for _, net := range networks {
		for _, sys := range systems {
			for repeat := range min(sys.repeats, 2) {
				writeFake(t, root, net, sys, repeat+1, 20)
			}
		}
	}
	page := write(t, root, Config{Title: "A <b>title</b>", Published: published})
	checkPage(t, root, page)
	names := checkFigures(t, root)
	var want []string
	for _, net := range []string{"verizon-lte-short", "0.57mbps-poisson"} {
		for _, what := range []string{"signal-delay-quality", "frame-delay-quality", "time", "time-salsify", "time-chrome-vp8", "time-oracle",
			"cdf-frame-delay", "cdf-signal-delay", "cdf-ssim"} {
			want = append(want, net+"-"+what)
		}
	}
	slices.Sort(want)
	if !slices.Equal(names, want) {
		t.Errorf("figures %v, want %v", names, want)
	}
	for _, name := range want {
		if !strings.Contains(page, `id="f-`+name+`"`) {
			t.Errorf("figure %s is not on the page", name)
		}
	}
	for _, text := range []string{
		"A &lt;b&gt;title&lt;/b&gt;", "Verizon-LTE-short", "0.57mbps-poisson", "chrome:vp8", "salsify", "oracle", "Salsify-2c", "published 2018",
		"2026-11-22 11:06 to 12:10 UTC", "a processor, 2 cores", "chromium 156.0", "have fewer than 3 repeats", "droptail:packets=256", "beside the oracle",
		"salsify-send &#39;clip name.y4m&#39; --key &#39;it&#39;\\&#39;&#39;s&#39;", "better", "SSIM (dB)",
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page does not have %q", text)
		}
	}
	if strings.Contains(page, "Nobody") {
		t.Error("a published figure of another network is on the page")
	}
	if first, second := strings.Index(page, `<h2 id="0.57mbps-poisson">`), strings.Index(page, `<h2 id="verizon-lte-short">`); first < 0 || second < first {
		t.Error("the networks are not in the order of their cells")
	}
}

// What comes from files may be anything, and much may be missing.
func TestReportOddities(t *testing.T) {
	odd := "a/b <script>alert(1)</script> \x00\x1b[31m 日本 😀 & \"quotes\" ]]> " + strings.Repeat("long", 50)
	sys := fakeSystems[0]
	for name, prepare := range map[string]func(t *testing.T, root string){
		"one cell": func(t *testing.T, root string) { writeFake(t, root, fakeNetworks[0], sys, 1, 5) },
		"no limit": func(t *testing.T, root string) { writeFake(t, root, fakeNetwork{name: "free", mbit: 5}, sys, 1, 5) },
		"odd names": func(t *testing.T, root string) {
			r, frames, series := fake(fakeNetworks[0], sys, 1, 5)
			r.Network.Name, r.System, r.Clip.Name, r.Cell, r.Started = odd, odd, odd, odd, odd
			r.Warnings = []string{odd}
			r.Commands = [][]string{{odd}}
			r.Versions = map[string]string{odd: odd}
			r.Machine.Processor = odd
			save(t, filepath.Join(root, `odd <"folder"> #1 ?%`), r, frames, series)
			r.System += "2" // the same in what is shown of it
			r.Network.Name = ""
			r.Clip.Name = ""
			save(t, filepath.Join(root, "nameless"), r, frames, series)
		},
		"nothing was shown": func(t *testing.T, root string) {
			r, frames, series := fake(fakeNetworks[0], sys, 1, 5)
			none := result.Delay{Mean: nan, P50: nan, P95: nan, P99: nan, Max: nan}
			r.Figures = result.Figures{Captured: len(frames), NeverShown: len(frames), FrameDelay: none, SignalDelay: none, QueueDelay: none}
			for i := range frames {
				f := &frames[i]
				f.ShownMs, f.FrameDelayMs, f.SignalDelayMs, f.SSIM, f.PSNRdB = nan, nan, nan, nan, nan
			}
			for i := range series {
				series[i] = result.Bin{FromMs: series[i].FromMs, CapacityKbit: nan, SentKbit: nan, DeliveredKbit: nan, FeedbackKbit: nan, QueueDelayMs: nan,
					SignalDelayMs: nan, SSIMdB: nan}
			}
			save(t, filepath.Join(root, "cell"), r, frames, series)
		},
		"no lines": func(t *testing.T, root string) {
			r, _, _ := fake(fakeNetworks[0], sys, 1, 5)
			r.Figures.SSIMdB, r.Figures.SSIM, r.Figures.PSNRdB = nil, nil, nil
			save(t, filepath.Join(root, "cell"), r, nil, nil)
		},
		"one line": func(t *testing.T, root string) {
			r, frames, series := fake(fakeNetworks[0], sys, 1, 5)
			save(t, filepath.Join(root, "cell"), r, frames[:1], series[:1])
		},
		"huge and negative": func(t *testing.T, root string) {
			r, frames, series := fake(fakeNetworks[0], sys, 1, 5)
			frames[3].FrameDelayMs, frames[4].FrameDelayMs, frames[5].SSIM, series[3].SignalDelayMs, series[4].DeliveredKbit = -1e11, 1e11, 7, 1e11, -1e11
			series[5].CapacityKbit, series[6].SSIMdB = 1e12, -1e12
			r.Figures.SSIMdB, r.Figures.SignalDelay.P95, r.Figures.FrameDelay.P50 = new(-1e11), 1e12, -5
			save(t, filepath.Join(root, "cell"), r, frames, series)
		},
		"all alike": func(t *testing.T, root string) {
			r, frames, series := fake(fakeNetworks[0], sys, 1, 5)
			for i := range frames {
				frames[i].FrameDelayMs, frames[i].SignalDelayMs, frames[i].SSIM = 50, 0, 1
			}
			for i := range series {
				series[i].SignalDelayMs, series[i].DeliveredKbit, series[i].SentKbit, series[i].CapacityKbit, series[i].SSIMdB = 0, 0, 0, 0, 60
			}
			save(t, filepath.Join(root, "cell"), r, frames, series)
		},
		"files are missing": func(t *testing.T, root string) {
			folder := writeFake(t, root, fakeNetworks[0], sys, 1, 5)
			_ = os.Remove(filepath.Join(folder, result.SeriesFile))
			_ = os.Truncate(filepath.Join(folder, result.FramesFile), 500)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			prepare(t, root)
			page := write(t, root, Config{})
			checkPage(t, root, page)
			checkFigures(t, root)
			loaded, err := Load(root)
			if err != nil {
				t.Fatal(err)
			}
			var text, markdown bytes.Buffer
			if err := errors.Join(Text(&text, loaded), Markdown(&markdown, loaded)); err != nil || text.Len() == 0 || markdown.Len() == 0 {
				t.Errorf("tables of %d and %d bytes, %v", text.Len(), markdown.Len(), err)
			}
			if strings.ContainsAny(text.String(), "\x1b\x00") {
				t.Error("control characters reach the terminal")
			}
			said := strings.Contains(page, "Missing in the figures over time") && strings.Contains(page, "Missing in the distributions")
			if name == "files are missing" && !said {
				t.Error("the page does not say what is missing")
			}
		})
	}
}

func save(t *testing.T, folder string, r *result.Result, frames []result.Frame, series []result.Bin) {
	t.Helper()
	if err := result.Write(folder, r, frames, series); err != nil {
		t.Fatal(err)
	}
}

// Cells that cannot be read are left out, and the page says so.
func TestLoadLeavesOut(t *testing.T) {
	root := t.TempDir()
	writeFake(t, root, fakeNetworks[0], fakeSystems[0], 1, 5)
	for name, content := range map[string]string{"other": `{"format": 99}`, "damaged": `{"format": 1, "sys`} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name, result.File), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	loaded, err := Load(root)
	if err != nil || len(loaded.Cells) != 1 || len(loaded.Warnings) != 2 {
		t.Fatalf("%d cells, warnings %q, %v", len(loaded.Cells), loaded.Warnings, err)
	}
	all := strings.Join(loaded.Warnings, "\n")
	if !strings.Contains(all, "format 99") || !strings.Contains(all, "damaged") {
		t.Errorf("warnings %q", loaded.Warnings)
	}
	page := write(t, root, Config{})
	for _, w := range []string{"format 99", "Left out, since it cannot be read"} {
		if !strings.Contains(page, w) {
			t.Errorf("the page does not warn of %q", w)
		}
	}
	_, err = Load(filepath.Join(root, "other"))
	if err == nil || !strings.Contains(err.Error(), "salsify-eval run") || !strings.Contains(err.Error(), "format 99") {
		t.Errorf("no cell is left: %v", err)
	}
	if _, err := Load(filepath.Join(root, "missing")); err == nil {
		t.Error("a missing folder is no error")
	}
}

// TestFailedAndCopies: the page and the text name the evaluation, the cells that failed, and those that are no repeats.
func TestFailedAndCopies(t *testing.T) {
	root := t.TempDir()
	for repeat := 1; repeat <= 2; repeat++ {
		r, frames, series := fake(fakeNetworks[0], fakeSystems[0], repeat, 5)
		r.Plan = fmt.Sprintf("plan%d", repeat)
		save(t, filepath.Join(root, fmt.Sprint(repeat)), r, frames, series)
		if repeat == 1 { // a copy, and another call
			save(t, filepath.Join(root, "copy"), r, frames, series)
			r.Plan = "another"
			save(t, filepath.Join(root, "other"), r, frames, series)
		}
		// Virtual time gave the same again, though that is another repeat.
		r.Virtual, r.System, r.Plan = true, "virtual", fmt.Sprintf("virtual%d", repeat)
		r.Figures.FPS, r.Figures.Captured = 30, 150
		if repeat == 2 {
			first, err := result.Read(filepath.Join(root, "v1"))
			if err != nil {
				t.Fatal(err)
			}
			r.Figures = first.Figures
		}
		save(t, filepath.Join(root, fmt.Sprint("v", repeat)), r, frames, series)
	}
	if err := errors.Join(result.WriteTitle(root, "A title of its own"),
		result.WriteError(filepath.Join(root, "broken"), "chrome, LTE, talk, repeat 2", errors.New("no browser\nand more"))); err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	for _, c := range loaded.Cells {
		kept = append(kept, filepath.Base(c.Folder))
	}
	if want := []string{"1", "2", "other", "v1"}; !slices.Equal(kept, want) || loaded.Title != "A title of its own" {
		t.Errorf("cells %q, must be %q; title %q", kept, want, loaded.Title)
	}
	var text bytes.Buffer
	if err := Text(&text, loaded); err != nil {
		t.Fatal(err)
	}
	page := write(t, root, Config{Title: loaded.Title})
	for _, want := range []string{
		"A title of its own", "chrome, LTE, talk, repeat 2: no browser (", "copy is repeat 1 of the same call as", "v2 has the same figures as",
	} {
		if !strings.Contains(text.String(), want) || !strings.Contains(page, want) {
			t.Errorf("no %q in the text or on the page:\n%s", want, &text)
		}
	}
}

// TestFewRepeats: they are a warning where systems are compared whose next repeat may differ.
func TestFewRepeats(t *testing.T) {
	virtual := func(system string, change func(*result.Result)) Cell {
		c := simple(system, "n", 1, 100, 12)
		c.Result.Virtual = true
		change(c.Result)
		return c
	}
	same := func(*result.Result) {}
	random := func(r *result.Result) { r.Network.Down.Outages = "exponential:on=5s,off=200ms" }
	for name, c := range map[string]struct {
		cells []Cell
		want  string // "": no warning
	}{
		"one system":       {[]Cell{simple("a", "n", 1, 100, 12), simple(Oracle, "n", 1, 60, 16)}, ""},
		"two":              {[]Cell{simple("a", "n", 1, 100, 12), simple("b", "n", 1, 60, 16)}, "2 of 2 lines"},
		"virtual":          {[]Cell{virtual("a", same), virtual("b", same)}, ""},
		"virtual, outages": {[]Cell{virtual("a", random), virtual("b", random)}, "2 of 2 lines"},
	} {
		sections, _, _ := arrange(c.cells, nil)
		said := strings.Join(doubts(sections), "\n")
		if (said == "") != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: %q, must have %q", name, said, c.want)
		}
	}
}

// TestWarnedOnce: what a cell says of other programs is not said again by the report.
func TestWarnedOnce(t *testing.T) {
	c := simple("a", "n", 1, 100, 12)
	c.Result.Machine.OthersDuring = new(0.5)
	c.Result.Warnings = []string{"other programs used more than 10 % of the processors during the call"}
	sections, _, _ := arrange([]Cell{c}, nil)
	if said := doubts(sections); len(said) != 1 || !strings.Contains(said[0], "other programs") {
		t.Errorf("said is %q", said)
	}
}

// TestWholeDistribution: the axis has room for the whole curve, though not for decades of next to nothing.
func TestWholeDistribution(t *testing.T) {
	for _, c := range []struct {
		values []float64
		least  float64
	}{{[]float64{40, 50, 60, 70}, 40}, {[]float64{0.0001, 50, 60}, leastDelay}, {[]float64{-3, 0.2}, 0.2}} {
		m := &sample{}
		for range 300 { // the low ones are few
			m.values = append(m.values, c.values[1:]...)
		}
		m.values = append(m.values, c.values[0])
		m.count = len(m.values)
		d := distribution{log: true}
		axis := d.axisOf([]*sample{m})
		if axis.from > c.least || axis.from < c.least/2 || axis.to < slices.Max(c.values) {
			t.Errorf("%v: the axis is from %v to %v", c.values, axis.from, axis.to)
		}
		for _, p := range m.steps(axis.from) {
			if at := axis.Normalize(axis.from, axis.to, p.X); at < 0 || at > 1 {
				t.Errorf("%v: %v is drawn at %v", c.values, p.X, at)
			}
		}
	}
}

func TestWriteStops(t *testing.T) {
	root := t.TempDir()
	writeFake(t, root, fakeNetworks[0], fakeSystems[0], 1, 5)
	loaded, err := Load(root)
	if err != nil {
		t.Fatal(err)
	}
	cells := loaded.Cells
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := Write(ctx, Config{Cells: cells, Out: filepath.Join(root, "report")}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled report: %v", err)
	}
	if err := Write(context.Background(), Config{Out: root}, nil); err == nil {
		t.Error("a report on nothing is no error")
	}
	if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := Write(context.Background(), Config{Cells: cells, Out: filepath.Join(root, "file")}, nil); err == nil {
		t.Error("a file in the place of the folder is no error")
	}
}

// simple is a cell with given figures.
func simple(system, network string, repeat int, delay, ssim float64) Cell {
	return Cell{Folder: "x", Result: &result.Result{
		Format: result.Format, System: system, Repeat: repeat, Virtual: system == Oracle, Network: result.Network{Name: network},
		Figures: result.Figures{
			Captured: 1000, NeverShown: 12, FPS: 30, SignalDelay: result.Delay{Mean: delay, P50: delay, P95: 2 * delay}, SSIMdB: &ssim, LinkUsed: new(0.5),
		},
	}}
}

// entryOf finds an entry of a table by its line and heading.
func entryOf(t *testing.T, table table, label, group, head string) entry {
	t.Helper()
	for _, r := range table.Rows {
		for k, c := range table.Columns {
			if r.Label == label && c.group == group && c.head == head {
				return r.Entries[k]
			}
		}
	}
	t.Fatalf("no %s of %s in the table", head, label)
	return entry{}
}

func TestTable(t *testing.T) {
	cells := []Cell{
		simple("a", "n", 1, 100, 12), simple("a", "n", 2, 140, 13), simple("b", "n", 1, 150, 14), simple(Oracle, "n", 1, 60, 16),
		simple("alone", "m", 1, 50, 10),
	}
	sections, systems, _ := arrange(cells, []Published{{Network: "n", System: "old", SignalMean: 10 * time.Millisecond, SSIMdB: 20}})
	if len(sections) != 2 || len(systems) != 4 || systems[3].name != Oracle {
		t.Fatalf("%d sections, %d systems", len(sections), len(systems))
	}
	n := tableOf(sections[0])
	for _, c := range []struct {
		label, group, head string
		want               entry
	}{
		{"a", "signal delay", "mean", entry{"120", "100–140", true}},
		{"b", "signal delay", "mean", entry{"150", "", false}},
		{Oracle, "signal delay", "mean", entry{"60", "", false}}, // lowest of all, and yet not the best system
		{"old", "signal delay", "mean", entry{"10", "", false}},
		{"old", "signal delay", "p95", entry{}}, // not published
		{"a", "quality", "SSIM", entry{"12.50", "12.00–13.00", false}},
		{"b", "quality", "SSIM", entry{"14.00", "", true}},
		{"a", "beside the oracle", "signal delay", entry{"2.00", "1.67–2.33", true}},
		{"a", "beside the oracle", "SSIM", entry{"-3.50", "-4.00 to -3.00", false}},
		{"b", "beside the oracle", "SSIM", entry{"-2.00", "", true}},
		{"b", "beside the oracle", "link used", entry{"1.00", "", false}}, // all alike: none is best
		{Oracle, "beside the oracle", "SSIM", entry{}},
		{"a", "pictures", "never shown", entry{"1.2", "", false}},
	} {
		if got := entryOf(t, n, c.label, c.group, c.head); got != c.want {
			t.Errorf("%s, %s of %s: %+v, want %+v", c.label, c.head, c.group, got, c.want)
		}
	}
	for _, c := range tableOf(sections[1]).Columns {
		if c.group == "beside the oracle" || c.head == "PSNR" {
			t.Errorf("there is a column %s %s without figures", c.group, c.head)
		}
	}
	if got := entryOf(t, tableOf(sections[1]), "alone", "signal delay", "mean"); got.Best {
		t.Error("the only system is the best")
	}
}

func TestTextAndMarkdown(t *testing.T) {
	cells := []Cell{simple("a", "n", 1, 100, 12), simple("a", "n", 2, 140, 13), simple("b|c", "n", 1, 150, 14), simple(Oracle, "n", 1, 60, 16)}
	var text, markdown bytes.Buffer
	if err := errors.Join(Text(&text, Config{Cells: cells}), Markdown(&markdown, Config{Cells: cells})); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"*120", "100–140", "oracle", "2 of 2 lines have fewer than 3 repeats"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not have %q:\n%s", want, &text)
		}
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if len([]rune(line)) > 160 {
			t.Errorf("a line of %d columns: %s", len([]rune(line)), line)
		}
	}
	for _, want := range []string{"### n\n", "| **120** (100–140) |", `| b\|c |`} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("the Markdown does not have %q:\n%s", want, &markdown)
		}
	}
	width := 0
	for _, line := range strings.Split(markdown.String(), "\n") {
		fields := strings.Count(strings.ReplaceAll(line, `\|`, ""), "|")
		if !strings.HasPrefix(line, "|") {
			width = 0
		} else if width == 0 {
			width = fields
		} else if width != fields {
			t.Errorf("a row of %d fields under a heading of %d: %s", fields, width, line)
		}
	}
}

func TestArrange(t *testing.T) {
	mixed := []Cell{simple("s", "n", 2, 1, 1), simple("s", "n", 1, 1, 1), simple("s", "m", 1, 1, 1)}
	virtual := simple("s", "n", 1, 1, 1)
	virtual.Result.Virtual = true
	virtual.Result.Network.DelayMs = 30
	sections, systems, warnings := arrange(append(mixed, virtual), nil)
	if len(systems) != 2 || systems[0].label != "s" || systems[1].label != "s, virtual" {
		t.Errorf("real and virtual time are not apart: %+v", systems)
	}
	if len(sections) != 2 || sections[0].title != "n" || len(sections[0].lines) != 2 || sections[0].lines[0].cells[0].Result.Repeat != 1 {
		t.Errorf("sections %+v", sections)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "n: the cells have different delays") {
		t.Errorf("warnings %q", warnings)
	}
	// The same network with two clips is two sections, with files of their own.
	other := simple("s", "n", 1, 1, 1)
	other.Result.Clip.Name = "another"
	sections, _, _ = arrange(append(mixed, other), nil)
	if len(sections) != 3 || sections[2].title != "n, another" || sections[0].slug == sections[2].slug {
		t.Errorf("clips are not apart: %d sections", len(sections))
	}
	looks := map[string]bool{}
	for n := range 16 {
		l := lookOf(n)
		looks[fmt.Sprintf("%v %v", l.colour, l.dashes)] = true
	}
	if len(looks) != 16 {
		t.Errorf("16 systems have %d looks", len(looks))
	}
}

// Better is to the right: where the axis of delays is reversed, less delay stands farther right, in either scale.
func TestScale(t *testing.T) {
	for _, values := range [][]float64{{100, 150}, {20, 15000}, {5}, {}, {0, -3, 80}, {1e-3, 1e12}} {
		s := delayScale(values)
		if !(s.from < s.to) || s.log && s.from <= 0 {
			t.Errorf("%v: from %v to %v", values, s.from, s.to)
		}
		for _, v := range values {
			if at := s.Normalize(s.from, s.to, v); v > 0 && (at < 0 || at > 1) {
				t.Errorf("%v: %v is at %v", values, v, at)
			}
		}
		r := s
		r.reversed = true
		if less, more := r.Normalize(s.from, s.to, s.from+(s.to-s.from)/10), r.Normalize(s.from, s.to, s.to); less <= more {
			t.Errorf("%v: less delay is at %v, more at %v", values, less, more)
		}
		labels := 0
		for _, tick := range s.Ticks(s.from, s.to) {
			if !tick.IsMinor() {
				labels++
			}
			if tick.Value < s.from*(1-1e-6) || tick.Value > s.to*(1+1e-6) {
				t.Errorf("%v: a tick at %v", values, tick.Value)
			}
		}
		if labels < 2 || labels > 20 {
			t.Errorf("%v: %d labels", values, labels)
		}
	}
	if a, b := delayScale([]float64{100, 450}), delayScale([]float64{100, 550}); a.log || !b.log {
		t.Error("the axis is logarithmic in the wrong case")
	}
}

func point(x, y float64) vg.Point { return vg.Point{X: vg.Length(x), Y: vg.Length(y)} }

// Names of points that lie apart cover neither each other nor other points.
func TestLabelsDoNotCollide(t *testing.T) {
	p := &placer{frame: box(point(150, 150), 150)}
	var points []vg.Rectangle
	for _, at := range [][2]float64{{40, 40}, {60, 44}, {200, 100}, {210, 112}, {205, 88}, {290, 290}, {5, 200}} {
		r := box(point(at[0], at[1]), markRadius)
		points = append(points, r)
		p.take(r, 10)
	}
	var labels []vg.Rectangle
	for _, r := range points {
		label, _ := p.label(point(float64(r.Min.X+r.Max.X)/2, float64(r.Min.Y+r.Max.Y)/2), 60, textSize)
		labels = append(labels, label)
	}
	overlap := func(a, b vg.Rectangle) bool {
		return a.Min.X < b.Max.X && b.Min.X < a.Max.X && a.Min.Y < b.Max.Y && b.Min.Y < a.Max.Y
	}
	for i, a := range labels {
		for k, b := range labels {
			if k > i && overlap(a, b) {
				t.Errorf("names %d and %d collide", i, k)
			}
		}
		for k, b := range points {
			if overlap(a, b) {
				t.Errorf("name %d covers point %d", i, k)
			}
		}
		if a.Min.X < 0 || a.Max.X > 300 || a.Min.Y < 0 || a.Max.Y > 300 {
			t.Errorf("name %d is outside: %v", i, a)
		}
	}
}

func TestThin(t *testing.T) {
	var bins []result.Bin
	for i := range 6000 {
		bins = append(bins, result.Bin{FromMs: float64(i) * 100, SentKbit: float64(i % 10), CapacityKbit: nan})
	}
	thinned := thin(bins)
	if len(thinned) != maxPoints || thinned[1].FromMs != 1000 || thinned[1].SentKbit != 4.5 || thinned[1].CapacityKbit == thinned[1].CapacityKbit {
		t.Errorf("%d bins, the second %+v", len(thinned), thinned[1])
	}
	if same := thin(bins[:600]); len(same) != 600 {
		t.Errorf("%d bins where 600 are few enough", len(same))
	}
}

func TestShellLine(t *testing.T) {
	if got, want := shellLine([]string{"a", "", "b c", "d'e", "--f=1"}), `a '' 'b c' 'd'\''e' --f=1`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
