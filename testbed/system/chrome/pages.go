package chrome

import (
	"context"
	"embed"
	"fmt"
	"image"
	"io"
	"io/fs"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"salsify/testbed/system"
)

//go:embed page
var pageFiles embed.FS

// pages is the web server of one end: it gives the page, and takes what the page uploads after the call.
type pages struct {
	url    string
	server *http.Server

	mutex     sync.Mutex
	sightings []sighting
	given     int // how many of them take was called with
	// take is called with each sighting in the order in which they were seen, and the picture if the page kept it.
	take func(sighting, *image.YCbCr)
}

// servePages serves the page in a place's network, to the place itself only. A page from localhost may use a camera without TLS.
func servePages(ctx context.Context, place system.Place) (*pages, error) {
	listener, err := place.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, err
	}
	p := &pages{url: "http://localhost:" + port + "/", take: func(sighting, *image.YCbCr) {}}
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		return nil, err
	}
	routes := http.NewServeMux()
	routes.Handle("GET /", http.FileServerFS(files))
	routes.HandleFunc("POST /sightings", p.postSightings)
	routes.HandleFunc("POST /picture", p.postPicture)
	handler := func(w http.ResponseWriter, r *http.Request) {
		// With these two headers a page's clock has steps of 5 microseconds, without of 100 (W3C High Resolution Time).
		w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
		w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
		routes.ServeHTTP(w, r)
	}
	p.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(handler)}
	go p.server.Serve(listener)
	return p, nil
}

// expect says what to do with the sightings that the page is about to upload.
func (p *pages) expect(take func(sighting, *image.YCbCr)) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.take = take
}

// uploaded says that there are no more pictures: it takes the sightings that are left.
func (p *pages) uploaded() {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.takeUntil(len(p.sightings))
}

func (p *pages) takeUntil(index int) {
	for ; p.given < index; p.given++ {
		p.take(p.sightings[p.given], nil)
	}
}

func (p *pages) postSightings(w http.ResponseWriter, r *http.Request) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostSightings*sightingBytes))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	sightings, err := parseSightings(data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.sightings, p.given = sightings, 0
}

func (p *pages) postPicture(w http.ResponseWriter, r *http.Request) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	name := r.URL.Query().Get("sighting")
	index, err := strconv.Atoi(name)
	if err != nil || index < p.given || index >= len(p.sightings) {
		message := fmt.Sprintf("%v: a picture of sighting %q of %d, of which %d are done", errUpload, name, len(p.sightings), p.given)
		http.Error(w, message, http.StatusBadRequest)
		return
	}
	seen := p.sightings[index]
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(seen.width)*int64(seen.height)))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	picture, err := parsePicture(seen.width, seen.height, data)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	p.takeUntil(index)
	p.take(seen, picture)
	p.given = index + 1
}

func (p *pages) close() error { return p.server.Close() }
