// Package key has the one secret that a receiver and its senders share. Two things are derived from it: the bearer token by
// which the sender proves itself, and the private key of the receiver's certificate, whose public half the sender pins. So
// nobody on the path can play either part, and there is nothing to install.
package key

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
)

const (
	randomBytes = 20 // 160 bits: 32 characters of base32, beyond any guessing
	// MinLength is the least number of characters of a key, spaces and dashes not counted.
	MinLength = 20
	// maxLength bounds what is taken from a file or a terminal.
	maxLength = 1024
	groupSize = 4 // characters between the dashes of a new key's text
)

// ErrFormat is what Parse and Load wrap: the text is not fit to be a key.
var ErrFormat = errors.New("not a key")

// Key is a secret that receiver and sender share. The zero value is no key. Keys can be compared with ==.
type Key struct{ text string } // as canonical makes it

// New returns a random key of 160 bits.
func New() Key {
	var b [randomBytes]byte
	_, _ = rand.Read(b[:]) // never fails, as documented
	return Key{strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))}
}

// Parse reads a key as a person types it: case, spaces and dashes do not matter. Any text will do that has MinLength
// characters, but only one that nobody can guess is worth something: the receiver's certificate lets whoever connects test
// guesses at leisure. Errors wrap ErrFormat.
func Parse(text string) (Key, error) {
	if len(text) > maxLength {
		return Key{}, fmt.Errorf("%w: it is longer than %d bytes", ErrFormat, maxLength)
	}
	c := canonical(text)
	if n := len([]rune(c)); n < MinLength {
		return Key{}, fmt.Errorf("%w: it has %d characters, and needs %d; give it as the receiver shows it", ErrFormat, n, MinLength)
	}
	return Key{c}, nil
}

func canonical(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Dash, r):
			return -1
		case r == unicode.ReplacementChar:
			return -1
		}
		return unicode.ToLower(r)
	}, text)
}

// Load reads the key in the first line of a file. A file that does not exist is created, readable by its owner only, with a
// new random key; created says so. Errors are those of the file system, or wrap ErrFormat.
func Load(path string) (k Key, created bool, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		k, err = create(path)
		if !errors.Is(err, fs.ErrExist) { // else another process was faster: its key is as good
			return k, err == nil, err
		}
		f, err = os.Open(path)
	}
	if err != nil {
		return Key{}, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLength+1))
	if err != nil {
		return Key{}, false, err
	}
	line, _, _ := strings.Cut(strings.TrimLeft(string(b), "\r\n"), "\n")
	if k, err = Parse(line); err != nil {
		return Key{}, false, fmt.Errorf("%s: %w", path, err)
	}
	return k, false, nil
}

func create(path string) (Key, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return Key{}, err
	}
	k := New()
	_, err = f.WriteString(k.Text() + "\n")
	return k, errors.Join(err, f.Close())
}

// IsZero reports whether there is no key.
func (k Key) IsZero() bool { return k.text == "" }

// Text returns the key to be shown to a person, in groups of four characters. Parse reads it.
func (k Key) Text() string {
	var b strings.Builder
	for i, r := range []rune(k.text) {
		if i > 0 && i%groupSize == 0 {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// String hides the key, so that it does not get into a log by accident. Text shows it.
func (k Key) String() string {
	if k.IsZero() {
		return "no key"
	}
	return "(a key)"
}

// What is derived from a key. The texts are part of the protocol: each gives an independent secret (RFC 5869).
const (
	tokenInfo       = "salsify 1 bearer token"
	certificateInfo = "salsify 1 certificate"
)

const derivedBytes = 32

func (k Key) derive(info string) []byte {
	b, err := hkdf.Key(sha256.New, []byte(k.text), nil, info, derivedBytes)
	if err != nil {
		panic("key: " + err.Error()) // only for lengths that are constants here
	}
	return b
}

// Token returns the bearer token (RFC 6750) that proves to a receiver that the sender has its key.
func (k Key) Token() string { return base64.RawURLEncoding.EncodeToString(k.derive(tokenInfo)) }

func (k Key) privateKey() *ecdsa.PrivateKey {
	// A number that is not below the order of P-256 is no private key. That happens once in 2^32, and then the next is tried.
	for i := 0; ; i++ {
		if private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), k.derive(certificateInfo+" "+strconv.Itoa(i))); err == nil {
			return private
		}
	}
}

// PublicKey returns the public key of Certificate.
func (k Key) PublicKey() *ecdsa.PublicKey { return &k.privateKey().PublicKey }

// Certificate returns a self-signed certificate whose private key follows from k. It is the same key on every call, which is
// what senders check; nothing else in the certificate means anything.
func (k Key) Certificate() (tls.Certificate, error) {
	private := k.privateKey()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "salsify"},
		DNSNames:     []string{"salsify"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), // no end, RFC 5280, section 4.1.2.5
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("the receiver's certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, nil
}
