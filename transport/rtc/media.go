package rtc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"salsify/transport/wire"
)

// media is what a session carries, and it is the same at both of its ends:
//
//  1. our video, by Send, with the reports on it that come back, by ReadReport;
//  2. their video, by Read, with our reports on it, by SendReport;
//  3. sound both ways, by SendSound and ReadSound;
//  4. clocks both ways, by SendClocks and Clocks, which tell how the time stamps of picture and sound belong together, and what the
//     sender of each video tells of itself, by SendStatus and Status.
//
// Each stream has an SSRC of its own; which there are is in the session descriptions. What comes takes the way of inbound.
type media struct {
	log  *slog.Logger
	peer *webrtc.PeerConnection

	ourVideo, ourSound uint32 // SSRCs; 0: we send none
	videoTrack         *webrtc.TrackLocalStaticRTP
	soundTrack         *webrtc.TrackLocalStaticRTP
	videoRTP           rtp.Packet // for Send, with the extension in place
	soundRTP           rtp.Packet // for SendSound
	element            [wire.FragmentSize]byte
	sounds             bool // both sides want sound

	video, sound inbound // theirs
	reports      queue   // on our video
	clocks       clocks  // theirs
	status       atomic.Pointer[wire.Status]

	// authentic is called with each packet of theirs that was decrypted, on one of pion's goroutines: with the stream it is of, its
	// sequence number and what was noted when it came, if it was; of RTCP, with nil.
	authentic func(in *inbound, sequence uint16, n note, noted bool)

	ending sync.Once
	err    error         // why the session ended; set before done
	done   chan struct{} // it has ended
}

const (
	// queuedPackets bounds the decrypted packets of video that wait for Read: half a second at 12 Mbit/s.
	queuedPackets = 512
	// queuedSounds bounds those of sound: more than anybody wants to hear late.
	queuedSounds = 64
	// queuedReports bounds the reports that wait for ReadReport; a newer one says more than those before it.
	queuedReports = 64
)

func newMedia(log *slog.Logger) media {
	return media{
		log: log, done: make(chan struct{}),
		video: inbound{queue: newQueue(queuedPackets)}, sound: inbound{queue: newQueue(queuedSounds)}, reports: newQueue(queuedReports),
	}
}

// finish notes why the session ended. Only the first time counts, and gives true.
func (m *media) finish(why error) (first bool) {
	m.ending.Do(func() {
		m.err, first = why, true
		close(m.done)
	})
	return first
}

// Done is closed when the session has ended.
func (m *media) Done() <-chan struct{} { return m.done }

// Err says why the session ended; nil before that. It wraps ErrGoodbye, ErrGone, ErrReplaced or ErrClosed.
func (m *media) Err() error {
	select {
	case <-m.done:
		return m.err
	default:
		return nil
	}
}

// addTracks adds our video and, unless we are silent, our sound to the PeerConnection.
func (m *media) addTracks(silent bool) (err error) {
	if m.videoTrack, err = webrtc.NewTrackLocalStaticRTP(videoCodec(), "video", "salsify"); err != nil {
		return err
	}
	tracks := []*webrtc.TrackLocalStaticRTP{m.videoTrack}
	if !silent {
		if m.soundTrack, err = webrtc.NewTrackLocalStaticRTP(soundCodec(), "sound", "salsify"); err != nil {
			return err
		}
		tracks = append(tracks, m.soundTrack)
	}
	for _, track := range tracks {
		if _, err := m.peer.AddTransceiverFromTrack(track, webrtc.RTPTransceiverInit{Direction: webrtc.RTPTransceiverDirectionSendrecv}); err != nil {
			return err
		}
	}
	return nil
}

// prepare takes what our own description says of our streams, and makes the packets that Send and SendSound fill in.
func (m *media) prepare(ours terms) error {
	m.ourVideo, m.ourSound = ours.ssrc, ours.soundSSRC
	m.soundRTP = rtp.Packet{Header: rtp.Header{Version: 2}}
	m.videoRTP = rtp.Packet{Header: rtp.Header{Version: 2}}
	// The two-byte form of RFC 8285 (section 4.3): the element is too long for the other.
	return m.videoRTP.SetExtensionWithProfile(ours.extension, m.element[:], rtp.ExtensionProfileTwoByte)
}

