package rtc

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"salsify/transport/wire"
)

const (
	// queuedBytes bounds the datagrams that wait for pion.
	queuedBytes = 1 << 20
	// queuedPackets bounds the decrypted packets that wait for Read: half a second at 12 Mbit/s.
	queuedPackets = 512
)

// Incoming is a session with a sender, at the receiver. A packet's way is:
//
//  1. deliver, on the goroutine that reads the socket: it looks like one of this session's, so when it came and from where is
//     noted, and it goes to pion;
//  2. pion's ICE agent, mux and SRTP, each on a goroutine of its own; what is forged or repeated ends there;
//  3. decrypted.Write, on SRTP's goroutine: now it is known to be authentic. The note is taken back, the session moves to a new
//     address if there is one, and the packet is queued;
//  4. Read.
type Incoming struct {
	listener *Listener
	id       string // in its URL
	agreed   terms
	ufrag    string // of our ICE
	peer     *webrtc.PeerConnection
	parser   parser // for Read

	// What comes in, from the socket to Read:
	inbound  *packetio.Buffer // datagrams for pion
	notes    notes            // when and from where they came
	requests requests
	route    atomic.Pointer[route] // where the sender is now; the zero route before it is known
	up       atomic.Bool           // the media connection is there
	newest   uint16                // highest sequence number that was decrypted; for the goroutine that decrypts
	started  bool                  // there is one
	full     chan *received
	free     chan *received
	reading  *received // what the last Read returned

	heard   atomic.Int64 // when something authentic last came from the sender, as time since began
	silence atomic.Int64 // the longest time without, since media came; for the goroutine that decrypts to set
	began   time.Time
	watches atomic.Int64 // GETs of its end so far

	packets, malformed, overflowed, offered atomic.Uint64

	ending   sync.Once
	err      error         // why it ended; set before done
	done     chan struct{} // it has ended
	released chan struct{} // and pion has let go
}

// received is a decrypted packet on its way to Read.
type received struct {
	buffer  [maxDatagram]byte
	size    int
	arrival time.Time
}

// answer makes a session of an offer that readOffer found fit, and the session description that answers it. address is where we
// can be reached, as the sender sees it.
func (l *Listener) answer(offer string, agreed terms, address netip.AddrPort) (s *Incoming, answer string, err error) {
	s = &Incoming{
		listener: l,
		id:       rand.Text(),
		agreed:   agreed,
		inbound:  packetio.NewBuffer(),
		full:     make(chan *received, queuedPackets),
		free:     make(chan *received, queuedPackets),
		began:    time.Now(),
		done:     make(chan struct{}),
		released: make(chan struct{}),
	}
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
	if err = s.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return nil, "", err
	}
	description, err := s.peer.CreateAnswer(nil)
	if err != nil {
		return nil, "", err
	}
	final, err := readAnswer(description.SDP)
	if err != nil {
		return nil, "", err
	}
	s.ufrag = final.ufrag
	s.parser.payloadType, s.parser.extension = final.payloadType, final.extension
	if err = s.peer.SetLocalDescription(description); err != nil {
		return nil, "", err
	}
	if answer, err = withCandidate(description.SDP, address); err != nil {
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
	s.ending.Do(func() {
		s.err = why
		s.listener.ended.put(s.id, why)
		close(s.done)
		s.listener.current.CompareAndSwap(s, nil)
		go func() {
			_ = s.peer.Close() // says goodbye by DTLS, too
			_ = s.inbound.Close()
			close(s.released)
		}()
	})
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
	case d.kind == kindSRTP && d.ssrc == s.agreed.ssrc:
		s.notes.put(d.sequence, from, arrival, *current)
		s.offered.Add(1)
	default: // also RTCP: our senders send none
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
			if s.packets.Load() == 0 {
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

// buffer gives pion what it writes a stream's decrypted packets to: ours, or one that nobody reads.
func (s *Incoming) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTPBufferPacket && ssrc == s.agreed.ssrc {
		return decrypted{s}
	}
	return discard{}
}

// decrypted takes in authentic packets, from one goroutine of pion's.
type decrypted struct{ *Incoming }

func (s decrypted) Write(b []byte) (int, error) {
	if len(b) < 4 || len(b) > maxDatagram {
		return len(b), nil
	}
	if silence := int64(s.hear()); s.packets.Add(1) > 1 {
		s.silence.Store(max(s.silence.Load(), silence))
	}
	sequence := binary.BigEndian.Uint16(b[2:])
	note, ok := s.notes.take(sequence)
	if ok {
		s.roam(sequence, note)
	} else {
		note.arrival = time.Now()
	}
	if !s.started || int16(sequence-s.newest) > 0 {
		s.newest, s.started = sequence, true
	}
	var r *received
	select {
	case r = <-s.free:
	default:
		r = new(received) // at most queuedPackets and the one being read, see below
	}
	r.size, r.arrival = copy(r.buffer[:], b), note.arrival
	select {
	case s.full <- r:
	default:
		s.overflowed.Add(1)
		s.recycle(r)
	}
	return len(b), nil
}

func (s *Incoming) recycle(r *received) {
	select {
	case s.free <- r:
	default:
	}
}

// roam moves the session to where an authentic packet came from, if that is the newest so far: a late or repeated one says
// nothing about where the sender is now.
func (s decrypted) roam(sequence uint16, n note) {
	current := s.route.Load()
	if *current == n.from || n.contested || s.started && int16(sequence-s.newest) <= 0 {
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

func (decrypted) Read([]byte) (int, error) { return 0, io.EOF } // pion has no need to
func (decrypted) Close() error             { return nil }

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Read([]byte) (int, error)    { return 0, io.EOF }
func (discard) Close() error                { return nil }

// Read waits for the next packet of video and says when it arrived: by the kernel's time stamp where there is one, never in the
// future. p.Payload is valid until the next Read. Packets that are not as they should be are counted and skipped. The error is
// that of Err, when the session has ended. Read is for one goroutine.
func (s *Incoming) Read(p *wire.Packet) (arrival time.Time, err error) {
	for {
		if s.reading != nil {
			s.recycle(s.reading)
			s.reading = nil
		}
		select {
		case s.reading = <-s.full:
		case <-s.done:
			return time.Time{}, s.err
		}
		if s.parser.parse(s.reading.buffer[:s.reading.size], p) == nil {
			return s.reading.arrival, nil
		}
		s.malformed.Add(1)
	}
}

// SendReport sends a report, of at most MaxReport bytes, to the sender. That it is lost on the way is no error.
func (s *Incoming) SendReport(report []byte) error {
	select {
	case <-s.done:
		return s.err
	default:
	}
	p, err := reportPacket(s.agreed.ssrc, report)
	if err != nil {
		return err
	}
	return s.peer.WriteRTCP([]rtcp.Packet{p})
}

// Done is closed when the session has ended.
func (s *Incoming) Done() <-chan struct{} { return s.done }

// Err says why the session ended; nil before that. It wraps ErrGoodbye, ErrGone, ErrReplaced or ErrClosed.
func (s *Incoming) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Remote returns the sender's current address.
func (s *Incoming) Remote() string { return s.route.Load().remote.String() }

// IncomingStats counts packets since the session began.
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
	packets := s.packets.Load()
	return IncomingStats{
		Packets: packets, Malformed: s.malformed.Load(), Dropped: s.overflowed.Load(), Rejected: s.offered.Load() - packets,
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
