package web

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"time"
)

//go:embed page
var pageFiles embed.FS

const (
	// eventsEvery is how often a page is told the statistics.
	eventsEvery = 500 * time.Millisecond
	// eventTimeout is how long a page may take to take them.
	eventTimeout = 5 * time.Second
)

// secure says what the page may do: show what comes from here, and nothing else. Other sites may neither frame nor embed it.
func secure(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store") // so that a page and its receiver are of one version
}

// handlePage serves the page and its events.
func (s *Server) handlePage(mux *http.ServeMux) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // embedded
	}
	mux.Handle("/", http.FileServerFS(files))
	mux.HandleFunc("GET /events", s.events)
}

// event is what a page is told.
type event struct {
	Server  string   `json:"server"`  // another one means that the receiver was started anew
	Silent  float64  `json:"silent"`  // seconds since the newest picture came, or -1: none has come
	Sound   bool     `json:"sound"`   // some has come
	Lines   []string `json:"lines"`   // of statistics
	Viewers int      `json:"viewers"` // that look
	Passed  float64  `json:"passed"`  // share of the frames that went on as they came
}

func (s *Server) event(now time.Time) event {
	e := event{Server: s.id, Silent: -1, Lines: []string{}}
	if s.options.Statistics != nil {
		e.Lines = s.options.Statistics()
	}
	c := s.Counts()
	e.Viewers = c.Viewers
	if all := c.Passed + c.Recoded; all > 0 {
		e.Passed = float64(c.Passed) / float64(all)
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	e.Sound = s.heard
	if !s.newest.IsZero() {
		e.Silent = max(0, now.Sub(s.newest).Seconds())
	}
	return e
}

// events tells a page the statistics until it goes, as server-sent events (HTML, section 9.2).
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	control := http.NewResponseController(w)
	control.SetReadDeadline(time.Time{}) // the request has been read; HTTP/1 would break off after ReadTimeout
	tick := time.NewTicker(eventsEvery)
	defer tick.Stop()
	for now := time.Now(); ; {
		text, err := json.Marshal(s.event(now))
		if err != nil {
			return
		}
		control.SetWriteDeadline(now.Add(eventTimeout))
		if _, err := fmt.Fprintf(w, "retry: 1000\ndata: %s\n\n", text); err != nil || control.Flush() != nil {
			return
		}
		select {
		case now = <-tick.C:
		case <-r.Context().Done():
			return
		case <-s.closed:
			return
		}
	}
}
