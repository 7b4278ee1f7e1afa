// Package web shows pictures in browsers: it serves a page over HTTP, which gets the pictures by WHEP (draft-ietf-wish-whep), that is
// by WebRTC, as VP8. No picture is coded that the sender has coded already, as long as a plain decoder can follow the sender.
//
// The way of a picture:
//
//  1. Frame (or Show, for a picture that comes without a frame) puts it in a short queue, and returns at once.
//  2. One goroutine (work.go) takes what waits there. The chain (chain.go), which all browsers share, lets the frame through or codes
//     the picture anew.
//  3. Each viewer (viewer.go) gets it in RTP packets. One that is new begins with a key frame, made of the newest picture at once,
//     and so does one that reports a loss which sending again cannot mend.
//
// Around that whep.go takes viewers in, media.go has the sockets that all media goes through, guard.go keeps other sites' pages out, and
// page.go serves the page and its statistics.
package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"image"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/netutil"

	"salsify/codec/vp8"
	"salsify/display"
)

const (
	// waitingAtMost is how many pictures may wait. With more the oldest goes, and the chain codes anew what it cannot follow.
	waitingAtMost = 8
	// soundsAtMost is how many packets of sound may wait: 160 ms of them, at 20 ms each.
	soundsAtMost = 8
	// maxSound is the longest packet that Opus makes (RFC 6716, section 3.2), of several frames.
	maxSound = 1275 * 6

	portAttempts   = 20 // to find a port that is free for both TCP and UDP
	maxConnections = 64 // of HTTP, at a time
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = 30 * time.Second
	maxHeader      = 16 << 10 // bytes
)

// Options say what a Server tells, and whom.
type Options struct {
	// Statistics gives the lines of the page's overlay, such as "delay: 84 ms"; what stands before the colon is the line's name. It is
	// called twice a second for each page, from several goroutines, and may be nil.
	Statistics func() []string
	// Report is told what a user should know; may be nil.
	Report func(message string)
}

// Frame is a frame that was decoded. All of it is valid during the call only.
type Frame struct {
	Data   []byte     // as the sender coded it
	Source vp8.ID     // of the state that it starts from
	State  *vp8.State // that it leads to, whose picture is shown
	Shown  bool       // false: a newer picture is on the screen already
	At     time.Time  // when it was decoded
}

// Counts tell what became of the pictures.
type Counts struct {
	Passed  uint64 // frames that went on as they came
	Recoded uint64 // pictures that were coded anew
	Keys    uint64 // key frames among both
	Viewers int    // browsers that look now
}

// Server shows pictures in browsers. It is a display.Display.
type Server struct {
	options Options
	address *net.TCPAddr
	guard   guard
	id      string // of this start, by which pages notice that there was another
	http    *http.Server
	media   *media

	wake   chan struct{} // holds one token: there is something to do for work
	sounds chan *sound
	closed chan struct{}
	close  sync.Once
	ended  sync.WaitGroup

	lock     sync.Mutex
	queue    []*waiting
	spare    []*waiting
	spareOut []*sound
	viewers  map[string]*viewer // by name, also those that are not connected yet
	wanted   bool               // a key frame
	newest   time.Time          // when the newest picture came
	heard    bool               // some sound came
	stats    display.Stats
	counts   Counts
}

var _ display.Display = (*Server)(nil)

