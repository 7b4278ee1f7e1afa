package rtc

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"salsify/transport/wire"
)

// terms is what the two sides agree on in their session descriptions.
type terms struct {
	ufrag       string // ICE's, of the side that wrote the description
	payloadType uint8  // of the video
	ssrc        uint32 // of the video; 0 in an answer
	extension   uint8  // ID of our header extension
}

var (
	errNotSDP      = errors.New("not a session description (RFC 8866)")
	errUnsupported = errors.New("standard WebRTC senders are not supported yet")
)

// readOffer finds what a sender offers. Errors wrap errNotSDP, or errUnsupported for a sender that is not Salsify's.
func readOffer(text string) (terms, error) {
	t, m, err := readDescription(text)
	if err != nil {
		return terms{}, err
	}
	if _, receives := m.Attribute("recvonly"); receives {
		return terms{}, fmt.Errorf("%w: the offer is to receive, not to send", errUnsupported)
	}
	for _, a := range m.Attributes {
		if a.Key != "ssrc" {
			continue
		}
		first, _, _ := strings.Cut(a.Value, " ")
		ssrc, err := strconv.ParseUint(first, 10, 32)
		switch {
		case err != nil || ssrc == 0:
			return terms{}, fmt.Errorf("%w: ssrc %.20q", errNotSDP, first)
		case t.ssrc == 0:
			t.ssrc = uint32(ssrc)
		case t.ssrc != uint32(ssrc):
			return terms{}, fmt.Errorf("%w: the offer has several SSRCs", errUnsupported)
		}
	}
	if t.ssrc == 0 {
		return terms{}, fmt.Errorf("%w: the offer does not give its SSRC", errUnsupported)
	}
	return t, nil
}

// readAnswer finds what the receiver agreed to. Errors are as for readOffer.
func readAnswer(text string) (terms, error) {
	t, _, err := readDescription(text)
	return t, err
}

func readDescription(text string) (t terms, m *sdp.MediaDescription, err error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return terms{}, nil, fmt.Errorf("%w: %w", errNotSDP, err)
	}
	if len(d.MediaDescriptions) == 0 {
		return terms{}, nil, fmt.Errorf("%w: no stream in it", errNotSDP)
	}
	if len(d.MediaDescriptions) != 1 || d.MediaDescriptions[0].MediaName.Media != "video" {
		return terms{}, nil, fmt.Errorf("%w: need exactly one stream, of video", errUnsupported)
	}
	m = d.MediaDescriptions[0]
	ufrag, ok := m.Attribute("ice-ufrag")
	if !ok {
		ufrag, ok = d.Attribute("ice-ufrag")
	}
	if !ok || ufrag == "" {
		return terms{}, nil, fmt.Errorf("%w: no ice-ufrag", errNotSDP)
	}
	t.ufrag = ufrag
	codec, err := d.GetCodecForPayloadType(videoType(m))
	if err != nil || !strings.EqualFold(codec.Name, "VP8") || codec.ClockRate != videoClockRate {
		return terms{}, nil, fmt.Errorf("%w: need VP8 as the only codec", errUnsupported)
	}
	t.payloadType = codec.PayloadType
	feedback := false
	for _, f := range codec.RTCPFeedback {
		feedback = feedback || f == feedbackType+" "+feedbackVersion
	}
	for _, a := range m.Attributes {
		if a.Key != "extmap" {
			continue
		}
		id, uri, _ := strings.Cut(a.Value, " ")
		id, _, _ = strings.Cut(id, "/") // the direction
		uri, _, _ = strings.Cut(uri, " ")
		if n, err := strconv.ParseUint(id, 10, 8); err == nil && n > 0 && uri == wire.FragmentURI {
			t.extension = uint8(n)
		}
	}
	if t.extension == 0 || !feedback {
		return terms{}, nil, fmt.Errorf("%w: need the header extension %s and the feedback %q", errUnsupported,
			wire.FragmentURI, feedbackType+" "+feedbackVersion)
	}
	return t, m, nil
}

// videoType returns the payload type of a stream that has only one, else one that no codec has.
func videoType(m *sdp.MediaDescription) uint8 {
	if len(m.MediaName.Formats) == 1 {
		if n, err := strconv.ParseUint(m.MediaName.Formats[0], 10, 7); err == nil {
			return uint8(n)
		}
	}
	return 255
}

// withCandidate returns the description with one candidate (RFC 8839, section 5.1) instead of those it had, or with none if
// address is not valid.
func withCandidate(text string, address netip.AddrPort) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("%w: %w", errNotSDP, err)
	}
	d.Attributes = withoutCandidates(d.Attributes)
	for _, m := range d.MediaDescriptions {
		m.Attributes = withoutCandidates(m.Attributes)
		if address.IsValid() {
			candidate := fmt.Sprintf("1 1 udp 2130706431 %s %d typ host", address.Addr().Unmap().WithZone(""), address.Port())
			m.WithValueAttribute("candidate", candidate).WithPropertyAttribute("end-of-candidates")
		}
	}
	b, err := d.Marshal()
	return string(b), err
}

func withoutCandidates(attributes []sdp.Attribute) []sdp.Attribute {
	kept := attributes[:0]
	for _, a := range attributes {
		if a.Key != "candidate" && a.Key != "end-of-candidates" && a.Key != "remote-candidates" {
			kept = append(kept, a)
		}
	}
	return kept
}
