package rtc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/pion/webrtc/v4"
)

const (
	// retryAfter is the pause before the GET that the receiver holds is asked again, when the network has failed it.
	retryAfter = 250 * time.Millisecond
	// reasonGrace is how long is waited for the better reason: when HTTPS says that the receiver is gone, for its goodbye by DTLS;
	// half as long when DTLS says goodbye, for HTTPS to say why.
	reasonGrace = 50 * time.Millisecond
	// deleteTimeout is how long a goodbye may take.
	deleteTimeout = time.Second
)

// Outgoing is a session with a receiver, at the sender: the side that dialled.
type Outgoing struct {
	media
	https   *http.Client
	token   string
	session *url.URL // DELETE ends it
	ends    *url.URL // a GET is answered when it has ended; may be nil
	socket  *socket
	remote  netip.AddrPort // the receiver's, for media
	silent  bool

	began     time.Time
	heard     atomic.Int64 // when a datagram last came from the receiver, as time since began
	proven    atomic.Bool  // something authentic has come: the receiver is done with the handshake
	succeeded bool         // the last datagram that receive returned was a success response; for its goroutine
	nominated bool         // see nominate

	once      sync.Once
	connected chan struct{}
	releasing sync.Once
}

func newOutgoing(config DialConfig, host string) *Outgoing {
	o := &Outgoing{
		media: newMedia(orDiscard(config.Logger)), https: newClient(host, config), began: time.Now(), connected: make(chan struct{}),
	}
	o.silent = config.Silent
	if !config.Key.IsZero() {
		o.token = config.Key.Token()
	}
	o.authentic = func(*inbound, uint16, note, bool) { o.proven.Store(true) }
	return o
}

// changed follows pion.
func (o *Outgoing) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		o.once.Do(func() { close(o.connected) })
	case webrtc.PeerConnectionStateFailed:
		o.end(fmt.Errorf("%w: the encryption could not be agreed on", ErrNotSalsify))
	case webrtc.PeerConnectionStateClosed: // by us, and then this is ignored, or by DTLS's close_notify
		time.AfterFunc(reasonGrace/2, func() { o.end(ErrGoodbye) })
	}
}

// receive returns the next datagram that is for pion. Only those from where we send to are.
func (o *Outgoing) receive(b []byte) (int, error) {
	o.nominate()
	for {
		n, from, arrival, err := o.socket.read(b)
		if err != nil {
			if _, again := errors.AsType[syscall.Errno](err); again { // of one datagram, such as a message that a port is closed
				time.Sleep(time.Millisecond)
				continue
			}
			return 0, err
		}
		if from.remote != o.remote {
			continue
		}
		d := classify(b[:n])
		switch {
		case d.kind == kindSTUNResponse:
			o.succeeded = true
		case d.kind == kindDTLS && harmlessDTLS(b[:n], o.proven.Load()):
		case d.kind == kindSRTCP && o.known(d.ssrc):
		case d.kind == kindSRTP && o.stream(d.ssrc) != nil:
			in := o.stream(d.ssrc)
			in.notes.put(d.sequence, from, arrival, from)
			in.offered.Add(1)
		default:
			continue
		}
		o.heard.Store(int64(time.Since(o.began)))
		return n, nil
	}
}

// nominate makes pion go on as soon as the first STUN response is in. By itself it would look only 200 ms later whether there was
// one; a new candidate makes it look at once, so here is one, at which nobody is.
func (o *Outgoing) nominate() {
	if !o.succeeded || o.nominated {
		return
	}
	o.nominated = true
	go func() {
		candidate := fmt.Sprintf("candidate:2 1 udp 1 %s %d typ host", receiverEnd.Addr(), receiverEnd.Port()+1)
		line := uint16(0)
		if err := o.peer.AddICECandidate(webrtc.ICECandidateInit{Candidate: candidate, SDPMLineIndex: &line}); err != nil {
			o.log.Debug("nominate", "error", err)
		}
	}()
}

