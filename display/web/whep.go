package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
)

const (
	endpoint = "/whep" // POST an offer here (draft-ietf-wish-whep, section 4.2)

	sdpType  = "application/sdp"
	maxOffer = 64 << 10 // bytes

	// maxViewers is how many browsers may look. Each takes the video's rate from the network, and a megabyte to send packets again from.
	maxViewers = 16
	busyRetry  = "5" // seconds
)

var errFull = fmt.Errorf("%d browsers are looking already", maxViewers)

// handler answers HTTP requests.
func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("OPTIONS "+endpoint, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Accept-Post", sdpType) })
	mux.HandleFunc("POST "+endpoint, s.postOffer)
	mux.HandleFunc(endpoint, notAllowed("OPTIONS, POST"))
	mux.HandleFunc("OPTIONS "+endpoint+"/{viewer}", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("DELETE "+endpoint+"/{viewer}", s.deleteViewer)
	mux.HandleFunc("PATCH "+endpoint+"/{viewer}", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "neither trickle ICE nor ICE restarts are needed here", http.StatusNotImplemented)
	})
	mux.HandleFunc(endpoint+"/{viewer}", notAllowed("OPTIONS, PATCH, DELETE"))
	s.handlePage(mux)
	return s.guard.protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxOffer)
		secure(w.Header())
		mux.ServeHTTP(w, r)
	}))
}

func notAllowed(allowed string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allowed)
		http.Error(w, "allowed here: "+allowed, http.StatusMethodNotAllowed)
	}
}

// postOffer takes in a viewer.
func (s *Server) postOffer(w http.ResponseWriter, r *http.Request) {
	if contentType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || contentType != sdpType {
		http.Error(w, "the content type must be "+sdpType, http.StatusUnsupportedMediaType)
		return
	}
	offer, err := io.ReadAll(r.Body)
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		http.Error(w, fmt.Sprintf("the offer is longer than %d bytes", maxOffer), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		return // it has gone
	}
	name, answer, err := s.admit(string(offer), localAddress(r))
	switch {
	case errors.Is(err, errFull):
		w.Header().Set("Retry-After", busyRetry)
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	case errors.Is(err, errCodec):
		http.Error(w, err.Error(), http.StatusNotAcceptable)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Location", endpoint+"/"+name)
	w.Header().Set("Content-Type", sdpType)
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, answer) // one that has gone is noticed by its connection
}

// localAddress returns where the viewer reached us by HTTP.
func localAddress(r *http.Request) netip.Addr {
	if a, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr); ok {
		return a.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// deleteViewer is the viewer's goodbye.
func (s *Server) deleteViewer(w http.ResponseWriter, r *http.Request) {
	s.lock.Lock()
	v := s.viewers[r.PathValue("viewer")]
	s.lock.Unlock()
	if v == nil {
		http.Error(w, "no such viewer: it has ended, or the receiver was restarted", http.StatusNotFound)
		return
	}
	v.end()
}
