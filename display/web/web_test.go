package web

import (
	"bytes"
	"context"
	"image"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/pion/webrtc/v4"

	"salsify/display"
)

// patience is how long a test waits for what should take a moment.
const patience = 10 * time.Second

func serve(t testing.TB, o Options) *Server {
	t.Helper()
	s, err := Listen("http://localhost:0", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// within waits until something holds.
func within(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

// client is a viewer without a browser.
type client struct {
	t        testing.TB
	peer     *webrtc.PeerConnection
	location string
	answer   string
	frames   chan []byte
	sounds   chan *rtp.Packet
	drop     func(*rtp.Packet) bool // packets that the network loses
	ssrc     webrtc.SSRC
	delayed  bool // packets ask for no delay
	lock     sync.Mutex
}

// offer is the client's, to receive what is named.
func (c *client) offer(kinds ...webrtc.RTPCodecType) string {
	for _, kind := range kinds {
		receive := webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionRecvonly}
		if _, err := c.peer.AddTransceiverFromKind(kind, receive); err != nil {
			c.t.Fatal(err)
		}
	}
	offer, err := c.peer.CreateOffer(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	gathered := webrtc.GatheringCompletePromise(c.peer)
	if err := c.peer.SetLocalDescription(offer); err != nil {
		c.t.Fatal(err)
	}
	<-gathered
	return c.peer.LocalDescription().SDP
}

func newClient(t testing.TB, drop func(*rtp.Packet) bool) *client {
	t.Helper()
	c := &client{t: t, frames: make(chan []byte, 100), sounds: make(chan *rtp.Packet, 100), drop: drop}
	var media webrtc.MediaEngine
	if err := media.RegisterDefaultCodecs(); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []webrtc.RTPCodecType{webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio} {
		if err := media.RegisterHeaderExtension(webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}, kind); err != nil {
			t.Fatal(err)
		}
	}
	var settings webrtc.SettingEngine
	settings.SetIncludeLoopbackCandidate(true)
	settings.LoggerFactory = quiet{}
	settings.DisableSRTPReplayProtection(true) // for TestResend, whose network loses packets after they were decrypted
	peer, err := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings)).NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	c.peer = peer
	peer.OnTrack(func(track *webrtc.TrackRemote, receiver *webrtc.RTPReceiver) {
		if track.Kind() == webrtc.RTPCodecTypeAudio {
			for {
				p, _, err := track.ReadRTP()
				if err != nil {
					return
				}
				c.sounds <- p
			}
		}
		c.lock.Lock()
		c.ssrc = track.SSRC()
		c.lock.Unlock()
		var frame []byte
		for {
			p, _, err := track.ReadRTP()
			if err != nil {
				return
			}
			for _, id := range p.GetExtensionIDs() {
				if b := p.GetExtension(id); len(b) == 3 && b[0] == 0 && b[1] == 0 && b[2] == 0 {
					c.lock.Lock()
					c.delayed = true
					c.lock.Unlock()
				}
			}
			if drop != nil && drop(p) {
				frame = nil
				continue
			}
			var vp8 codecs.VP8Packet
			payload, err := vp8.Unmarshal(p.Payload)
			if err != nil {
				t.Errorf("a payload that cannot be read: %v", err)
				return
			}
			if vp8.S == 1 {
				frame = nil
			}
			frame = append(frame, payload...)
			if p.Marker {
				c.frames <- frame
			}
		}
	})
	return c
}

// watch connects a new client.
func watch(t testing.TB, s *Server, drop func(*rtp.Packet) bool) *client {
	t.Helper()
	return watchAt(t, s.URL(), drop)
}

