package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/interceptor/pkg/nack"
	"github.com/pion/logging"
	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
)

const (
	videoPayloadType = 96  // first of the dynamic ones; the offer's counts
	soundPayloadType = 111 // likewise
	soundClockRate   = 48000

	// playoutDelayURI asks a browser to show a picture as soon as it is there: the limits of the delay that it may add follow.
	playoutDelayURI = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

	// maxPayload is the longest piece of a frame in a packet, so that it fits any network with all headers.
	maxPayload = 1100
	// After burst packets there is a pause, so that a key frame does not run over the socket buffer of a browser or an access point's queue:
	// 210 Mbit/s.
	burst      = 24
	burstPause = time.Millisecond
	// resendable is how many packets are kept to be sent again. A power of two.
	resendable = 1024

	connectTimeout = 15 * time.Second // from the answer until the connection is up
	silentTimeout  = 5 * time.Second  // browsers say something every 2 or 3 s
	goneTimeout    = 10 * time.Second // after that
)

var errCodec = errors.New("the offer must have VP8 video to be received")

// viewer is a browser that looks.
type viewer struct {
	server *Server
	name   string
	peer   *webrtc.PeerConnection
	video  *webrtc.TrackLocalStaticRTP
	audio  *webrtc.TrackLocalStaticRTP
	delay  uint8 // ID of the header extension; 0: the browser does not have it
	ending sync.Once

	connected bool // under the server's lock

	// The worker's:
	started  bool // a key frame was sent
	packet   rtp.Packet
	payload  []byte
	sequence uint16

	// passSound's:
	heard         rtp.Packet
	soundSequence uint16
}

// admit takes in a viewer, who reached us at an address, and returns its name and the answer.
func (s *Server) admit(offer string, address netip.Addr) (name, answer string, err error) {
	v := &viewer{server: s, name: rand.Text(), payload: make([]byte, 0, maxPayload+1)}
	s.lock.Lock()
	full := len(s.viewers) >= maxViewers
	if !full {
		s.viewers[v.name] = v // its place is taken
	}
	s.lock.Unlock()
	if full {
		return "", "", errFull
	}
	if answer, err = v.begin(offer, address); err == nil {
		select {
		case <-s.closed:
			err = net.ErrClosed
		default:
			return v.name, answer, nil
		}
	}
	v.end()
	if v.peer != nil {
		v.peer.Close() // Close may have ended the viewer before it had a peer
	}
	return "", "", err
}

// begin makes the connection's end and returns the answer to the offer.
func (v *viewer) begin(offer string, address netip.Addr) (answer string, err error) {
	api, err := newAPI(v.server.media, address)
	if err != nil {
		return "", err
	}
	peer, err := api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return "", err
	}
	v.server.lock.Lock()
	v.peer = peer
	v.server.lock.Unlock()
	// Picture and sound are of two streams, so that the browser does not hold the picture back until the sound is there.
	if v.video, err = webrtc.NewTrackLocalStaticRTP(videoCodec(), "picture", "picture"); err != nil {
		return "", err
	}
	if v.audio, err = webrtc.NewTrackLocalStaticRTP(soundCodec(), "sound", "sound"); err != nil {
		return "", err
	}
	if err := v.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", fmt.Errorf("the offer is of no use: %w", err)
	}
	pictures, err := v.addTracks()
	if err != nil {
		return "", err
	}
	v.peer.OnConnectionStateChange(v.changed)
	local, err := v.peer.CreateAnswer(nil)
	if errors.Is(err, webrtc.ErrSenderWithNoCodecs) {
		return "", errCodec
	}
	if err != nil {
		return "", fmt.Errorf("the offer is of no use: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(v.peer)
	if err := v.peer.SetLocalDescription(local); err != nil {
		return "", fmt.Errorf("the offer is of no use: %w", err)
	}
	<-gathered // at once: there is nothing to ask anybody
	for _, extension := range pictures.GetParameters().HeaderExtensions {
		if extension.URI == playoutDelayURI {
			v.delay = uint8(extension.ID)
		}
	}
	go v.feedback(pictures)
	time.AfterFunc(connectTimeout, func() {
		v.server.lock.Lock()
		connected := v.connected
		v.server.lock.Unlock()
		if !connected {
			v.end()
		}
	})
	return v.peer.LocalDescription().SDP, nil
}

// addTracks gives a track to each stream that the offer wants to receive.
func (v *viewer) addTracks() (pictures *webrtc.RTPSender, err error) {
	for _, t := range v.peer.GetTransceivers() {
		switch {
		case t.Kind() == webrtc.RTPCodecTypeVideo && pictures == nil:
			if pictures, err = v.peer.AddTrack(v.video); err != nil {
				return nil, fmt.Errorf("%w: %w", errCodec, err)
			}
		case t.Kind() == webrtc.RTPCodecTypeAudio:
			if sounds, err := v.peer.AddTrack(v.audio); err == nil { // without, there is just no sound
				go discard(sounds)
			}
		}
	}
	if pictures == nil {
		return nil, errCodec
	}
	return pictures, nil
}

// newAPI is for a viewer who reached us at an address.
func newAPI(m *media, address netip.Addr) (*webrtc.API, error) {
	var engine webrtc.MediaEngine
	for kind, codec := range map[webrtc.RTPCodecType]webrtc.RTPCodecParameters{
		webrtc.RTPCodecTypeVideo: {RTPCodecCapability: videoCodec(), PayloadType: videoPayloadType},
		webrtc.RTPCodecTypeAudio: {RTPCodecCapability: soundCodec(), PayloadType: soundPayloadType},
	} {
		if err := engine.RegisterCodec(codec, kind); err != nil {
			return nil, err
		}
	}
	extension := webrtc.RTPHeaderExtensionCapability{URI: playoutDelayURI}
	if err := engine.RegisterHeaderExtension(extension, webrtc.RTPCodecTypeVideo, webrtc.RTPTransceiverDirectionSendonly); err != nil {
		return nil, err
	}
	var interceptors interceptor.Registry
	resend, err := nack.NewResponderInterceptor(nack.ResponderSize(resendable), nack.ResponderLog(quiet{}.NewLogger("nack")))
	if err != nil {
		return nil, err
	}
	interceptors.Add(resend)
	settings := webrtc.SettingEngine{LoggerFactory: quiet{}}
	settings.SetICEUDPMux(m.of(address))
	settings.SetLite(true) // the browser begins
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICETimeouts(silentTimeout, goneTimeout, time.Second)
	return webrtc.NewAPI(webrtc.WithMediaEngine(&engine), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptors)), nil
}