// send sends what pion wants sent.
func (o *Outgoing) send(b []byte) error { return o.socket.write(b, route{remote: o.remote}) }

// watch holds a GET of the session's end, so that we hear at once when the receiver says goodbye, or dies:
//
//   - It is answered: the session has ended, or the receiver does not know it.
//   - It breaks off: ask again. If nobody listens at the receiver's port now, it is gone.
//   - The network fails: ask again after a while. The session lives on, until nothing has been heard for silenceLimit.
func (o *Outgoing) watch() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer o.https.CloseIdleConnections() // after the GET has let go of its
	go o.supervise(cancel)
	for o.ends != nil && ctx.Err() == nil {
		response, err := o.get(ctx)
		switch {
		case err == nil:
			o.end(o.reason(response))
			o.release()
			return
		case ctx.Err() != nil:
			return
		case errors.Is(err, syscall.ECONNREFUSED):
			o.gone("nobody listens there any more")
			return
		case errors.Is(err, ErrCertificate):
			o.gone("another receiver is there now")
			return
		}
		o.log.Debug("the connection by HTTPS broke off", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(retryAfter):
		}
	}
}

// gone ends the session for a receiver that is not there any more. It may just have said goodbye by DTLS.
func (o *Outgoing) gone(why string) {
	select {
	case <-o.done:
	case <-time.After(reasonGrace):
		o.end(fmt.Errorf("%w: %s", ErrGone, why))
	}
	o.release()
}

func (o *Outgoing) get(ctx context.Context) (*http.Response, error) {
	r, err := o.request(ctx, http.MethodGet, o.ends, nil)
	if err != nil {
		return nil, err
	}
	response, err := o.https.Do(r)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	return response, nil
}

// reason says what the answer to the GET means.
func (o *Outgoing) reason(r *http.Response) error {
	switch {
	case r.StatusCode == http.StatusNotFound:
		return fmt.Errorf("%w: the receiver does not know this session any more; it was restarted", ErrGone)
	case r.StatusCode != http.StatusGone:
		return fmt.Errorf("%w: the receiver answers %q", ErrGone, r.Status)
	}
	switch r.Header.Get(reasonHeader) {
	case reasonReplaced:
		return ErrReplaced
	case reasonGone:
		return fmt.Errorf("%w: the receiver heard nothing from here and gave up", ErrGone)
	}
	return ErrGoodbye
}

// supervise ends a session of which nothing is heard, and calls cancel when it has ended.
func (o *Outgoing) supervise(cancel func()) {
	defer cancel()
	ticker := time.NewTicker(silenceCheck)
	defer ticker.Stop()
	for {
		select {
		case <-o.done:
			o.release()
			return
		case <-ticker.C:
			if time.Since(o.began.Add(time.Duration(o.heard.Load()))) > silenceLimit {
				o.end(fmt.Errorf("%w: silent for %v", ErrGone, silenceLimit))
			}
		}
	}
}

func (o *Outgoing) end(why error) { o.finish(why) }

// delete is our goodbye by HTTPS.
func (o *Outgoing) delete() {
	ctx, cancel := context.WithTimeout(context.Background(), deleteTimeout)
	defer cancel()
	if r, err := o.request(ctx, http.MethodDelete, o.session, nil); err == nil {
		if response, err := o.https.Do(r); err == nil {
			_ = response.Body.Close()
		}
	}
}

// release lets go of pion, which says goodbye by DTLS, and of the sockets.
func (o *Outgoing) release() {
	o.releasing.Do(func() {
		if o.peer != nil {
			_ = o.peer.Close()
		}
		if o.socket != nil {
			_ = o.socket.conn.Close()
		}
		o.https.CloseIdleConnections()
	})
}

// Close says goodbye to the receiver and ends the session. Without a network that takes a second.
func (o *Outgoing) Close() error {
	select {
	case <-o.done:
	default:
		o.end(ErrClosed)
		o.delete()
	}
	o.release()
	return nil
}

// Remote returns the receiver's address.
func (o *Outgoing) Remote() string { return o.remote.String() }