func watchAt(t testing.TB, url string, drop func(*rtp.Packet) bool) *client {
	t.Helper()
	c := newClient(t, drop)
	response := post(t, url, c.offer(webrtc.RTPCodecTypeVideo, webrtc.RTPCodecTypeAudio))
	if response.StatusCode != http.StatusCreated {
		t.Fatalf("%s: %s", response.Status, c.answer)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	c.location, c.answer = response.Header.Get("Location"), string(body)
	if err := c.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: c.answer}); err != nil {
		t.Fatalf("%v: %s", err, c.answer)
	}
	return c
}

func post(t testing.TB, url, offer string) *http.Response {
	t.Helper()
	return request(t, url, http.MethodPost, endpoint, offer, map[string]string{"Content-Type": sdpType})
}

func request(t testing.TB, url, method, path, body string, headers map[string]string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range headers {
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response
}

// give hands a frame to the server, as a receiver does.
func give(s *Server, from *sender, back int) (shown []byte) {
	source := from.source(back).ID()
	w := from.frame(back, false, 30)
	defer w.release()
	s.Frame(Frame{Data: w.frame, Source: source, State: w.state, Shown: true, At: time.Now()})
	return samples(w.state.Picture())
}

func (c *client) next() []byte {
	c.t.Helper()
	select {
	case frame := <-c.frames:
		return frame
	case <-time.After(patience):
		c.t.Fatal("no frame came")
		return nil
	}
}

// TestViewer: who comes before the sender gets its frames as they are; after a loss they are coded anew; who comes later begins with
// a key frame of the newest picture, without waiting for another.
func TestViewer(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	from := newSender(t, 96)
	var p plain
	for i := range 5 {
		want := give(s, from, 0)
		if got := samples(p.decode(t, c.next())); !bytes.Equal(got, want) {
			t.Fatalf("picture %d is not the sender's", i)
		}
	}
	for range 3 {
		give(s, from, 2) // after a loss
		newest := from.states[len(from.states)-1].Picture()
		if got := psnr(t, newest, p.decode(t, c.next())); got < leastPSNR {
			t.Fatalf("a picture that was coded anew is %.1f dB from the sender's", got)
		}
	}
	if got := s.Counts(); got.Passed != 5 || got.Recoded != 3 || got.Keys != 1 {
		t.Errorf("counts %+v, not 5 passed on, 3 coded anew and 1 key frame", got)
	}
	other := watch(t, s, nil)
	var q plain
	newest := from.states[len(from.states)-1].Picture()
	if got := psnr(t, newest, q.decode(t, other.next())); got < leastPSNR {
		t.Errorf("the first picture of who comes later is %.1f dB from the sender's", got)
	}
	c.lock.Lock()
	defer c.lock.Unlock()
	if !c.delayed {
		t.Error("packets do not say that the picture must not wait")
	}
	within(t, "all are counted as shown", func() bool { return s.Stats() == display.Stats{Shown: 8} })
}

// TestBeginsWithKey: a viewer that comes while key frames are limited waits for one.
func TestBeginsWithKey(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	v := s.connected(nil)[0]
	v.see(coded{data: []byte("inter")}, 1)
	v.see(coded{data: []byte("key"), key: true}, 2)
	v.see(coded{data: []byte("inter")}, 3)
	for _, want := range []string{"key", "inter"} {
		if got := string(c.next()); got != want {
			t.Errorf("it got %q, not %q", got, want)
		}
	}
}

// TestLatePicture: what the receiver does not show, browsers do not get.
func TestLatePicture(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	from := newSender(t, 96)
	give(s, from, 0)
	c.next()
	w := from.frame(0, false, 30)
	s.Frame(Frame{Data: w.frame, Source: from.states[0].ID(), State: w.state, Shown: false, At: time.Now()})
	give(s, from, 0)
	c.next()
	if got := s.Counts(); got.Passed != 1 || got.Recoded != 1 {
		t.Errorf("%+v: the picture after one that was not shown must be coded anew", got)
	}
}

// TestLostPacket: a browser that cannot go on says so, and gets a key frame.
func TestLostPacket(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	from := newSender(t, 96)
	give(s, from, 0)
	c.next()
	time.Sleep(keyEvery) // key frames are limited
	c.lock.Lock()
	loss := &rtcp.PictureLossIndication{MediaSSRC: uint32(c.ssrc)}
	c.lock.Unlock()
	if err := c.peer.WriteRTCP([]rtcp.Packet{loss}); err != nil {
		t.Fatal(err)
	}
	var p plain
	p.decode(t, c.next()) // fails if it is no key frame
}

// TestResend: a packet that was lost is sent again when the browser asks.
func TestResend(t *testing.T) {
	s := serve(t, Options{})
	lost := make(chan *rtp.Packet, 1)
	again := make(chan struct{}, 1)
	first := true
	var number uint16
	drop := func(p *rtp.Packet) bool {
		switch {
		case first:
			first, number = false, p.SequenceNumber
			lost <- p
			return true
		case p.SequenceNumber == number:
			again <- struct{}{}
		}
		return false
	}
	c := watch(t, s, drop)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	from := newSender(t, 96)
	give(s, from, 0)
	p := <-lost
	nack := &rtcp.TransportLayerNack{MediaSSRC: p.SSRC, Nacks: rtcp.NackPairsFromSequenceNumbers([]uint16{p.SequenceNumber})}
	if err := c.peer.WriteRTCP([]rtcp.Packet{nack}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-again:
	case <-time.After(patience):
		t.Error("it was not sent again")
	}
}

// TestSound: packets of Opus are passed on.
func TestSound(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	s.Sound([]byte{1, 2, 3}, 960)
	s.Sound(make([]byte, maxSound+1), 1440) // too long: dropped
	s.Sound([]byte{4}, 1920)
	for _, want := range []*rtp.Packet{
		{Header: rtp.Header{Timestamp: 960}, Payload: []byte{1, 2, 3}}, {Header: rtp.Header{Timestamp: 1920}, Payload: []byte{4}},
	} {
		select {
		case got := <-c.sounds:
			if got.Timestamp != want.Timestamp || !bytes.Equal(got.Payload, want.Payload) {
				t.Errorf("got %v of %d", got.Payload, got.Timestamp)
			}
		case <-time.After(patience):
			t.Fatal("no sound came")
		}
	}
}

// TestShow: pictures without frames are coded here.
func TestShow(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	picture := image.NewYCbCr(image.Rect(0, 0, 33, 21), image.YCbCrSubsampleRatio420)
	for i := range picture.Y {
		picture.Y[i] = byte(i)
	}
	var p plain
	for range 3 {
		s.Show(picture, time.Now())
		if got := psnr(t, picture, p.decode(t, c.next())); got < leastPSNR {
			t.Errorf("shown with %.1f dB", got)
		}
	}
}

// TestGoodbye: a viewer that ends is forgotten at once, one that does not know how to within seconds.
func TestGoodbye(t *testing.T) {
	s := serve(t, Options{})
	c := watch(t, s, nil)
	within(t, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	if got := request(t, s.URL(), http.MethodDelete, c.location, "", nil); got.StatusCode != http.StatusOK {
		t.Error(got.Status)
	}
	if got := s.Counts().Viewers; got != 0 {
		t.Errorf("%d viewers after the goodbye", got)
	}
	if got := request(t, s.URL(), http.MethodDelete, c.location, "", nil); got.StatusCode != http.StatusNotFound {
		t.Error(got.Status)
	}
	other := watch(t, s, nil)
	within(t, "the other is connected", func() bool { return s.Counts().Viewers == 1 })
	other.peer.Close()
	within(t, "the other has gone", func() bool { return s.Counts().Viewers == 0 })
}

// TestRequests: what is not an offer of a viewer is answered so that one knows what to do.
func TestRequests(t *testing.T) {
	s := serve(t, Options{})
	same := strings.TrimPrefix(s.URL(), "http://")
	offer := newClient(t, nil).offer(webrtc.RTPCodecTypeVideo)
	for name, test := range map[string]struct {
		method, path, body string
		headers            map[string]string
		want               int
	}{
		"page":             {http.MethodGet, "/", "", nil, 200},
		"script":           {http.MethodGet, "/page.js", "", nil, 200},
		"unknown":          {http.MethodGet, "/page.go", "", nil, 404},
		"link to the page": {http.MethodGet, "/", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 200},
		"other type":       {http.MethodPost, "/whep", offer, map[string]string{"Content-Type": "text/plain"}, 415},
		"no description":   {http.MethodPost, "/whep", "hello", map[string]string{"Content-Type": sdpType}, 400},
		"long":             {http.MethodPost, "/whep", strings.Repeat("v=0\r\n", maxOffer), map[string]string{"Content-Type": sdpType}, 413},
		"own page": {http.MethodPost, "/whep", offer, map[string]string{
			"Content-Type": sdpType, "Origin": "http://" + same, "Sec-Fetch-Site": "same-origin",
		}, 201},
		"other origin":       {http.MethodPost, "/whep", offer, map[string]string{"Content-Type": sdpType, "Origin": "http://example.com"}, 403},
		"other site":         {http.MethodPost, "/whep", offer, map[string]string{"Content-Type": sdpType, "Sec-Fetch-Site": "cross-site"}, 403},
		"other port":         {http.MethodPost, "/whep", offer, map[string]string{"Content-Type": sdpType, "Sec-Fetch-Site": "same-site"}, 403},
		"other name":         {http.MethodPost, "/whep", offer, map[string]string{"Content-Type": sdpType, "Host": "rebound.example:80"}, 421},
		"other name's page":  {http.MethodGet, "/", "", map[string]string{"Host": "rebound.example"}, 421},
		"statistics, other":  {http.MethodGet, "/events", "", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		"endpoint by GET":    {http.MethodGet, "/whep", "", nil, 405},
		"viewer by PATCH":    {http.MethodPatch, "/whep/x", "", nil, 501},
		"viewer by GET":      {http.MethodGet, "/whep/x", "", nil, 405},
		"viewer unknown":     {http.MethodDelete, "/whep/x", "", nil, 404},
		"goodbye, elsewhere": {http.MethodDelete, "/whep/x", "", map[string]string{"Origin": "http://example.com"}, 403},
	} {
		response := request(t, s.URL(), test.method, test.path, test.body, test.headers)
		if response.StatusCode != test.want {
			t.Errorf("%s: %s, not %d", name, response.Status, test.want)
		}
		if csp := response.Header.Get("Content-Security-Policy"); test.want == 200 && !strings.Contains(csp, "default-src 'none'") {
			t.Errorf("%s: its policy is %q", name, csp)
		}
	}
	if n := len(s.viewers); n != 1 {
		t.Errorf("%d viewers have a place, not 1", n)
	}
}

// TestOtherCodec: an offer without VP8 is refused, and takes no place.
func TestOtherCodec(t *testing.T) {
	s := serve(t, Options{})
	sound := post(t, s.URL(), newClient(t, nil).offer(webrtc.RTPCodecTypeAudio))
	if sound.StatusCode != http.StatusNotAcceptable {
		t.Errorf("an offer of sound alone: %s", sound.Status)
	}
	offer := strings.ReplaceAll(newClient(t, nil).offer(webrtc.RTPCodecTypeVideo), "VP8/90000", "VP7/90000")
	if other := post(t, s.URL(), offer); other.StatusCode != http.StatusNotAcceptable {
		t.Errorf("an offer without VP8: %s", other.Status)
	}
	if n := len(s.viewers); n != 0 {
		t.Errorf("%d viewers have a place", n)
	}
}

// TestFull: a browser too many is told to come back later.
func TestFull(t *testing.T) {
	s := serve(t, Options{})
	for range maxViewers {
		if r := post(t, s.URL(), newClient(t, nil).offer(webrtc.RTPCodecTypeVideo)); r.StatusCode != http.StatusCreated {
			t.Fatal(r.Status)
		}
	}
	r := post(t, s.URL(), newClient(t, nil).offer(webrtc.RTPCodecTypeVideo))
	if r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
		t.Errorf("%s, to come back in %q s", r.Status, r.Header.Get("Retry-After"))
	}
}

// TestEveryAddress: a server that listens at all interfaces is reached by each address of the machine, and media comes from there.
func TestEveryAddress(t *testing.T) {
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Listen("http://:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	from := newSender(t, 96)
	give(s, from, 0)
	for _, a := range addresses {
		ip := a.(*net.IPNet).IP
		if ip.IsLinkLocalUnicast() {
			continue // its zone has no place in a candidate
		}
		t.Run(ip.String(), func(t *testing.T) {
			c := watchAt(t, "http://"+net.JoinHostPort(ip.String(), strconv.Itoa(s.address.Port)), nil)
			var p plain
			if got := psnr(t, from.states[0].Picture(), p.decode(t, c.next())); got < leastPSNR {
				t.Errorf("the picture is %.1f dB from the sender's", got)
			}
			c.peer.Close()
			within(t, "it has gone", func() bool { return s.Counts().Viewers == 0 })
		})
	}
}

// TestCandidates: the answer tells of the address by which the viewer came, with the page's port; for this machine alone also of one that
// Firefox can use.
func TestCandidates(t *testing.T) {
	inside := serve(t, Options{})
	all, err := Listen("http://:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	own := ownAddresses()
	if len(own) == 0 {
		t.Skip("skipped: this machine has no address in a network")
	}
	at := func(address netip.Addr, s *Server) string {
		return netip.AddrPortFrom(address, uint16(s.address.Port)).String()
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, test := range []struct {
		url  string
		want []string
	}{
		{inside.URL(), []string{at(loopback, inside), at(own[0], inside)}},
		{"http://" + at(loopback, all), []string{at(loopback, all), at(own[0], all)}},
		{"http://" + at(own[0], all), []string{at(own[0], all)}},
	} {
		var got []string
		for line := range strings.Lines(watchAt(t, test.url, nil).answer) {
			if fields := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && fields[1] == "1" { // RTP's
				got = append(got, net.JoinHostPort(fields[4], fields[5]))
			}
		}
		slices.Sort(got)
		slices.Sort(test.want)
		if !slices.Equal(slices.Compact(got), test.want) {
			t.Errorf("%s: candidates %q, not %q", test.url, got, test.want)
		}
	}
}

func TestAddresses(t *testing.T) {
	for address, want := range map[string][2]string{
		"http://localhost:8080":  {"localhost", "8080"},
		"http://:8080":           {"", "8080"},
		"http://[::1]:80/":       {"::1", "80"},
		"http://":                {},
		"http://localhost":       {},
		"https://localhost:1":    {},
		"http://a:b@c:1":         {},
		"http://localhost:1/x":   {},
		"http://localhost:99999": {},
	} {
		host, port, err := parseAddress(address)
		if (err != nil) != (want[1] == "") || host != want[0] || port != want[1] {
			t.Errorf("%s: %q %q, %v", address, host, port, err)
		}
	}
}

// TestPortTaken: the error says what to do.
func TestPortTaken(t *testing.T) {
	s := serve(t, Options{})
	if _, err := Listen(s.URL(), Options{}); err == nil || !strings.Contains(err.Error(), "another port") {
		t.Errorf("a second server at %s: %v", s.URL(), err)
	}
}

// TestReach: who lets others look is told so.
func TestReach(t *testing.T) {
	for address, warned := range map[string]bool{"http://localhost:0": false, "http://:0": true} {
		var said []string
		s, err := Listen(address, Options{Report: func(message string) { said = append(said, message) }})
		if err != nil {
			t.Fatal(err)
		}
		s.Close()
		if (len(said) == 2) != warned || !strings.Contains(said[0], s.URL()) {
			t.Errorf("%s: %q", address, said)
		}
	}
}

func TestGuard(t *testing.T) {
	g := newGuard("cam.example")
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST:8080": true, "localhost.:80": true, "127.0.0.1:8080": true, "[::1]:8080": true, "[fe80::1]": true,
		"192.168.1.7": true, "cam.example:1": true, "": false, "evil.example": false,
		"localhost.evil.example:8080": false, "127.0.0.1.evil.example": false,
	} {
		if got := g.ours(host); got != want {
			t.Errorf("%q is ours: %v", host, got)
		}
	}
}

func TestMediaClock(t *testing.T) {
	var c mediaClock
	start := time.Unix(1e9, 0)
	for _, step := range []struct {
		after time.Duration
		want  uint32
	}{
		{0, 1}, {time.Second, 90000}, {time.Second, 90001}, {500 * time.Millisecond, 90002},
		{20 * time.Hour, uint32(20 * 3600 * 90000 % (1 << 32))},
	} {
		if got := c.timestamp(start.Add(step.after)); got != step.want {
			t.Errorf("%v: %d, not %d", step.after, got, step.want)
		}
	}
}

// TestEvents: a page is told how it goes, at once and then twice a second.
func TestEvents(t *testing.T) {
	s := serve(t, Options{Statistics: func() []string { return []string{"delay: 84 ms"} }})
	response := request(t, s.URL(), http.MethodGet, "/events", "", nil)
	text := make([]byte, 4096)
	n, err := response.Body.Read(text)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text[:n])
	if !strings.Contains(got, `"silent":-1`) || !strings.Contains(got, "delay: 84 ms") || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("the first event is %q", got)
	}
	s.Show(image.NewYCbCr(image.Rect(0, 0, 16, 16), image.YCbCrSubsampleRatio420), time.Now().Add(-3*time.Second))
	if n, err = response.Body.Read(text); err != nil {
		t.Fatal(err)
	}
	if got := string(text[:n]); !strings.Contains(got, `"silent":3`) {
		t.Errorf("the second event is %q", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := io.ReadAll(response.Body); err == nil {
		t.Log("the page's connection ended in order")
	}
}

// TestQueue: what nobody takes does not pile up, and the newest stays.
func TestQueue(t *testing.T) {
	s := &Server{wake: make(chan struct{}, 1)} // nobody takes
	from := newSender(t, 96)
	for range waitingAtMost + 3 {
		give(s, from, 0)
	}
	if len(s.queue) != waitingAtMost || s.stats.Dropped != 3 {
		t.Errorf("%d wait, %d were dropped", len(s.queue), s.stats.Dropped)
	}
	if s.queue[len(s.queue)-1].state.ID() != from.states[len(from.states)-1].ID() {
		t.Error("the newest was dropped")
	}
}

// BenchmarkFrame is what the receiver's goroutine pays for a picture.
func BenchmarkFrame(b *testing.B) {
	s := serve(b, Options{})
	frames := benchmarkFrames(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		w := frames[i%10]
		s.Frame(Frame{Data: w.frame, Source: w.source, State: w.state, Shown: true})
	}
}

// BenchmarkSee is what it takes to send a frame of 12 KB to a viewer, encrypted.
func BenchmarkSee(b *testing.B) {
	s := serve(b, Options{})
	watch(b, s, func(*rtp.Packet) bool { return true })
	within(b, "the viewer is connected", func() bool { return s.Counts().Viewers == 1 })
	v := s.connected(nil)[0]
	frame := coded{data: make([]byte, 12<<10), key: true}
	var timestamp uint32
	b.ReportAllocs()
	for b.Loop() {
		timestamp += 3000
		v.see(frame, timestamp)
	}
}