func videoCodec() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeVP8, ClockRate: videoClockRate,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}},
	}
}

func soundCodec() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: soundClockRate, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}
}

// changed is told how the connection is.
func (v *viewer) changed(state webrtc.PeerConnectionState) {
	switch state {
	case webrtc.PeerConnectionStateConnected:
		v.server.lock.Lock()
		first := !v.connected
		v.connected = true
		v.server.lock.Unlock()
		if first {
			v.server.wantKey()
		}
	case webrtc.PeerConnectionStateFailed, webrtc.PeerConnectionStateClosed:
		v.end()
	}
}

// feedback reads what the browser says about the pictures, until the connection ends. The interceptor sends packets again by itself.
func (v *viewer) feedback(sender *webrtc.RTPSender) {
	for {
		packets, _, err := sender.ReadRTCP()
		if err != nil {
			return
		}
		for _, p := range packets {
			switch p.(type) {
			case *rtcp.PictureLossIndication, *rtcp.FullIntraRequest:
				v.server.wantKey()
			}
		}
	}
}

// discard reads what nobody wants to know, as pion asks for.
func discard(sender *webrtc.RTPSender) {
	for {
		if _, _, err := sender.ReadRTCP(); err != nil {
			return
		}
	}
}

// see sends a frame in packets (RFC 7741). A new viewer begins with a key frame.
func (v *viewer) see(frame coded, timestamp uint32) {
	if v.started = v.started || frame.key; !v.started {
		return
	}
	const start = 0x10 // S of the payload descriptor: here a frame begins
	descriptor := byte(start)
	for rest, sent := frame.data, 0; len(rest) > 0; sent++ {
		if sent > 0 && sent%burst == 0 {
			time.Sleep(burstPause)
		}
		n := min(len(rest), maxPayload)
		v.payload = append(append(v.payload[:0], descriptor), rest[:n]...)
		rest, descriptor = rest[n:], 0
		v.packet = rtp.Packet{
			Header: rtp.Header{
				Version: 2, Marker: len(rest) == 0, SequenceNumber: v.sequence, Timestamp: timestamp, Extensions: v.packet.Extensions[:0],
			},
			Payload: v.payload,
		}
		if v.delay != 0 {
			v.packet.Header.SetExtension(v.delay, noDelay[:]) // fits by its length
		}
		v.sequence++
		v.video.WriteRTP(&v.packet) // a connection that has broken is noticed by its state
	}
}

// noDelay is the playout delay's limits: 0 and 0.
var noDelay [3]byte

// hear sends a packet of sound (RFC 7587).
func (v *viewer) hear(p *sound) {
	v.heard = rtp.Packet{Header: rtp.Header{Version: 2, SequenceNumber: v.soundSequence, Timestamp: p.timestamp}, Payload: p.payload}
	v.soundSequence++
	v.audio.WriteRTP(&v.heard)
}

// end ends the connection.
func (v *viewer) end() {
	v.ending.Do(func() {
		v.server.lock.Lock()
		delete(v.server.viewers, v.name)
		v.connected = false
		peer := v.peer
		v.server.lock.Unlock()
		v.server.nudge()
		if peer != nil {
			peer.Close() // what could fail is sending a goodbye
		}
	})
}

// quiet drops what pion logs: what matters of it shows in the connection's state.
type quiet struct{}

func (quiet) NewLogger(string) logging.LeveledLogger { return quiet{} }

func (quiet) Trace(string)          {}
func (quiet) Tracef(string, ...any) {}
func (quiet) Debug(string)          {}
func (quiet) Debugf(string, ...any) {}
func (quiet) Info(string)           {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warn(string)           {}
func (quiet) Warnf(string, ...any)  {}
func (quiet) Error(string)          {}
func (quiet) Errorf(string, ...any) {}
