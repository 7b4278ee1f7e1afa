package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// A document keeps the tables between two comments. What a run has not measured stays as it is, table by table, and so does
// the text around the comments.

const (
	documentBegin = "<!-- codecbench: from here to its end, what make bench-codec measured -->"
	documentEnd   = "<!-- codecbench: end -->"
)

// checkDocument tells whether the tables can be put into a document.
func checkDocument(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = withSections(string(text), nil)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// updateDocument puts sections into a document.
func updateDocument(path string, sections []section) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	updated, err := withSections(string(text), sections)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.WriteFile(path, []byte(updated), 0o666)
}

// withSections returns the document with sections in place of those of the same heading.
func withSections(document string, sections []section) (string, error) {
	before, rest, hasBegin := strings.Cut(document, documentBegin+"\n")
	inside, after, hasEnd := strings.Cut(rest, documentEnd+"\n")
	if !hasBegin || !hasEnd {
		return "", fmt.Errorf("it must hold the line %q and after it %q", documentBegin, documentEnd)
	}
	merged := merge(parseSections(inside), sections)
	return before + documentBegin + "\n\n" + joinSections(merged) + "\n" + documentEnd + "\n" + after, nil
}

// parseSections is the opposite of joinSections.
func parseSections(text string) []section {
	var list []section
	for _, part := range strings.Split("\n"+text, "\n### ")[1:] {
		heading, body, _ := strings.Cut(part, "\n")
		list = append(list, section{heading, strings.Trim(body, "\n") + "\n"})
	}
	return list
}

// merge returns the old sections with the new ones in place of those of the same heading, all in their order.
func merge(old, new []section) []section {
	list := slices.Clone(new)
	for _, s := range old {
		if !slices.ContainsFunc(new, func(n section) bool { return n.heading == s.heading }) {
			list = append(list, s)
		}
	}
	slices.SortStableFunc(list, func(a, b section) int { return rank(a.heading) - rank(b.heading) })
	return list
}

// rank orders the sections of a document: efforts, then the rest as sections makes them, then what it does not know.
func rank(heading string) int {
	var effort int
	if n, err := fmt.Sscanf(heading, effortFormat, &effort); n == 1 && err == nil {
		return effort
	}
	order := []string{encodingHeading, decodingHeading, memoryHeading, targetsHeading}
	if i := slices.Index(order, heading); i >= 0 {
		return 100 + i
	}
	return 200
}
