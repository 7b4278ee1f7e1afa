// Package parameters reads what stands behind a system's name, as in "salsify:single" or "synthetic:delay=100ms,noise=4".
package parameters

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrParameters is wrapped by all errors of this package.
var ErrParameters = errors.New("wrong parameters of a system")

// maxBytes bounds a text.
const maxBytes = 4096

// Parameter is one of them.
type Parameter struct {
	Name  string // "" for a word that stands alone
	Value string
}

// Parse reads NAME=VALUE,NAME=VALUE... with some of the known names, in the text's order. A word that stands alone has the name "", if that is
// known. No name may come twice. The empty text has no parameters.
func Parse(text string, known ...string) ([]Parameter, error) {
	if len(text) > maxBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", ErrParameters, maxBytes)
	}
	if text == "" {
		return nil, nil
	}
	var parameters []Parameter
	for part := range strings.SplitSeq(text, ",") {
		name, value, named := strings.Cut(part, "=")
		if !named {
			name, value = "", name
		}
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		switch {
		case value == "" || named && name == "":
			return nil, fmt.Errorf("%w: %q is incomplete; write %s", ErrParameters, part, usage(known))
		case !slices.Contains(known, name) && !named:
			return nil, fmt.Errorf("%w: %q has no value; write %s", ErrParameters, value, usage(known))
		case !slices.Contains(known, name):
			return nil, fmt.Errorf("%w: %q is not known; write %s", ErrParameters, name, usage(known))
		case slices.ContainsFunc(parameters, func(p Parameter) bool { return p.Name == name }):
			return nil, fmt.Errorf("%w: %q comes twice in %q", ErrParameters, part, text)
		}
		parameters = append(parameters, Parameter{name, value})
	}
	return parameters, nil
}

// usage shows what can be written.
func usage(known []string) string {
	var ways []string
	for _, name := range known {
		if name != "" {
			ways = append(ways, name+"=...")
		}
	}
	switch len(ways) {
	case 0:
		return "nothing behind the name"
	case 1:
		return ways[0]
	}
	return strings.Join(ways, ", ") + ", or several of them with commas between"
}

// Duration reads the value as a time such as 100ms, within bounds.
func (p Parameter) Duration(least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(p.Value)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("%w: %s=%s: write a time from %v to %v, such as 100ms", ErrParameters, p.Name, p.Value, least, most)
	}
	return d, nil
}

// Int reads the value as a whole number, within bounds.
func (p Parameter) Int(least, most int) (int, error) {
	n, err := strconv.Atoi(p.Value)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%w: %s=%s: write a whole number from %d to %d", ErrParameters, p.Name, p.Value, least, most)
	}
	return n, nil
}

// Wrong returns an error about the value, that says what to write.
func (p Parameter) Wrong(advice string) error {
	name := p.Name + "="
	if p.Name == "" {
		name = ""
	}
	return fmt.Errorf("%w: %s%s: %s", ErrParameters, name, p.Value, advice)
}
