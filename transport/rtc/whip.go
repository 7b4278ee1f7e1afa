package rtc

import (
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"
)

const (
	endpoint = "/whip" // POST an offer here (RFC 9725, section 4.1)

	sdpType  = "application/sdp"
	maxOffer = 64 << 10 // bytes

	// endRelation is the relation of the Link (RFC 8288) to a session's end: a GET of it is answered when the session has ended,
	// with 410 and the reason. It is an extension as RFC 9725, section 4.9, has them.
	endRelation = "urn:salsify:session-end"
	// reasonHeader goes with that answer.
	reasonHeader   = "Salsify-Reason"
	reasonGoodbye  = "goodbye"
	reasonReplaced = "replaced"
	reasonGone     = "gone"

	// goneAfter is how long after a sender's held GET broke off nothing must have been heard of it for it to be gone, on a network
	// that has not been silent before. Where it has, as in a car, the GET may have broken off because of that, and the next one
	// cannot come through: then so many times the longest silence must have passed.
	goneAfter = 300 * time.Millisecond
	goneRatio = 3

	busyRetry = "1" // seconds
)

// handler answers HTTPS requests.
func (l *Listener) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, "This is a Salsify receiver. Send video to it with salsify-send, by its host and port.")
	})
	mux.HandleFunc("OPTIONS "+endpoint, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Accept-Post", sdpType)
	})
	mux.HandleFunc("POST "+endpoint, l.authorised(l.postOffer))
	mux.HandleFunc(endpoint, notAllowed("OPTIONS, POST"))
	mux.HandleFunc("OPTIONS "+endpoint+"/{session}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("DELETE "+endpoint+"/{session}", l.authorised(l.deleteSession))
	mux.HandleFunc("PATCH "+endpoint+"/{session}", l.authorised(func(w http.ResponseWriter, _ *http.Request) {
		// RFC 9725, section 4.3: for a receiver that has neither trickle ICE nor ICE restarts.
		http.Error(w, "neither trickle ICE nor ICE restarts are needed here", http.StatusNotImplemented)
	}))
	mux.HandleFunc(endpoint+"/{session}", notAllowed("OPTIONS, PATCH, DELETE"))
	mux.HandleFunc("GET "+endpoint+"/{session}/end", l.authorised(l.awaitEnd))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Web pages may send, if they have the token (CORS).
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "Location, Link, Retry-After, "+reasonHeader)
		if r.Method == http.MethodOptions {
			w.Header().Set("Access-Control-Allow-Methods", "GET, OPTIONS, POST, PATCH, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxOffer)
		mux.ServeHTTP(w, r)
	})
}

func notAllowed(allowed string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allowed)
		http.Error(w, "allowed here: "+allowed, http.StatusMethodNotAllowed)
	}
}

// authorised lets only requests with the bearer token through.
func (l *Listener) authorised(next http.HandlerFunc) http.HandlerFunc {
	want := sha256.Sum256([]byte(l.token))
	return func(w http.ResponseWriter, r *http.Request) {
		if l.token == "" {
			next(w, r)
			return
		}
		scheme, token, given := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(token)) // of one length, so that the time it takes to compare says nothing
		if given && strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(got[:], want[:]) == 1 {
			next(w, r)
			return
		}
		if r.Method == http.MethodPost {
			why := "it has no key"
			if given {
				why = "it has another key"
			}
			l.refused(r.RemoteAddr, why)
		}
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "needs the receiver's key", http.StatusUnauthorized)
	}
}

