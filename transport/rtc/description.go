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

// terms is what the two sides agree on in their session descriptions. SSRCs are of the side that wrote the description, 0 where
// it sends nothing.
type terms struct {
	ufrag       string // ICE's
	payloadType uint8  // of the video
	ssrc        uint32
	extension   uint8 // ID of our header extension
	soundType   uint8 // payload type of the sound; 0 where there is none
	soundSSRC   uint32
}

var (
	errNotSDP      = errors.New("not a session description (RFC 8866)")
	errUnsupported = errors.New("standard WebRTC senders are not supported yet")
)

// readOffer finds what a sender offers. Errors wrap errNotSDP, or errUnsupported for a sender that is not Salsify's.
func readOffer(text string) (terms, error) {
	t, err := readDescription(text)
	if err == nil && t.ssrc == 0 {
		err = fmt.Errorf("%w: the offer does not give the SSRC of its video", errUnsupported)
	}
	return t, err
}

// readAnswer finds what the receiver agreed to. Errors are as for readOffer.
func readAnswer(text string) (terms, error) { return readDescription(text) }

// readDescription finds a stream of video, and after it one of sound or none.
func readDescription(text string) (t terms, err error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return terms{}, fmt.Errorf("%w: %w", errNotSDP, err)
	}
	streams := d.MediaDescriptions
	if len(streams) == 0 {
		return terms{}, fmt.Errorf("%w: no stream in it", errNotSDP)
	}
	if len(streams) > 2 || streams[0].MediaName.Media != "video" || len(streams) == 2 && streams[1].MediaName.Media != "audio" {
		return terms{}, fmt.Errorf("%w: need a stream of video, and after it one of sound or none", errUnsupported)
	}
	ufrag, ok := streams[0].Attribute("ice-ufrag")
	if !ok {
		ufrag, ok = d.Attribute("ice-ufrag")
	}
	if !ok || ufrag == "" {
		return terms{}, fmt.Errorf("%w: no ice-ufrag", errNotSDP)
	}
	t.ufrag = ufrag
	if err := t.readVideo(&d, streams[0]); err != nil {
		return terms{}, err
	}
	if len(streams) == 2 {
		if err := t.readSound(&d, streams[1]); err != nil {
			return terms{}, err
		}
	}
	return t, nil
}

func (t *terms) readVideo(d *sdp.SessionDescription, m *sdp.MediaDescription) (err error) {
	codec, err := d.GetCodecForPayloadType(onlyType(m))
	if err != nil || !strings.EqualFold(codec.Name, "VP8") || codec.ClockRate != videoClockRate {
		return fmt.Errorf("%w: need VP8 as the only codec of the video", errUnsupported)
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
		return fmt.Errorf("%w: need the header extension %s and the feedback %q", errUnsupported,
			wire.FragmentURI, feedbackType+" "+feedbackVersion)
	}
	t.ssrc, err = readSSRC(m)
	return err
}

func (t *terms) readSound(d *sdp.SessionDescription, m *sdp.MediaDescription) (err error) {
	if _, inactive := m.Attribute(inactive); inactive || m.MediaName.Port.Value == 0 { // refused
		return nil
	}
	codec, err := d.GetCodecForPayloadType(onlyType(m))
	if err != nil || !strings.EqualFold(codec.Name, "opus") || codec.ClockRate != wire.SoundClock {
		return fmt.Errorf("%w: need Opus as the only codec of the sound", errUnsupported)
	}
	t.soundType = codec.PayloadType
	if t.soundSSRC, err = readSSRC(m); err == nil && t.soundSSRC != 0 && t.soundSSRC == t.ssrc {
		err = fmt.Errorf("%w: video and sound have the same SSRC", errNotSDP)
	}
	return err
}

// readSSRC returns the SSRC of a stream, 0 if it sends nothing.
func readSSRC(m *sdp.MediaDescription) (uint32, error) {
	if _, receives := m.Attribute("recvonly"); receives {
		return 0, nil
	}
	var found uint32
	for _, a := range m.Attributes {
		if a.Key != "ssrc" {
			continue
		}
		first, _, _ := strings.Cut(a.Value, " ")
		ssrc, err := strconv.ParseUint(first, 10, 32)
		switch {
		case err != nil || ssrc == 0:
			return 0, fmt.Errorf("%w: ssrc %.20q", errNotSDP, first)
		case found == 0:
			found = uint32(ssrc)
		case found != uint32(ssrc):
			return 0, fmt.Errorf("%w: a stream has several SSRCs", errUnsupported)
		}
	}
	return found, nil
}

// onlyType returns the payload type of a stream that has only one, else one that no codec has.
func onlyType(m *sdp.MediaDescription) uint8 {
	if len(m.MediaName.Formats) == 1 {
		if n, err := strconv.ParseUint(m.MediaName.Formats[0], 10, 7); err == nil {
			return uint8(n)
		}
	}
	return 255
}

// inactive is the direction of a stream that nobody sends (RFC 8866, section 6.7.4).
const inactive = "inactive"

// withoutSound returns the answer with its sound refused. To leave the codec out would do too, but pion takes no such answer.
func withoutSound(text string) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("%w: %w", errNotSDP, err)
	}
	for _, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" {
			continue
		}
		for i, a := range m.Attributes {
			if a.Key == "sendrecv" || a.Key == "recvonly" || a.Key == "sendonly" {
				m.Attributes[i].Key = inactive
			}
		}
	}
	b, err := d.Marshal()
	return string(b), err
}

// withCandidate returns the description with one candidate (RFC 8839, section 5.1) instead of those it had, or with none if
// address is not valid. The first stream has it, with which the others are bundled (RFC 8843).
func withCandidate(text string, address netip.AddrPort) (string, error) {
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return "", fmt.Errorf("%w: %w", errNotSDP, err)
	}
	d.Attributes = withoutCandidates(d.Attributes)
	for i, m := range d.MediaDescriptions {
		m.Attributes = withoutCandidates(m.Attributes)
		if i == 0 && address.IsValid() {
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