// Listen opens a web display. The address is that of its page, "http://HOST:PORT". Without a HOST, all interfaces are listened at;
// whoever reaches the port then sees the pictures. Port 0 finds a free one.
func Listen(address string, o Options) (*Server, error) {
	host, port, err := parseAddress(address)
	if err != nil {
		return nil, err
	}
	if o.Report == nil {
		o.Report = func(string) {}
	}
	listener, media, err := bind(host, port)
	if err != nil {
		return nil, fmt.Errorf("--display %s: %w; give another port, or port 0 to have a free one found", address, err)
	}
	s := &Server{
		options: o, address: listener.Addr().(*net.TCPAddr), guard: newGuard(host), id: rand.Text(),
		media: media, viewers: make(map[string]*viewer),
		wake: make(chan struct{}, 1), sounds: make(chan *sound, soundsAtMost), closed: make(chan struct{}),
	}
	s.http = &http.Server{
		Handler: s.handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: log.New(io.Discard, "", 0), // a line for every bad connection
	}
	s.ended.Go(func() { s.http.Serve(netutil.LimitListener(listener, maxConnections)) }) // ends when it is closed
	w := &worker{server: s, chain: chain{goroutines: min(recodingGoroutines, runtime.GOMAXPROCS(0))}}
	s.ended.Go(w.run)
	s.ended.Go(s.passSound)
	o.Report("the picture is at " + s.URL())
	if !s.address.IP.IsLoopback() {
		o.Report(fmt.Sprintf("whoever reaches port %d of this machine sees and hears the call; for this machine alone: http://localhost:%[1]d",
			s.address.Port))
	}
	return s, nil
}

// parseAddress reads "http://HOST:PORT".
func parseAddress(address string) (host, port string, err error) {
	u, err := url.Parse(address)
	bad := err != nil || u.Scheme != "http" || u.User != nil || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != ""
	if !bad {
		port = u.Port()
		_, err := strconv.ParseUint(port, 10, 16)
		bad = err != nil
	}
	if bad {
		return "", "", fmt.Errorf("--display is %q: write http://HOST:PORT, such as http://localhost:8080", address)
	}
	return u.Hostname(), port, nil
}

// bind opens TCP and UDP on one port number.
func bind(host, port string) (net.Listener, *media, error) {
	for attempt := 1; ; attempt++ {
		tcp, err := net.Listen("tcp", net.JoinHostPort(host, port))
		if err != nil {
			return nil, nil, err
		}
		media, err := openMedia(tcp.Addr().(*net.TCPAddr).AddrPort())
		if err == nil {
			return tcp, media, nil
		}
		tcp.Close()
		if port != "0" || attempt == portAttempts {
			return nil, nil, err
		}
	}
}

// URL returns where the page is, for a browser on this machine.
func (s *Server) URL() string {
	host := s.address.IP.String()
	if s.address.IP.IsLoopback() || s.address.IP.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.address.Port))
}

