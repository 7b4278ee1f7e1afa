package rtc

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"salsify/transport/wire"
)

var errMalformed = errors.New("not a packet of Salsify's video")

// parser turns decrypted RTP packets into wire.Packets. It keeps the header between calls so that nothing is allocated.
type parser struct {
	payloadType uint8
	extension   uint8 // ID of our header extension
	rtp         rtp.Packet
}

// parse reads b into p. p.Payload is a part of b. Errors wrap errMalformed.
func (r *parser) parse(b []byte, p *wire.Packet) error {
	if err := r.rtp.Unmarshal(b); err != nil {
		return errMalformed
	}
	h := &r.rtp.Header
	if h.Version != 2 || h.PayloadType != r.payloadType || !h.Extension {
		return errMalformed
	}
	if h.ExtensionProfile != rtp.ExtensionProfileOneByte && h.ExtensionProfile != rtp.ExtensionProfileTwoByte {
		return errMalformed
	}
	fragment, err := wire.ParseFragment(h.GetExtension(r.extension))
	if err != nil {
		return errMalformed
	}
	*p = wire.Packet{
		Sequence: h.SequenceNumber, Timestamp: h.Timestamp, Marker: h.Marker, Fragment: fragment, Payload: r.rtp.Payload,
	}
	return nil
}

// parseSound reads b into p, as parse does.
func (r *parser) parseSound(b []byte, p *wire.Sound) error {
	if err := r.rtp.Unmarshal(b); err != nil {
		return errMalformed
	}
	h := &r.rtp.Header
	if h.Version != 2 || h.PayloadType != r.payloadType || len(r.rtp.Payload) == 0 {
		return errMalformed
	}
	*p = wire.Sound{Sequence: h.SequenceNumber, Timestamp: h.Timestamp, Marker: h.Marker, Payload: r.rtp.Payload}
	return nil
}

// Our RTCP packets (RFC 3550, section 6.7): application-defined packets with the version as their subtype. Their data are the length
// of what they carry in two bytes, that, and zeros up to a multiple of 4 bytes.
const (
	reportName      = "SLSF"
	statusName      = "SLSS"
	reportHeader    = 8 + 4 // RTCP header with the SSRC, name
	reportLength    = 2
	maxReportPacket = reportHeader + reportLength + MaxReport + 2
)

// MaxReport is the longest report in bytes, so that its datagram is no longer than wire.MaxDatagram.
const MaxReport = 1100

// reportPacket makes a report into an RTCP packet. The SSRC is that of the media: by it pion finds the stream whose sender reads
// the packet.
func reportPacket(ssrc uint32, report []byte) (*rtcp.ApplicationDefined, error) {
	if len(report) > MaxReport {
		return nil, fmt.Errorf("a report of %d bytes is longer than %d", len(report), MaxReport)
	}
	return applicationPacket(reportName, ssrc, report), nil
}

func applicationPacket(name string, ssrc uint32, report []byte) *rtcp.ApplicationDefined {
	data := make([]byte, (reportLength+len(report)+3)&^3)
	binary.BigEndian.PutUint16(data, uint16(len(report)))
	copy(data[reportLength:], report)
	return &rtcp.ApplicationDefined{SubType: wire.Version, SSRC: ssrc, Name: name, Data: data}
}

// parseReport returns the report in an RTCP packet, as a part of b; ok is false if it is another packet.
func parseReport(b []byte) (report []byte, ok bool) { return parseApplication(reportName, b) }

func parseApplication(name string, b []byte) (carried []byte, ok bool) {
	var p rtcp.ApplicationDefined
	if err := p.Unmarshal(b); err != nil || b[1] != byte(rtcp.TypeApplicationDefined) {
		return nil, false
	}
	if p.SubType != wire.Version || p.Name != name || len(p.Data) < reportLength {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(p.Data))
	if length > len(p.Data)-reportLength {
		return nil, false
	}
	return p.Data[reportLength : reportLength+length], true
}