// expect takes what was agreed on of their streams. Each is marked with the payload types of the answer.
func (m *media) expect(theirs, final terms) {
	m.video.ssrc, m.sound.ssrc = theirs.ssrc, theirs.soundSSRC
	m.video.parser.payloadType, m.video.parser.extension = final.payloadType, final.extension
	m.sound.parser.payloadType = final.soundType
	m.sounds = final.soundType != 0
}

// stream returns the stream of theirs with that SSRC, or nil.
func (m *media) stream(ssrc uint32) *inbound {
	switch {
	case ssrc == 0:
	case ssrc == m.video.ssrc:
		return &m.video
	case ssrc == m.sound.ssrc:
		return &m.sound
	}
	return nil
}

// known tells whether RTCP that bears the SSRC may be the session's: reports bear that of the media that they are on.
func (m *media) known(ssrc uint32) bool {
	return ssrc != 0 && (ssrc == m.ourVideo || ssrc == m.ourSound || m.stream(ssrc) != nil)
}

// Sends tells whether the session can carry video and sound from here.
func (m *media) Sends() bool { return m.ourVideo != 0 }

// Receives tells whether video and sound may come from the other side.
func (m *media) Receives() bool { return m.video.ssrc != 0 }

// Sounds tells whether the session can carry sound: neither side is silent.
func (m *media) Sounds() bool { return m.sounds }

// Send sends a packet of video at once, as one datagram. That it is lost on the way, or that there is no network at the moment, is no
// error. The error is that of Err, when the session has ended. Send is for one goroutine.
func (m *media) Send(p *wire.Packet) error {
	if len(p.Payload) > wire.MaxPayload {
		return fmt.Errorf("a payload of %d bytes is longer than %d", len(p.Payload), wire.MaxPayload)
	}
	h := &m.videoRTP.Header
	h.SequenceNumber, h.Timestamp, h.Marker = p.Sequence, p.Timestamp, p.Marker
	p.Fragment.Append(m.element[:0])
	m.videoRTP.Payload = p.Payload
	return m.write(m.videoTrack, &m.videoRTP)
}

// SendSound sends a packet of sound as Send does one of video, if the session carries sound. It is for one goroutine.
func (m *media) SendSound(p *wire.Sound) error {
	if m.soundTrack == nil || !m.sounds {
		return nil
	}
	if len(p.Payload) > wire.MaxSound {
		return fmt.Errorf("%d bytes of sound are more than %d", len(p.Payload), wire.MaxSound)
	}
	h := &m.soundRTP.Header
	h.SequenceNumber, h.Timestamp, h.Marker = p.Sequence, p.Timestamp, p.Marker
	m.soundRTP.Payload = p.Payload
	return m.write(m.soundTrack, &m.soundRTP)
}

func (m *media) write(track *webrtc.TrackLocalStaticRTP, p *rtp.Packet) error {
	select {
	case <-m.done:
		return m.err
	default:
	}
	if err := track.WriteRTP(p); err != nil && !errors.Is(err, io.ErrClosedPipe) {
		m.log.Debug("send", "error", err) // of the system's, such as no memory: as if lost
	}
	return nil
}

// Read waits for the next packet of video and says when it arrived: by the kernel's time stamp where there is one, never in the
// future. p.Payload is valid until the next Read. Packets that are not as they should be are counted and skipped. The error is
// that of Err, when the session has ended. Read is for one goroutine.
func (m *media) Read(p *wire.Packet) (arrival time.Time, err error) {
	for {
		b, arrival, err := m.next(&m.video.queue)
		if err != nil {
			return time.Time{}, err
		}
		if m.video.parser.parse(b, p) == nil {
			return arrival, nil
		}
		m.video.malformed.Add(1)
	}
}

// ReadSound waits for the next packet of sound as Read does for one of video. It is for one goroutine.
func (m *media) ReadSound(p *wire.Sound) (arrival time.Time, err error) {
	for {
		b, arrival, err := m.next(&m.sound.queue)
		if err != nil {
			return time.Time{}, err
		}
		if m.sound.parser.parseSound(b, p) == nil {
			return arrival, nil
		}
		m.sound.malformed.Add(1)
	}
}

