package rtc

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pion/webrtc/v4"

	"salsify/transport/rtc/key"
)

// DialConfig says how a sender proves itself, and what it asks of the receiver.
type DialConfig struct {
	// Key is the receiver's. Without one, whoever answers is taken for the receiver: the caller should warn.
	Key key.Key
	// PublicCertificate is for a receiver whose certificate the system trusts for its host name; the key then only proves the
	// sender.
	PublicCertificate bool
	// Silent refuses sound, both ways.
	Silent bool
	// Logger gets details at the debug level, at a bounded rate. Nil logs nothing.
	Logger *slog.Logger
}

const (
	postTimeout = 10 * time.Second
	maxAnswer   = 64 << 10 // bytes
	maxText     = 500      // bytes of an error's text that are shown
	// The connection by HTTPS is probed when it is silent: after a change of address it is dead without a sign.
	pingAfter   = 5 * time.Second
	pingTimeout = 10 * time.Second
)

// Dial sets a session up with the receiver at hostport, such as "example.org:9000":
//
//  1. a PeerConnection, on a socket that is bound to no address: the system chooses it, also when it changes on the way;
//  2. the offer, posted by HTTPS; before that, the receiver's certificate is checked;
//  3. the answer, in which the receiver's address is replaced by that of the HTTPS connection, which is known to work;
//  4. ICE and DTLS, after which packets can be sent.
//
// Errors wrap one of ErrUnreachable, ErrBusy, ErrNeedsKey, ErrWrongKey, ErrCertificate and ErrNotSalsify, or are those of ctx.
func Dial(ctx context.Context, hostport string, config DialConfig) (*Outgoing, error) {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil || host == "" {
		return nil, fmt.Errorf("%w: %q is not HOST:PORT", ErrUnreachable, hostport)
	}
	o := newOutgoing(config, host)
	if err := o.dial(ctx, hostport); err != nil {
		o.end(err)
		if o.session != nil {
			o.delete()
		}
		o.release()
		return nil, err
	}
	go o.watch()
	return o, nil
}

func (o *Outgoing) dial(ctx context.Context, hostport string) error {
	offer, err := o.open()
	if err != nil {
		return err
	}
	answer, receiver, err := o.post(ctx, &url.URL{Scheme: "https", Host: hostport, Path: endpoint}, offer)
	if err != nil {
		return err
	}
	o.remote = receiver
	if err := o.accept(answer); err != nil {
		return err
	}
	timeout := time.NewTimer(handshakeTimeout)
	defer timeout.Stop()
	select {
	case <-o.connected:
		return nil
	case <-o.done:
		return o.err
	case <-ctx.Done():
		return ctx.Err()
	case <-timeout.C:
		return fmt.Errorf("%w: HTTPS works, but UDP to port %d does not get through", ErrUnreachable, receiver.Port())
	}
}

