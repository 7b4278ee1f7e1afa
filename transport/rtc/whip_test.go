package rtc

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"salsify/transport/rtc/key"
)

func whipURL(l *Listener) *url.URL {
	return &url.URL{Scheme: "https", Host: l.Addr().String(), Path: endpoint}
}

// offer returns what our sender offers.
func offer(t testing.TB) string {
	t.Helper()
	o := newOutgoing(DialConfig{}, "")
	text, err := o.open()
	if err != nil {
		t.Fatal(err)
	}
	o.end(ErrClosed)
	o.release()
	return text
}

func TestRequests(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	client := newClient("", DialConfig{Key: k})
	defer client.CloseIdleConnections()
	good := offer(t)
	without := func(line string) string {
		var kept []string
		for s := range strings.Lines(good) {
			if !strings.Contains(s, line) {
				kept = append(kept, s)
			}
		}
		if strings.Join(kept, "") == good {
			t.Fatalf("the offer has no %q:\n%s", line, good)
		}
		return strings.Join(kept, "")
	}
	with := func(old, new string) string { return strings.ReplaceAll(good, old, new) }
	const sdpHeader = "application/sdp; charset=utf-8"
	for _, c := range []struct {
		name, method, path, contentType, body string
		noToken                               bool
		status                                int
	}{
		{name: "front page", method: "GET", path: "/", noToken: true, status: 200},
		{name: "elsewhere", method: "GET", path: "/elsewhere", status: 404},
		{name: "preflight", method: "OPTIONS", path: "/whip", noToken: true, status: 200},
		{name: "no token", method: "POST", path: "/whip", contentType: sdpHeader, body: good, noToken: true, status: 401},
		{name: "get", method: "GET", path: "/whip", status: 405},
		{name: "wrong type", method: "POST", path: "/whip", contentType: "text/plain", body: good, status: 415},
		{name: "no type", method: "POST", path: "/whip", body: good, status: 415},
		{name: "empty", method: "POST", path: "/whip", contentType: sdpHeader, status: 400},
		{name: "garbage", method: "POST", path: "/whip", contentType: sdpHeader, body: "\x00\xff\r\n", status: 400},
		{name: "huge", method: "POST", path: "/whip", contentType: sdpHeader, body: strings.Repeat("a", maxOffer+1), status: 413},
		{name: "no fingerprint", method: "POST", path: "/whip", contentType: sdpHeader, body: without("fingerprint"), status: 400},
		{name: "no password", method: "POST", path: "/whip", contentType: sdpHeader, body: without("ice-pwd"), status: 400},
		{name: "no ufrag", method: "POST", path: "/whip", contentType: sdpHeader, body: without("ice-ufrag"), status: 400},
		{name: "no extension", method: "POST", path: "/whip", contentType: sdpHeader, body: without("a=extmap:"), status: 406},
		{name: "no feedback", method: "POST", path: "/whip", contentType: sdpHeader, body: without("rtcp-fb"), status: 406},
		{name: "no SSRC", method: "POST", path: "/whip", contentType: sdpHeader, body: without("a=ssrc:"), status: 406},
		{name: "no video", method: "POST", path: "/whip", contentType: sdpHeader, body: with("m=video", "m=audio"), status: 406},
		{name: "other codec", method: "POST", path: "/whip", contentType: sdpHeader, body: with("VP8", "H264"), status: 406},
		{name: "to receive", method: "POST", path: "/whip", contentType: sdpHeader, body: with("sendrecv", "recvonly"), status: 406},
		{name: "no such session", method: "DELETE", path: "/whip/none", status: 404},
		{name: "no such end", method: "GET", path: "/whip/none/end", status: 404},
		{name: "session, get", method: "GET", path: "/whip/none", status: 405},
		{name: "trickle", method: "PATCH", path: "/whip/none", status: 501},
		{name: "delete, no token", method: "DELETE", path: "/whip/none", noToken: true, status: 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequest(c.method, whipURL(l).ResolveReference(&url.URL{Path: c.path}).String(), strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			if !c.noToken {
				r.Header.Set("Authorization", "Bearer "+k.Token())
			}
			response, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			text, _ := io.ReadAll(response.Body)
			if response.StatusCode != c.status {
				t.Errorf("%s %q, not %d", response.Status, text, c.status)
			}
			if c.status == 406 && !bytes.Contains(text, []byte("standard WebRTC senders are not supported yet")) {
				t.Errorf("%q does not say why", text)
			}
			if response.Header.Get("Access-Control-Allow-Origin") != "*" {
				t.Error("no CORS header")
			}
			if s := l.current.Load(); s != nil {
				t.Error("there is a session")
				s.end(ErrClosed)
			}
		})
	}
}

// A client without our GET, as standard ones are, and whose media never comes: the answer is well-formed, and DELETE ends it.
func TestPlainClient(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	o := newOutgoing(DialConfig{Key: k}, "")
	defer o.https.CloseIdleConnections()
	const candidates = "a=candidate:1 1 udp 1 203.0.113.5 9 typ host\r\na=candidate:2 1 udp 1 x.local 9 typ host"
	text := strings.Replace(offer(t), "a=sendrecv", "a=sendrecv\r\n"+candidates, 1)
	answer, address, err := o.post(t.Context(), whipURL(l), text)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"a=ice-lite\r\n", "a=recvonly\r\n", "typ host\r\n", "127.0.0.1 ", "a=rtcp-fb:96 salsify 1", "a=setup:"} {
		if !strings.Contains(answer, line) {
			t.Errorf("the answer has no %q", line)
		}
	}
	if strings.Count(answer, "a=candidate") != 1 || address != l.Addr().AddrPort() {
		t.Errorf("from %v:\n%s", address, answer)
	}
	s := l.current.Load()
	o.delete()
	ends(t, "the session", s.Done(), s.Err, ErrGoodbye, 100*time.Millisecond)
}

func TestOldTLSIsRefused(t *testing.T) {
	l := listen(t, ListenConfig{Open: true})
	_, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	if err == nil {
		t.Error("TLS 1.2 is spoken")
	}
}

func TestDialGivesUp(t *testing.T) {
	t.Parallel()
	k := key.New()
	l := listen(t, ListenConfig{Key: k})
	f := forward(t, l.Addr().String(), 0)
	f.blocked.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Dial(ctx, f.addr(), DialConfig{Key: k}); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if l.current.Load() != nil {
		t.Error("the receiver still waits for it")
	}
}

func FuzzOffer(f *testing.F) {
	l, err := Listen("127.0.0.1:0", ListenConfig{Open: true, Answer: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = l.Close() })
	f.Add(offer(f))
	f.Add(strings.Replace(offer(f), "a=sendrecv", "a=sendrecv\r\na=rid:1 send\r\na=simulcast:send 1", 1))
	f.Fuzz(func(t *testing.T, text string) {
		agreed, err := readOffer(text)
		if err != nil {
			if !errors.Is(err, errNotSDP) && !errors.Is(err, errUnsupported) {
				t.Fatal(err)
			}
			return
		}
		s, answer, err := l.answer(text, agreed, netip.MustParseAddrPort("192.0.2.7:9000"))
		if err != nil {
			return
		}
		defer s.end(ErrClosed)
		if _, err := readAnswer(answer); err != nil {
			t.Fatalf("the answer: %v\n%s", err, answer)
		}
	})
}