// ReadReport waits for the next report, copies it to buf, which must have room for MaxReport bytes, and says when it was decrypted.
// The error is that of Err, when the session has ended. ReadReport is for one goroutine.
func (m *media) ReadReport(buf []byte) (n int, arrived time.Time, err error) {
	for {
		b, arrived, err := m.next(&m.reports)
		if err != nil {
			return 0, time.Time{}, err
		}
		if report, ok := parseReport(b); ok && len(report) <= len(buf) {
			return copy(buf, report), arrived, nil
		}
	}
}

func (m *media) next(q *queue) (b []byte, at time.Time, err error) {
	r, ok := q.next(m.done)
	if !ok {
		return nil, time.Time{}, m.err
	}
	return r.buffer[:r.size], r.at, nil
}

// SendReport sends a report, of at most MaxReport bytes, on their video. That it is lost on the way is no error.
func (m *media) SendReport(report []byte) error {
	p, err := reportPacket(m.video.ssrc, report)
	if err != nil {
		return err
	}
	return m.writeControl(p)
}

// SendStatus tells the other side of our sending. One that is lost is told anew with the next.
func (m *media) SendStatus(s wire.Status) error {
	return m.writeControl(applicationPacket(statusName, m.ourVideo, s.Append(nil)))
}

// StatusSize is what SendStatus' packet takes on the wire in bytes (IPv4), with SRTCP's index and tag.
const StatusSize = 20 + 8 + reportHeader + 24 + 4 + 16

// Status returns what the other side last told of its sending; false before it has.
func (m *media) Status() (wire.Status, bool) {
	if s := m.status.Load(); s != nil {
		return *s, true
	}
	return wire.Status{}, false
}

func (m *media) writeControl(packets ...rtcp.Packet) error {
	select {
	case <-m.done:
		return m.err
	default:
	}
	return m.peer.WriteRTCP(packets)
}

// buffer gives pion what it writes a stream's decrypted packets to: ours, or one that nobody reads.
func (m *media) buffer(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
	if kind == packetio.RTCPBufferPacket {
		return control{m, ssrc}
	}
	if in := m.stream(ssrc); in != nil {
		return decrypted{m, in}
	}
	return discard{}
}

// decrypted takes in authentic packets of a stream, from one goroutine of pion's.
type decrypted struct {
	media *media
	in    *inbound
}

func (d decrypted) Write(b []byte) (int, error) {
	if len(b) < 4 || len(b) > maxDatagram {
		return len(b), nil
	}
	in := d.in
	in.packets.Add(1)
	sequence := binary.BigEndian.Uint16(b[2:])
	n, noted := in.notes.take(sequence)
	d.media.authentic(in, sequence, n, noted)
	if !noted {
		n.arrival = time.Now()
	}
	if !in.started || int16(sequence-in.newest) > 0 {
		in.newest, in.started = sequence, true
	}
	in.queue.put(b, n.arrival)
	return len(b), nil
}

func (decrypted) Read([]byte) (int, error) { return 0, io.EOF } // pion has no need to
func (decrypted) Close() error             { return nil }

// control takes in authentic RTCP packets that concern a stream, from one goroutine of pion's.
type control struct {
	media *media
	ssrc  uint32
}

func (c control) Write(b []byte) (int, error) {
	if len(b) < 4 || len(b) > maxDatagram {
		return len(b), nil
	}
	c.media.authentic(nil, 0, note{}, false)
	switch m := c.media; {
	case c.ssrc == m.ourVideo && c.ssrc != 0 && b[1] == byte(rtcp.TypeApplicationDefined):
		m.reports.put(b, time.Now())
	case b[1] == byte(rtcp.TypeSenderReport) && m.stream(c.ssrc) != nil:
		m.clocks.take(b, c.ssrc == m.video.ssrc)
	case b[1] == byte(rtcp.TypeApplicationDefined) && m.stream(c.ssrc) == &m.video:
		if carried, ok := parseApplication(statusName, b); ok {
			if status, err := wire.ParseStatus(carried); err == nil {
				m.status.Store(&status)
			}
		}
	}
	return len(b), nil
}

func (control) Read([]byte) (int, error) { return 0, io.EOF }
func (control) Close() error             { return nil }

type discard struct{}

func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) Read([]byte) (int, error)    { return 0, io.EOF }
func (discard) Close() error                { return nil }
