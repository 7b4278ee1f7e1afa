package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWithSections(t *testing.T) {
	document := "# Title\n\n### Decoding\n\nby hand\n\n" + documentBegin + "\n\n### Effort 0 against vpxenc\n\nold 0\n\n" +
		"### Effort 5 against vpxenc\n\nold 5\n\nmore of it\n\n### Memory\n\nold memory\n" + documentEnd + "\n\nend\n"
	got, err := withSections(document, []section{
		{"Effort 5 against vpxenc", "new 5\n"}, {"Effort 10 against vpxenc", "new 10\n"}, {"Decoding", "new decoding\n"},
	})
	want := "# Title\n\n### Decoding\n\nby hand\n\n" + documentBegin + "\n\n### Effort 0 against vpxenc\n\nold 0\n\n" +
		"### Effort 5 against vpxenc\n\nnew 5\n\n### Effort 10 against vpxenc\n\nnew 10\n\n### Decoding\n\nnew decoding\n\n" +
		"### Memory\n\nold memory\n\n" + documentEnd + "\n\nend\n"
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if again, err := withSections(got, nil); err != nil || again != got {
		t.Errorf("nothing new changes it: %v\n%s", err, again)
	}
	for _, bad := range []string{"", documentBegin + "\n", documentEnd + "\n" + documentBegin + "\n"} {
		if _, err := withSections(bad, nil); err == nil || !strings.Contains(err.Error(), documentBegin) {
			t.Errorf("%q: error %v, want one that tells the markers", bad, err)
		}
	}
}

// TestDocumentIsCheckedFirst: a document without markers is told before hours of measuring.
func TestDocumentIsCheckedFirst(t *testing.T) {
	needTools(t)
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "clips"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"clips/a.y4m", "plain.md"} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("no video, no markers\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SALSIFY_SHARED", root)
	var stderr bytes.Buffer
	if code := run(context.Background(), []string{"--doc", filepath.Join(root, "plain.md")}, io.Discard, &stderr); code != 1 ||
		!strings.Contains(stderr.String(), "plain.md: it must hold the line") {
		t.Errorf("exit %d, %q", code, &stderr)
	}
}

// TestProjectDocument: make bench-codec must find its markers.
func TestProjectDocument(t *testing.T) {
	if err := checkDocument(filepath.FromSlash("../../docs/codec.md")); err != nil {
		t.Error(err)
	}
}
