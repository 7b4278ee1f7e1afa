package rtc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"
)

// queuedBytes bounds the datagrams that wait for pion.
const queuedBytes = 1 << 20

// Incoming is a session with a sender, at the receiver: the side that listened. Beneath media it keeps to where the sender is: a
// packet of any stream that is authentic and newer than all before moves the session to the address that it came from.
type Incoming struct {
	media
	listener *Listener
	id       string // in its URL
	ufrag    string // of our ICE

	// What comes in, from the socket on:
	inbound  *packetio.Buffer // datagrams for pion
	requests requests
	route    atomic.Pointer[route] // where the sender is now; the zero route before it is known
	up       atomic.Bool           // the media connection is there

	heard   atomic.Int64 // when something authentic last came from the sender, as time since began
	silence atomic.Int64 // the longest time without, since media came; for the goroutine that decrypts to set
	began   time.Time
	watches atomic.Int64 // GETs of its end so far

	released chan struct{} // it has ended, and pion has let go
}

// answer makes a session of an offer that readOffer found fit, and the session description that answers it. address is where we
// can be reached, as the sender sees it.
func (l *Listener) answer(offer string, agreed terms, address netip.AddrPort) (s *Incoming, answer string, err error) {
	s = &Incoming{
		media:    newMedia(l.log),
		listener: l,
		id:       rand.Text(),
		inbound:  packetio.NewBuffer(),
		began:    time.Now(),
		released: make(chan struct{}),
	}
	s.authentic = s.arrived
	s.video.ssrc, s.sound.ssrc = agreed.ssrc, agreed.soundSSRC
	s.inbound.SetLimitSize(queuedBytes)
	s.route.Store(&route{})
	p := &path{here: receiverEnd, there: senderEnd, receive: s.inbound.Read, send: s.send, close: s.inbound.Close}
	peer, err := newPeer(p, true, l.log, s.buffer)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if err != nil {
			_ = peer.Close()
		}
	}()
	s.peer = peer
	// Where the sender could be reached is of no use to us: it is where its datagrams come from.
	if offer, err = withCandidate(offer, netip.AddrPort{}); err != nil {
		return nil, "", err
	}
	s.peer.OnConnectionStateChange(s.changed)
	if l.config.Answer {
		if err = s.addTracks(l.config.Silent || agreed.soundType == 0); err != nil {
			return nil, "", err
		}
	}
	if err = s.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return nil, "", err
	}
	description, err := s.peer.CreateAnswer(nil)
	if err != nil {
		return nil, "", err
	}
	text := description.SDP
	if l.config.Silent { // pion itself need not know
		if text, err = withoutSound(text); err != nil {
			return nil, "", err
		}
	}
	final, err := readAnswer(text)
	if err != nil {
		return nil, "", err
	}
	s.ufrag = final.ufrag
	s.expect(agreed, final)
	if l.config.Answer {
		if err = s.prepare(final); err != nil {
			return nil, "", err
		}
	}
	if err = s.peer.SetLocalDescription(description); err != nil {
		return nil, "", err
	}
	if answer, err = withCandidate(text, address); err != nil {
		return nil, "", err
	}
	go s.supervise()
	return s, answer, nil
}

// changed follows pion.
func (s *Incoming) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		if s.up.Swap(true) {
			return
		}
		select {
		case s.listener.accepted <- s:
		default:
			s.end(fmt.Errorf("%w: nobody accepts senders", ErrClosed))
		}
	case webrtc.PeerConnectionStateFailed:
		s.end(fmt.Errorf("%w: the encryption could not be agreed on", ErrGone))
	case webrtc.PeerConnectionStateClosed: // by us, and then this is ignored, or by DTLS's close_notify
		s.end(ErrGoodbye)
	}
}

// supervise ends a session whose media connection does not come up, or that is silent for long.
func (s *Incoming) supervise() {
	ticker := time.NewTicker(silenceCheck)
	defer ticker.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-ticker.C:
		}
		switch {
		case !s.up.Load() && time.Since(s.began) > handshakeTimeout:
			s.end(fmt.Errorf("%w: its media connection did not come up", ErrGone))
		case time.Since(s.lastHeard()) > silenceLimit:
			s.end(fmt.Errorf("%w: silent for %v", ErrGone, silenceLimit))
		}
	}
}

