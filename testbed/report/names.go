package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxName = 60  // runes of a name in tables and figures
	maxText = 500 // runes of a warning
)

// tidy makes a name that came from a file fit for a table and a figure: one line, not long, and only characters that fonts and XML have.
func tidy(name string) string { return clean(name, maxName) }

// tidyText is tidy for sentences.
func tidyText(text string) string { return clean(text, maxText) }

// tidied is tidyText for several.
func tidied(texts []string) []string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = tidyText(text)
	}
	return all
}

func clean(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range strings.TrimSpace(s) {
		if n++; n > most {
			b.WriteRune('…')
			break
		}
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case r == utf8.RuneError, !unicode.IsPrint(r), r > 0xffff: // PDF fonts end there
			r = '?'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// slugs makes names of files from names of things, each once.
type slugs map[string]bool

func (s slugs) of(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '.' && b.Len() > 0:
			b.WriteRune(r)
		case !strings.HasSuffix(b.String(), "-") && b.Len() > 0:
			b.WriteByte('-')
		}
		if b.Len() >= maxName {
			break
		}
	}
	base := strings.Trim(b.String(), "-.")
	if base == "" {
		base = "unnamed"
	}
	slug := base
	for n := 2; s[slug]; n++ {
		slug = fmt.Sprintf("%s-%d", base, n)
	}
	s[slug] = true
	return slug
}
