package key

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTextIsReadAsItIsTyped(t *testing.T) {
	k := New()
	for _, typed := range []string{
		k.Text(), strings.ToUpper(k.Text()), strings.ReplaceAll(k.Text(), "-", ""), strings.ReplaceAll(k.Text(), "-", " "),
		"  " + k.Text() + "\r\n", strings.ReplaceAll(k.Text(), "-", "\u2013"),
	} {
		if got, err := Parse(typed); err != nil || got != k {
			t.Errorf("Parse(%q) is %q, %v; want %q", typed, got.Text(), err, k.Text())
		}
	}
	if want := 32 + 7; len(k.Text()) != want {
		t.Errorf("%q has %d characters, not %d", k.Text(), len(k.Text()), want)
	}
	if New() == k {
		t.Error("two random keys are the same")
	}
}

func TestTooShortOrLong(t *testing.T) {
	for _, text := range []string{"", "abcd", "--------------------------", strings.Repeat("a -", MinLength-1), strings.Repeat("a", 5000)} {
		if _, err := Parse(text); !errors.Is(err, ErrFormat) {
			t.Errorf("Parse(%.30q): %v", text, err)
		}
	}
	if _, err := Parse("correct horse battery staple"); err != nil {
		t.Error(err)
	}
}

// The derived secrets are part of the protocol: a sender of another version must find the same.
func TestDerivedSecretsStayTheSame(t *testing.T) {
	k, err := Parse("abcd-efgh-ijkl-mnop-qrst-uvwx-yz23-4567")
	if err != nil {
		t.Fatal(err)
	}
	const token = "K7K5NzpqbG2FC1cN39UNKjzMLg6NxGm4F8XmIGtYfmc"
	if k.Token() != token {
		t.Errorf("the token is %q, not %q", k.Token(), token)
	}
	point, err := k.PublicKey().Bytes()
	if err != nil {
		t.Fatal(err)
	}
	const public = "04954e6fbe10756b11"
	if got := fmt.Sprintf("%x", point[:9]); got != public {
		t.Errorf("the public key begins with %s, not %s", got, public)
	}
}

func TestCertificateHasThePublicKey(t *testing.T) {
	k := New()
	c, err := k.Certificate()
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(c.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	if !parsed.PublicKey.(*ecdsa.PublicKey).Equal(k.PublicKey()) {
		t.Error("the certificate has another public key")
	}
	if New().PublicKey().Equal(k.PublicKey()) || New().Token() == k.Token() {
		t.Error("another key gives the same secrets")
	}
}

func TestStringHidesTheKey(t *testing.T) {
	k := New()
	if s := fmt.Sprintf("%v %s", k, k); strings.Contains(s, k.text[:4]) {
		t.Errorf("%q shows the key", s)
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k, created, err := Load(path)
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
	if again, created, err := Load(path); err != nil || created || again != k {
		t.Errorf("read back: %v, %v, same %v", created, err, again == k)
	}
	for content, ok := range map[string]bool{
		"correct horse battery staple\nsecond line\n": true,
		"\n\n" + k.Text():          true,
		"short":                    false,
		"":                         false,
		"\x00\xff\xfe":             false,
		strings.Repeat("x", 1<<20): false,
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := Load(path); (err == nil) != ok {
			t.Errorf("%.20q: %v", content, err)
		}
	}
	if _, _, err := Load(filepath.Join(path, "below", "a", "file")); err == nil {
		t.Error("a path that cannot be is no error")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(New().Text())
	f.Add("correct horse battery staple")
	f.Add("\xff\xff-\u0130\u0130")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := Parse(text)
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		again, err := Parse(k.Text())
		if err != nil && len(k.Text()) <= maxLength {
			t.Fatalf("%q is a key, %q is not: %v", text, k.Text(), err)
		}
		if err == nil && again != k {
			t.Fatalf("%q and %q are not the same", again.text, k.text)
		}
	})
}
