package result

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// maxFile bounds result.json: command lines and warnings are the most of it.
const maxFile = 4 << 20

// ErrFormat is the error of Read for a result of another version.
var ErrFormat = errors.New("another version of the files")

// Write writes the files that belong to a cell into its folder, which it makes if it is not there:
//
//  1. An old result.json is taken away, so that no reader joins it with new files.
//  2. frames.csv and series.csv are written beside their place and renamed.
//  3. result.json is written last, likewise: a folder that has it is complete.
//
// Figures are rounded to 3 decimals, SSIM and shares to 5. A figure that is NaN or infinite and not part of a Delay is an error:
// what could not be measured is nil there.
func Write(folder string, r *Result, frames []Frame, series []Bin) error {
	if r.Format != Format {
		return fmt.Errorf("result: format is %d, this program writes %d", r.Format, Format)
	}
	if err := r.check(); err != nil {
		return fmt.Errorf("result: %w", err)
	}
	rounded := *r
	rounded.Figures = roundFloats(reflect.ValueOf(r.Figures), "").Interface().(Figures)
	rounded.Machine = roundFloats(reflect.ValueOf(r.Machine), "").Interface().(Machine)
	head, err := json.MarshalIndent(&rounded, "", "  ")
	if err != nil {
		return fmt.Errorf("result: %w", err)
	}
	if len(head) >= maxFile {
		return fmt.Errorf("result: %s would have %d bytes, more than %d: shorten warnings and command lines", File, len(head), maxFile)
	}
	frameLines, err := appendFrames(nil, frames)
	if err != nil {
		return fmt.Errorf("%s: %w", FramesFile, err)
	}
	seriesLines, err := appendSeries(nil, series)
	if err != nil {
		return fmt.Errorf("%s: %w", SeriesFile, err)
	}

	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(folder, File)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, f := range []struct {
		name    string
		content []byte
	}{{FramesFile, frameLines}, {SeriesFile, seriesLines}, {File, append(head, '\n')}} {
		if err := replace(filepath.Join(folder, f.name), f.content); err != nil {
			return err
		}
	}
	return nil
}

// replace puts a file in its place at once: readers see the old one or the whole new one, also after a crash.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after the rename, as it should
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(0o644) // CreateTemp's files are for their owner only
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

// Read reads result.json of a cell's folder. The error is ErrFormat if another version of this program wrote it.
func Read(folder string) (*Result, error) {
	path := filepath.Join(folder, File)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, so none of ours", path, maxFile)
	}
	r, err := parse(content)
	if errors.Is(err, ErrFormat) {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err != nil {
		return nil, fmt.Errorf("%s%w: the file is damaged, run the cell again", path, err)
	}
	return r, nil
}

// parse reads the content of result.json. Its errors begin with ":LINE: " or ": ".
func parse(content []byte) (*Result, error) {
	var version struct {
		Format *int `json:"format"`
	}
	if err := json.Unmarshal(content, &version); err != nil {
		return nil, lineError(content, err)
	}
	if version.Format == nil {
		return nil, errors.New(": it has no format, so it is no result")
	}
	if *version.Format != Format {
		return nil, fmt.Errorf("%w: format %d, and this program reads %d", ErrFormat, *version.Format, Format)
	}
	var r Result
	for _, d := range []*Delay{&r.Figures.FrameDelay, &r.Figures.SignalDelay, &r.Figures.QueueDelay} {
		_ = d.UnmarshalJSON([]byte("null")) // not measured, unless the file says otherwise
	}
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, lineError(content, err)
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf(": %w", err)
	}
	return &r, nil
}

// lineError tells the line of an error of encoding/json.
func lineError(content []byte, err error) error {
	offset := int64(len(content))
	if syntax := (*json.SyntaxError)(nil); errors.As(err, &syntax) {
		offset = syntax.Offset
	} else if kind := (*json.UnmarshalTypeError)(nil); errors.As(err, &kind) {
		offset = kind.Offset
	}
	offset = min(max(offset, 0), int64(len(content)))
	return fmt.Errorf(":%d: %w", 1+bytes.Count(content[:offset], []byte("\n")), err)
}

// check finds what no cell can have measured.
func (r *Result) check() error {
	if r.System == "" {
		return errors.New("system is empty")
	}
	if r.Repeat < 1 {
		return fmt.Errorf("repeat is %d, and the first is 1", r.Repeat)
	}
	if r.DurationMs < 0 || r.ExcludedMs < 0 || r.ExcludedMs > r.DurationMs {
		return fmt.Errorf("%g ms of %g ms are excluded", r.ExcludedMs, r.DurationMs)
	}
	return checkFloats(reflect.ValueOf(*r), "")
}

var delayType = reflect.TypeFor[Delay]()

// checkFloats refuses numbers that JSON or arithmetic cannot hold, and negative counts. In a Delay NaN is allowed: it was not measured.
func checkFloats(v reflect.Value, name string) error {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			return checkFloats(v.Elem(), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := strings.TrimPrefix(name+"."+jsonName(v.Type().Field(i)), ".")
			if v.Type() == delayType && math.IsNaN(v.Field(i).Float()) {
				continue
			}
			if err := checkFloats(v.Field(i), field); err != nil {
				return err
			}
		}
	case reflect.Float64:
		if x := v.Float(); math.IsNaN(x) || math.Abs(x) > maxValue {
			return fmt.Errorf("%s is %v: it has to be a number up to %.0e", name, x, maxValue)
		}
	case reflect.Int, reflect.Int64:
		if v.Int() < 0 || v.Int() > maxValue {
			return fmt.Errorf("%s is %d: it has to be from 0 to %.0e", name, v.Int(), maxValue)
		}
	}
	return nil
}

// roundFloats is a copy with all numbers rounded.
func roundFloats(v reflect.Value, name string) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(roundFloats(v.Elem(), name))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			out.Field(i).Set(roundFloats(v.Field(i), jsonName(v.Type().Field(i))))
		}
	case reflect.Float64:
		out.SetFloat(math.Round(v.Float()*scaleOf(name)) / scaleOf(name))
	default:
		out.Set(v)
	}
	return out
}

// scaleOf is 10 to the power of the decimals that a field is written with.
func scaleOf(name string) float64 {
	switch name {
	case "ssim", "share", "link_used", "others_before", "others_during", "system_used", "testbed_used":
		return 1e5
	}
	return 1e3
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

// MarshalJSON writes null for what is NaN.
func (d Delay) MarshalJSON() ([]byte, error) {
	values := make([]*float64, len(delayFields))
	for i, x := range []float64{d.Mean, d.P50, d.P95, d.P99, d.Max} {
		if !math.IsNaN(x) {
			values[i] = &x
		}
	}
	return json.Marshal(struct {
		Mean *float64 `json:"mean"`
		P50  *float64 `json:"p50"`
		P95  *float64 `json:"p95"`
		P99  *float64 `json:"p99"`
		Max  *float64 `json:"max"`
	}{values[0], values[1], values[2], values[3], values[4]})
}

// UnmarshalJSON reads null, and what is not there, as NaN.
func (d *Delay) UnmarshalJSON(b []byte) error {
	var values map[string]*float64
	if err := json.Unmarshal(b, &values); err != nil {
		return err
	}
	for i, to := range []*float64{&d.Mean, &d.P50, &d.P95, &d.P99, &d.Max} {
		*to = math.NaN()
		if x := values[delayFields[i]]; x != nil {
			*to = *x
		}
	}
	return nil
}

// delayFields are the fields of a Delay in JSON.
var delayFields = [...]string{"mean", "p50", "p95", "p99", "max"}
