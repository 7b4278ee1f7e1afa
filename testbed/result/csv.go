package result

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
)

// column is one of a CSV file.
type column struct {
	name     string
	decimals int // at most
}

const (
	maxLine  = 512  // bytes of a line
	maxField = 24   // bytes of a field
	maxValue = 1e12 // of any field, so that no field is longer than maxField: 30 years in milliseconds
)

func appendHeader(b []byte, columns []column) []byte {
	for i, c := range columns {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, c.name...)
	}
	return append(b, '\n')
}

// appendLine appends a line: the number if there is one, then the values. NaN becomes an empty field.
func appendLine(b []byte, number *uint64, columns []column, values []*float64) ([]byte, error) {
	if number != nil {
		b = append(strconv.AppendUint(b, *number, 10), ',')
		columns = columns[1:]
	}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		if math.Abs(*v) > maxValue {
			return nil, fmt.Errorf("%s is %v: more than %.0e cannot be written", columns[i].name, *v, maxValue)
		}
		b = appendFloat(b, *v, columns[i].decimals)
	}
	return append(b, '\n'), nil
}

// appendFloat appends x with at most so many decimals and without needless zeros; nothing for NaN.
func appendFloat(b []byte, x float64, decimals int) []byte {
	if math.IsNaN(x) {
		return b
	}
	text := strconv.FormatFloat(x, 'f', decimals, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	if text == "-0" {
		text = "0"
	}
	return append(b, text...)
}

// readLines reads a CSV file of ours: exactly these columns, each line complete, no more lines than max. An error names file and line.
func readLines(path string, columns []column, max int, line func(fields []string) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := parseLines(f, columns, max, line); err != nil {
		return fmt.Errorf("%s%w: the file is damaged, run the cell again", path, err)
	}
	return nil
}

// parseLines is readLines for a stream. Its errors begin with ":LINE: ".
func parseLines(r io.Reader, columns []column, max int, line func(fields []string) error) error {
	in := bufio.NewReaderSize(r, maxLine)
	header := string(appendHeader(nil, columns))
	for n := 1; ; n++ {
		raw, err := in.ReadSlice('\n')
		switch {
		case err == io.EOF && len(raw) == 0 && n > 1:
			return nil
		case err == io.EOF && len(raw) == 0:
			return errors.New(":1: the file is empty")
		case err == io.EOF:
			return fmt.Errorf(":%d: the line is cut off", n)
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf(":%d: the line is longer than %d bytes", n, maxLine)
		case err != nil:
			return fmt.Errorf(":%d: %w", n, err)
		case n == 1 && string(raw) != header:
			return fmt.Errorf(":1: the columns are %.200q, not %q", strings.TrimSuffix(string(raw), "\n"), strings.TrimSuffix(header, "\n"))
		case n == 1:
			continue
		case n > max+1:
			return fmt.Errorf(":%d: more than %d lines", n, max)
		}
		fields := strings.Split(strings.TrimSuffix(string(raw), "\n"), ",")
		if len(fields) != len(columns) {
			return fmt.Errorf(":%d: %d fields, not %d", n, len(fields), len(columns))
		}
		if err := line(fields); err != nil {
			return fmt.Errorf(":%d: %w", n, err)
		}
	}
}

func parseNumber(field string, c column, number *uint64) error {
	n, err := strconv.ParseUint(field, 10, 64)
	if err != nil || field[0] == '+' {
		return fmt.Errorf("%s is %.40q, not a whole number", c.name, field)
	}
	*number = n
	return nil
}

func parseValues(fields []string, columns []column, values []*float64) error {
	for i, field := range fields {
		x, err := parseFloat(field)
		if err != nil {
			return fmt.Errorf("%s is %.40q: %w", columns[i].name, field, err)
		}
		*values[i] = x
	}
	return nil
}

var errNotDecimal = errors.New("not a decimal number such as 12.345")

// parseFloat reads what appendFloat writes, and nothing else that strconv would take, such as 0x1p3, 1e99 or inf.
func parseFloat(field string) (float64, error) {
	if field == "" {
		return math.NaN(), nil
	}
	if len(field) > maxField {
		return 0, fmt.Errorf("longer than %d digits", maxField)
	}
	if strings.Trim(field, "-.0123456789") != "" {
		return 0, errNotDecimal
	}
	x, err := strconv.ParseFloat(field, 64)
	if err != nil {
		return 0, errNotDecimal
	}
	if math.Abs(x) > maxValue {
		return 0, fmt.Errorf("more than %.0e", maxValue)
	}
	return x, nil
}

func orderError[T any](index int, name string, value, last T) error {
	return fmt.Errorf("entry %d: %s is %v after %v: entries have to be in order, each once", index+1, name, value, last)
}