// end ends the session once; later reasons are ignored. It does not wait.
func (s *Incoming) end(why error) {
	s.listener.ended.put(s.id, why) // before anybody is told that it has; the first reason counts
	if !s.finish(why) {
		return
	}
	s.listener.current.CompareAndSwap(s, nil)
	go func() {
		_ = s.peer.Close() // says goodbye by DTLS, too
		_ = s.inbound.Close()
		close(s.released)
	}()
}

func (s *Incoming) lastHeard() time.Time { return s.began.Add(time.Duration(s.heard.Load())) }

// hear notes that something authentic came, and gives how long nothing had.
func (s *Incoming) hear() time.Duration {
	now := int64(time.Since(s.began))
	return time.Duration(now - s.heard.Swap(now))
}

// deliver takes in a datagram that came from anywhere. What may be the session's goes on to pion, which finds out whether it is;
// until then nothing here believes it.
func (s *Incoming) deliver(b []byte, from route, arrival time.Time) {
	d := classify(b)
	switch current := s.route.Load(); {
	case d.kind == kindSTUNRequest && string(d.ufrag) == s.ufrag:
		s.requests.put(d.transaction, from)
	case d.kind == kindDTLS && from.remote == current.remote && harmlessDTLS(b, s.up.Load()):
	case d.kind == kindSRTP && s.stream(d.ssrc) != nil:
		in := s.stream(d.ssrc)
		in.notes.put(d.sequence, from, arrival, *current)
		in.offered.Add(1)
	case d.kind == kindSRTCP && s.known(d.ssrc):
	default:
		return
	}
	_, _ = s.inbound.Write(b) // what does not fit is lost, as on any link
}

// send sends what pion wants sent. The answer to a STUN request goes to where that came from, and nothing else does: so a repeated
// request is worth one answer to whoever repeats it. Pion answers only requests that bear the session's password; until there
// is media, which is better proof because it cannot be repeated, they also say where the sender is.
func (s *Incoming) send(b []byte) error {
	to := *s.route.Load()
	if d := classify(b); d.kind == kindSTUNResponse {
		origin, ok := s.requests.origin(d.transaction)
		if !ok {
			return nil
		}
		if binary.BigEndian.Uint16(b) == stunBindingSuccess {
			s.hear()
			if s.video.packets.Load()+s.sound.packets.Load() == 0 {
				s.route.Store(&origin)
			}
		}
		to = origin
	}
	if !to.remote.IsValid() {
		return nil
	}
	return s.listener.socket.write(b, to)
}

// arrived takes in that something authentic came. What is noted of it tells whether the sender has moved.
func (s *Incoming) arrived(in *inbound, sequence uint16, n note, noted bool) {
	silence := int64(s.hear())
	if in == nil {
		return
	}
	if s.video.packets.Load()+s.sound.packets.Load() > 1 && silence > s.silence.Load() {
		s.silence.Store(silence)
	}
	if noted {
		s.roam(in, sequence, n)
	}
}

// roam moves the session to where an authentic packet came from, if that is the newest so far: a late or repeated one says
// nothing about where the sender is now.
func (s *Incoming) roam(in *inbound, sequence uint16, n note) {
	current := s.route.Load()
	if *current == n.from || n.contested || in.started && int16(sequence-in.newest) <= 0 {
		return
	}
	from := n.from // not n itself, which would then be allocated for every packet
	s.route.Store(&from)
	if before, after := current.remote, from.remote; before != after {
		s.listener.log.Debug("the sender's address changed", "from", before, "to", after)
		if s.listener.config.Roamed != nil {
			s.listener.config.Roamed(before.String(), after.String())
		}
	}
}

// Remote returns the sender's current address.
func (s *Incoming) Remote() string { return s.route.Load().remote.String() }

// IncomingStats counts packets of video since the session began.
type IncomingStats struct {
	Packets   uint64 // that were decrypted
	Malformed uint64 // of those, that were not Salsify's video, and skipped
	Dropped   uint64 // of those, that were lost because Read was not called in time
	// Rejected are datagrams that looked like the session's video and did not decrypt, were repeated or came too late, with
	// those that are just being decrypted.
	Rejected uint64
}

// Stats returns the counts so far.
func (s *Incoming) Stats() IncomingStats {
	v := &s.video
	packets := v.packets.Load()
	return IncomingStats{
		Packets: packets, Malformed: v.malformed.Load(), Dropped: v.queue.overflowed.Load(), Rejected: v.offered.Load() - packets,
	}
}

// Close says goodbye to the sender and ends the session.
func (s *Incoming) Close() error {
	s.end(ErrClosed)
	select {
	case <-s.released: // the goodbye has left
	case <-time.After(farewell):
	}
	return nil
}