// newClient makes an HTTPS client that checks the receiver's certificate as config wants.
func newClient(host string, config DialConfig) *http.Client {
	t := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS13}
	if !config.PublicCertificate {
		t.InsecureSkipVerify = true // the check below is stricter than names and authorities
		if !config.Key.IsZero() {
			want := config.Key.PublicKey()
			t.VerifyConnection = func(s tls.ConnectionState) error {
				if len(s.PeerCertificates) > 0 {
					if got, ok := s.PeerCertificates[0].PublicKey.(*ecdsa.PublicKey); ok && got.Equal(want) {
						return nil
					}
				}
				return ErrCertificate
			}
		}
	}
	return &http.Client{
		Transport: &http.Transport{
			TLSClientConfig:     t,
			TLSHandshakeTimeout: postTimeout,
			DialContext:         (&net.Dialer{Timeout: postTimeout}).DialContext,
			ForceAttemptHTTP2:   true, // so that a goodbye needs no new connection
			IdleConnTimeout:     idleTimeout,
			HTTP2:               &http.HTTP2Config{SendPingTimeout: pingAfter, PingTimeout: pingTimeout},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// open opens the UDP socket and the PeerConnection, and returns the offer.
func (o *Outgoing) open() (offer string, err error) {
	if o.socket, err = listenUDP(":0"); err != nil {
		return "", err
	}
	p := &path{here: senderEnd, there: receiverEnd, receive: o.receive, send: o.send, close: o.socket.conn.Close}
	if o.peer, err = newPeer(p, false, o.log, o.buffer); err != nil {
		return "", err
	}
	if err := o.addTracks(o.silent); err != nil {
		return "", err
	}
	o.peer.OnConnectionStateChange(o.changed)
	description, err := o.peer.CreateOffer(nil)
	if err != nil {
		return "", err
	}
	return description.SDP, o.peer.SetLocalDescription(description)
}

// post sends the offer. It returns the answer, and the address that it came from.
func (o *Outgoing) post(ctx context.Context, whip *url.URL, offer string) (answer string, receiver netip.AddrPort, err error) {
	ctx, cancel := context.WithTimeout(ctx, postTimeout)
	defer cancel()
	var connection atomic.Pointer[net.TCPAddr]
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if a, ok := c.Conn.RemoteAddr().(*net.TCPAddr); ok {
			connection.Store(a)
		}
	}})
	request, err := o.request(ctx, http.MethodPost, whip, strings.NewReader(offer))
	if err != nil {
		return "", netip.AddrPort{}, err
	}
	request.Header.Set("Content-Type", sdpType)
	response, err := o.https.Do(request)
	if err != nil {
		return "", netip.AddrPort{}, dialError(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return "", netip.AddrPort{}, dialError(err)
	}
	text := strings.TrimSpace(string(body[:min(len(body), maxText)]))
	switch response.StatusCode {
	case http.StatusCreated:
	case http.StatusUnauthorized, http.StatusForbidden:
		if o.token == "" {
			return "", netip.AddrPort{}, ErrNeedsKey
		}
		return "", netip.AddrPort{}, ErrWrongKey
	case http.StatusServiceUnavailable:
		return "", netip.AddrPort{}, fmt.Errorf("%w: %q", ErrBusy, text)
	default:
		return "", netip.AddrPort{}, fmt.Errorf("%w: it answered %q, %q", ErrNotSalsify, response.Status, text)
	}
	if o.session, err = response.Location(); err != nil {
		return "", netip.AddrPort{}, fmt.Errorf("%w: %w", ErrNotSalsify, err)
	}
	o.ends = endLink(whip, response.Header)
	address := connection.Load()
	if address == nil {
		return "", netip.AddrPort{}, fmt.Errorf("%w: no TCP connection", ErrUnreachable)
	}
	ap := address.AddrPort()
	return string(body), netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port()), nil
}

// endLink finds the URL whose GET is answered at the session's end; nil if the receiver has none.
func endLink(base *url.URL, h http.Header) *url.URL {
	for _, link := range h.Values("Link") {
		target, parameters, ok := strings.Cut(strings.TrimPrefix(link, "<"), ">")
		if !ok || !strings.Contains(parameters, `rel="`+endRelation+`"`) {
			continue
		}
		if u, err := base.Parse(target); err == nil && u.Host == base.Host && u.Scheme == base.Scheme {
			return u
		}
	}
	return nil
}

func (o *Outgoing) request(ctx context.Context, method string, u *url.URL, body io.Reader) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err == nil && o.token != "" {
		r.Header.Set("Authorization", "Bearer "+o.token)
	}
	return r, err
}

// dialError says what an error of HTTPS means.
func dialError(err error) error {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fmt.Errorf("%w: %w", ErrCertificate, err)
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok || errors.Is(err, http.ErrSchemeMismatch) {
		return fmt.Errorf("%w: it does not speak HTTPS", ErrNotSalsify)
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return fmt.Errorf("%w: %w", ErrNotSalsify, err)
	}
	switch {
	case errors.Is(err, ErrCertificate):
		return ErrCertificate
	case errors.Is(err, context.Canceled):
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, err)
}

// accept takes the receiver's answer in.
func (o *Outgoing) accept(answer string) error {
	agreed, err := readAnswer(answer)
	if err != nil {
		return fmt.Errorf("%w: its answer: %w", ErrNotSalsify, err)
	}
	ours, err := readOffer(o.peer.LocalDescription().SDP)
	if err != nil {
		return err
	}
	ours.extension = agreed.extension
	if err := o.prepare(ours); err != nil {
		return err
	}
	o.expect(agreed, agreed)
	if answer, err = withCandidate(answer, receiverEnd); err != nil {
		return err
	}
	if err := o.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("%w: its answer: %w", ErrNotSalsify, err)
	}
	return nil
}
