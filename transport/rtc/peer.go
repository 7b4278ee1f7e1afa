package rtc

import (
	"io"
	"log/slog"
	"net"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/transport/v4/packetio"
	"github.com/pion/webrtc/v4"

	"salsify/transport/wire"
)

const (
	videoPayloadType = 96 // first of the dynamic ones; the offer's counts
	videoClockRate   = wire.VideoClock
	soundPayloadType = 111       // what browsers use
	feedbackType     = "salsify" // a=rtcp-fb:96 salsify 1
	feedbackVersion  = "1"

	handshakeTimeout = 10 * time.Second // from the answer until the media connection is up
	// retransmitAfter is when a flight of the DTLS handshake is sent again. WebRTC's own 1 s is a long time to look at nothing.
	retransmitAfter = 150 * time.Millisecond
	keepalive       = 2 * time.Second // between the sender's STUN requests, which keep NATs open
	// checksAtMost is how many STUN requests, 200 ms apart, are sent before pion gives up: more than handshakeTimeout has.
	checksAtMost = 100
	// replayWindow is how many packets late a packet may come: a quarter of a second at 12 Mbit/s takes 256.
	replayWindow = 1024
)

// bufferFactory gives pion what it writes the decrypted packets of a stream to.
type bufferFactory = func(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser

// newPeer makes a PeerConnection for a stream of video with our header extension and feedback, and one of sound, and nothing else:
// nothing is gathered, no interceptors, one SRTP profile, so that the size of a packet is known.
func newPeer(p *path, lite bool, logger *slog.Logger, buffers bufferFactory) (*webrtc.PeerConnection, error) {
	var media webrtc.MediaEngine
	codec := webrtc.RTPCodecParameters{RTPCodecCapability: videoCodec(), PayloadType: videoPayloadType}
	if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	codec = webrtc.RTPCodecParameters{RTPCodecCapability: soundCodec(), PayloadType: soundPayloadType}
	if err := media.RegisterCodec(codec, webrtc.RTPCodecTypeAudio); err != nil {
		return nil, err
	}
	extension := webrtc.RTPHeaderExtensionCapability{URI: wire.FragmentURI}
	if err := media.RegisterHeaderExtension(extension, webrtc.RTPCodecTypeVideo); err != nil {
		return nil, err
	}
	settings := webrtc.SettingEngine{LoggerFactory: newPionLog(logger), BufferFactory: buffers}
	settings.SetICEUDPMux(p)
	settings.SetLite(lite)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4}) // of path's two addresses
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetInterfaceFilter(func(string) bool { return false })
	settings.SetIPFilter(func(net.IP) bool { return false })
	settings.SetICETimeouts(0, 0, keepalive) // never disconnected, never failed: when a session ends is decided here
	settings.SetICEMaxBindingRequests(checksAtMost)
	settings.SetDTLSRetransmissionInterval(retransmitAfter)
	settings.SetDTLSInsecureSkipHelloVerify(true) // ICE has shown that the address is no forgery; that saves a round trip
	settings.SetSRTPProtectionProfiles(dtls.SRTP_AEAD_AES_128_GCM)
	settings.SetSRTPReplayProtectionWindow(replayWindow)
	settings.SetSRTCPReplayProtectionWindow(replayWindow)
	settings.SetReceiveMTU(maxDatagram)
	settings.SetFireOnTrackBeforeFirstRTP(true)
	api := webrtc.NewAPI(webrtc.WithMediaEngine(&media), webrtc.WithSettingEngine(settings),
		webrtc.WithInterceptorRegistry(&interceptor.Registry{}))
	return api.NewPeerConnection(webrtc.Configuration{})
}

func videoCodec() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType:     webrtc.MimeTypeVP8,
		ClockRate:    videoClockRate,
		RTCPFeedback: []webrtc.RTCPFeedback{{Type: feedbackType, Parameter: feedbackVersion}},
	}
}

// soundCodec is RFC 7587's, which always says two channels.
func soundCodec() webrtc.RTPCodecCapability {
	return webrtc.RTPCodecCapability{
		MimeType: webrtc.MimeTypeOpus, ClockRate: wire.SoundClock, Channels: 2, SDPFmtpLine: "minptime=10;useinbandfec=1",
	}
}