// Frame shows the picture of a frame. It keeps what it needs, and never waits.
func (s *Server) Frame(f Frame) {
	if !f.Shown {
		return // nor would a browser show it; should a later frame start from its state, that one is coded anew
	}
	state, err := f.State.Share()
	if err != nil {
		s.drop(1)
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	w := s.room()
	w.at, w.state, w.source = f.At, state, f.Source
	w.frame = append(w.frame[:0], f.Data...)
	s.put(w)
}

// Show shows a picture that comes without a frame, so that it is coded anew. For each picture either Frame is called or Show.
func (s *Server) Show(picture *image.YCbCr, at time.Time) {
	s.lock.Lock()
	defer s.lock.Unlock()
	w := s.room()
	w.at, w.source = at, vp8.ID{}
	w.frame = w.frame[:0]
	w.picture = copyPicture(w.picture, picture)
	s.put(w)
}

// room returns one to put in the queue, and makes room there. The lock is held.
func (s *Server) room() *waiting {
	if len(s.queue) == waitingAtMost {
		s.recycle(s.queue[0])
		s.queue = append(s.queue[:0], s.queue[1:]...)
		s.stats.Dropped++
	}
	if n := len(s.spare); n > 0 {
		w := s.spare[n-1]
		s.spare = s.spare[:n-1]
		return w
	}
	return new(waiting)
}

// put puts one in the queue. The lock is held.
func (s *Server) put(w *waiting) {
	s.newest = w.at
	s.queue = append(s.queue, w)
	s.nudge()
}

// recycle lets go of one that was in the queue. The lock is held.
func (s *Server) recycle(w *waiting) {
	w.release()
	s.spare = append(s.spare, w)
}

func (s *Server) drop(n uint64) {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.stats.Dropped += n
}

// nudge wakes the worker.
func (s *Server) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// wantKey asks for a key frame.
func (s *Server) wantKey() {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.wanted = true
	s.nudge()
}

// sound is a packet of Opus.
type sound struct {
	timestamp uint32
	payload   []byte
}

// Sound passes on a packet of Opus, whose RTP timestamp, at 48 kHz, is given. The payload is copied. It never waits.
func (s *Server) Sound(payload []byte, timestamp uint32) {
	if len(payload) > maxSound {
		return
	}
	s.lock.Lock()
	defer s.lock.Unlock()
	s.heard = true
	var p *sound
	if n := len(s.spareOut); n > 0 {
		p, s.spareOut = s.spareOut[n-1], s.spareOut[:n-1]
	} else {
		p = new(sound)
	}
	p.timestamp, p.payload = timestamp, append(p.payload[:0], payload...)
	select {
	case s.sounds <- p:
	default:
		s.spareOut = append(s.spareOut, p)
	}
}

// passSound gives the sound to the viewers. It has a goroutine of its own, so that coding a picture does not make it wait.
func (s *Server) passSound() {
	var viewers []*viewer
	for {
		select {
		case p := <-s.sounds:
			viewers = s.connected(viewers[:0])
			for _, v := range viewers {
				v.hear(p)
			}
			s.lock.Lock()
			s.spareOut = append(s.spareOut, p)
			s.lock.Unlock()
		case <-s.closed:
			return
		}
	}
}

// connected appends the viewers that packets can be sent to.
func (s *Server) connected(into []*viewer) []*viewer {
	s.lock.Lock()
	defer s.lock.Unlock()
	for _, v := range s.viewers {
		if v.connected {
			into = append(into, v)
		}
	}
	return into
}

// Stats returns the counts so far. A picture that nobody looked at counts as shown: it could have been seen.
func (s *Server) Stats() display.Stats {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.stats
}

// Counts tells what became of the pictures that somebody looked at.
func (s *Server) Counts() Counts {
	s.lock.Lock()
	defer s.lock.Unlock()
	c := s.counts
	for _, v := range s.viewers {
		if v.connected {
			c.Viewers++
		}
	}
	return c
}

// Close ends the page's connections and frees the port.
func (s *Server) Close() (err error) {
	s.close.Do(func() {
		close(s.closed)
		err = s.http.Close()
		s.lock.Lock()
		var all []*viewer
		for _, v := range s.viewers {
			all = append(all, v)
		}
		s.lock.Unlock()
		for _, v := range all {
			v.end()
		}
		s.ended.Wait()
		err = errors.Join(err, s.media.close())
	})
	return err
}

// copyPicture copies a picture into another, if that is of its size, or a new one.
func copyPicture(into, from *image.YCbCr) *image.YCbCr {
	size := from.Rect.Size()
	if into == nil || into.Rect.Size() != size {
		into = image.NewYCbCr(image.Rectangle{Max: size}, image.YCbCrSubsampleRatio420)
	}
	x, y := from.Rect.Min.X, from.Rect.Min.Y
	copyPlane(into.Y, into.YStride, from.Y[from.YOffset(x, y):], from.YStride, size.X, size.Y)
	width, height := (size.X+1)/2, (size.Y+1)/2
	copyPlane(into.Cb, into.CStride, from.Cb[from.COffset(x, y):], from.CStride, width, height)
	copyPlane(into.Cr, into.CStride, from.Cr[from.COffset(x, y):], from.CStride, width, height)
	return into
}

func copyPlane(to []byte, toStride int, from []byte, fromStride, width, height int) {
	for y := range height {
		copy(to[y*toStride:][:width], from[y*fromStride:][:width])
	}
}