// postOffer takes in a sender.
func (l *Listener) postOffer(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, why string) {
		l.refused(r.RemoteAddr, why)
		http.Error(w, why, status)
	}
	if contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || contentType != sdpType {
		refuse(http.StatusUnsupportedMediaType, "the content type must be "+sdpType)
		return
	}
	body, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		refuse(http.StatusRequestEntityTooLarge, fmt.Sprintf("the offer is longer than %d bytes", maxOffer))
		return
	}
	if err != nil {
		return // it has gone
	}
	offer := string(body)
	agreed, err := readOffer(offer)
	if errors.Is(err, errUnsupported) {
		refuse(http.StatusNotAcceptable, err.Error())
		return
	}
	if err != nil {
		refuse(http.StatusBadRequest, err.Error())
		return
	}
	var answer string
	s, err := l.admit(r.Context(), func() (s *Incoming, err error) {
		s, answer, err = l.answer(offer, agreed, localAddress(r))
		return s, err
	})
	if errors.Is(err, errBusy) {
		w.Header().Set("Retry-After", busyRetry)
		refuse(http.StatusServiceUnavailable, err.Error())
		return
	}
	if err != nil {
		refuse(http.StatusBadRequest, err.Error())
		return
	}
	location := endpoint + "/" + s.id
	w.Header().Set("Location", location)
	w.Header().Set("Link", fmt.Sprintf("<%s/end>; rel=%q", location, endRelation))
	w.Header().Set("Content-Type", sdpType)
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, answer)
}

// localAddress returns where the sender reached us by HTTPS, which is as good a place as any to send media to.
func localAddress(r *http.Request) netip.AddrPort {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return a.AddrPort()
	}
	return netip.AddrPort{}
}

// noSession answers for a session that we do not know.
func noSession(w http.ResponseWriter) {
	http.Error(w, "no such session: it has ended, or the receiver was restarted", http.StatusNotFound)
}

// session returns the session of a request's URL, or nil.
func (l *Listener) session(r *http.Request) *Incoming {
	if s := l.current.Load(); s != nil && s.id == r.PathValue("session") {
		return s
	}
	return nil
}

// deleteSession is the sender's goodbye.
func (l *Listener) deleteSession(w http.ResponseWriter, r *http.Request) {
	if s := l.session(r); s != nil {
		s.end(ErrGoodbye)
		return
	}
	noSession(w)
}

// awaitEnd answers when the session has ended. If the request breaks off before that, the sender may be gone.
func (l *Listener) awaitEnd(w http.ResponseWriter, r *http.Request) {
	if s := l.session(r); s != nil {
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // HTTP/1 would break off after ReadTimeout
		watch := s.watches.Add(1)
		select {
		case <-s.done:
		case <-r.Context().Done():
			s.suspect(watch)
			return
		}
	}
	why := l.ended.get(r.PathValue("session"))
	if why == nil {
		noSession(w)
		return
	}
	reason := reasonGoodbye
	switch {
	case errors.Is(why, ErrReplaced):
		reason = reasonReplaced
	case errors.Is(why, ErrGone):
		reason = reasonGone
	}
	w.Header().Set(reasonHeader, reason)
	http.Error(w, why.Error(), http.StatusGone)
}

// endings remembers why the last sessions ended, for senders that ask late.
type endings struct {
	mu   sync.Mutex
	next int
	last [16]struct {
		session string
		why     error
	}
}

// put notes an ending, unless the session's is known already.
func (e *endings) put(session string, why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.last {
		if l.session == session {
			return
		}
	}
	e.last[e.next].session, e.last[e.next].why = session, why
	e.next = (e.next + 1) % len(e.last)
}

// get returns nil for a session that it does not know.
func (e *endings) get(session string) (why error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.last {
		if l.session == session {
			return l.why
		}
	}
	return nil
}

// suspect ends the session unless something is heard of its sender: a datagram, or a new GET.
func (s *Incoming) suspect(watch int64) {
	since := time.Now()
	before := since.Sub(s.lastHeard())
	for s.watches.Load() == watch {
		if heard := s.lastHeard(); heard.After(since) {
			since = heard
		}
		patience := max(goneAfter, goneRatio*before, goneRatio*time.Duration(s.silence.Load()))
		quiet := time.Since(since)
		if quiet >= patience {
			s.end(fmt.Errorf("%w: its connection broke off", ErrGone))
			return
		}
		select {
		case <-s.done:
			return
		case <-time.After(patience - quiet):
		}
	}
}
