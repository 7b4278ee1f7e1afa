package rtc

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"

	"salsify/transport/wire"
)

const testExtension = 5

// rtpBytes is a packet as it is before encryption.
func rtpBytes(t testing.TB, p *wire.Packet) []byte {
	t.Helper()
	r := rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: videoPayloadType, SequenceNumber: p.Sequence, Timestamp: p.Timestamp,
		Marker: p.Marker, SSRC: 77}, Payload: p.Payload}
	if err := r.SetExtensionWithProfile(testExtension, p.Fragment.Append(nil), rtp.ExtensionProfileTwoByte); err != nil {
		t.Fatal(err)
	}
	b, err := r.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParsePacket(t *testing.T) {
	good := rtpBytes(t, packet(9, 20))
	changed := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	one := rtp.Header{Version: 2, PayloadType: videoPayloadType}
	_ = one.SetExtensionWithProfile(testExtension, make([]byte, 16), rtp.ExtensionProfileOneByte)
	oneByte, _ := one.Marshal()
	for _, c := range []struct {
		name string
		b    []byte
		ok   bool
	}{
		{"good", good, true},
		{"empty payload", rtpBytes(t, packet(9, 0)), true},
		{"padded", changed(func(b []byte) []byte { b[0] |= 0x20; return append(b, 0, 0, 3) }), true},
		{"too much padding", changed(func(b []byte) []byte { b[0] |= 0x20; return append(b, 0, 0, 255) }), false},
		{"no extension", changed(func(b []byte) []byte { b[0] &^= 0x10; return b }), false},
		{"other payload type", changed(func(b []byte) []byte { b[1]++; return b }), false},
		{"other version", changed(func(b []byte) []byte { b[0] &^= 0xc0; return b }), false},
		{"other extension", changed(func(b []byte) []byte { b[16]++; return b }), false},
		{"extension beyond the end", changed(func(b []byte) []byte { b[15] = 200; return b }), false},
		{"element beyond the end", changed(func(b []byte) []byte { b[17] = 200; return b }), false},
		{"other profile", changed(func(b []byte) []byte { b[12] = 7; return b }), false},
		{"one-byte form", oneByte, false},
		{"empty", nil, false},
		{"cut", good[:30], false},
	} {
		r := parser{payloadType: videoPayloadType, extension: testExtension}
		var p wire.Packet
		if err := r.parse(c.b, &p); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestParsingAllocatesNothing(t *testing.T) {
	b := rtpBytes(t, packet(9, 1000))
	r := parser{payloadType: videoPayloadType, extension: testExtension}
	var p wire.Packet
	if n := testing.AllocsPerRun(100, func() { _ = r.parse(b, &p) }); n > 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzParsePacket(f *testing.F) {
	f.Add(rtpBytes(f, packet(9, 20)))
	r := parser{payloadType: videoPayloadType, extension: testExtension}
	f.Fuzz(func(t *testing.T, b []byte) {
		var p wire.Packet
		if r.parse(b, &p) != nil {
			return
		}
		if len(p.Payload) > len(b) {
			t.Fatalf("%+v", p)
		}
		var again wire.Packet
		if err := r.parse(rtpBytes(t, &p), &again); err != nil || again.Fragment != p.Fragment || !bytes.Equal(again.Payload, p.Payload) {
			t.Fatalf("%+v is %+v, %v", p, again, err)
		}
	})
}

func FuzzParseReport(f *testing.F) {
	p, _ := reportPacket(7, []byte("a report"))
	b, _ := p.Marshal()
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		if report, ok := parseReport(b); ok && len(report) > len(b)-reportHeader-reportLength {
			t.Fatal(len(report))
		}
	})
}

// stunRequest is a binding request for an agent.
func stunRequest(username string) []byte {
	b := []byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}
	b = append(b, 0x80, 0x29, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8) // ICE-CONTROLLED goes before
	b = append(b, 0, 6, 0, byte(len(username)))
	b = append(b, username...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)-stunHeaderSize))
	return b
}

func TestClassify(t *testing.T) {
	success := stunRequest("a:b")
	binary.BigEndian.PutUint16(success, stunBindingSuccess)
	long := append(stunRequest("a:b"), 0)
	for _, c := range []struct {
		name string
		b    []byte
		want kind
	}{
		{"empty", nil, kindOther},
		{"request", stunRequest("there:here"), kindSTUNRequest},
		{"response", success, kindSTUNResponse},
		{"STUN with a tail", long, kindOther},
		{"DTLS", []byte{22}, kindDTLS},
		{"TURN channel", bytes.Repeat([]byte{64}, 30), kindOther},
		{"RTP", bytes.Repeat([]byte{128}, 12), kindSRTP},
		{"short RTP", bytes.Repeat([]byte{128}, 11), kindOther},
		{"RTCP", append([]byte{128, 204}, make([]byte, 10)...), kindSRTCP},
		{"high", bytes.Repeat([]byte{255}, 30), kindOther},
	} {
		if got := classify(c.b).kind; got != c.want {
			t.Errorf("%s: %v, not %v", c.name, got, c.want)
		}
	}
	if d := classify(stunRequest("there:here")); string(d.ufrag) != "there" || d.transaction[11] != 12 {
		t.Errorf("%q %v", d.ufrag, d.transaction)
	}
	b := stunRequest("there:here")
	if n := testing.AllocsPerRun(100, func() { classify(b) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestHarmlessDTLS(t *testing.T) {
	record := func(kind byte, epoch byte, content ...byte) []byte {
		return append([]byte{kind, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1, 0, byte(len(content))}, content...)
	}
	handshake := record(dtlsHandshake, 0, 1, 2, 3)
	for _, c := range []struct {
		name          string
		b             []byte
		before, after bool // the handshake is done
	}{
		{"handshake", handshake, true, false},
		{"change of cipher", record(dtlsChangeCipherSpec, 0, 1), true, false},
		{"two records", slices.Concat(handshake, record(dtlsHandshake, 1, 9, 9)), true, false},
		{"encrypted", record(dtlsHandshake, 1, 9, 9), true, true},
		{"encrypted alert", record(21, 1, 9, 9), true, true},
		{"plain alert", record(21, 0, 1, 0), false, false},
		{"alert behind a handshake", slices.Concat(handshake, record(21, 0, 1, 0)), false, false},
		{"plain data", record(dtlsApplicationData, 0, 1), false, false},
		{"bad change of cipher", record(dtlsChangeCipherSpec, 0, 2), false, false},
		{"change of cipher, encrypted", record(dtlsChangeCipherSpec, 1, 1), false, false},
		{"another epoch", record(dtlsHandshake, 2, 1), false, false},
		{"another content", record(25, 1, 1), false, false},
		{"nothing inside", record(dtlsHandshake, 0), false, false},
		{"cut", handshake[:len(handshake)-1], false, false},
		{"header only", handshake[:5], false, false},
	} {
		if before, after := harmlessDTLS(c.b, false), harmlessDTLS(c.b, true); before != c.before || after != c.after {
			t.Errorf("%s: %v and %v, not %v and %v", c.name, before, after, c.before, c.after)
		}
	}
}

func FuzzClassify(f *testing.F) {
	f.Add(stunRequest("there:here"))
	f.Add([]byte{22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1})
	f.Add(bytes.Repeat([]byte{128}, 40))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := classify(b)
		if len(d.ufrag) > len(b) {
			t.Fatal(len(d.ufrag))
		}
		if harmlessDTLS(b, true) && !harmlessDTLS(b, false) {
			t.Fatal("harmless only after the handshake")
		}
	})
}

func TestNotes(t *testing.T) {
	at := func(address string) route { return route{remote: netip.MustParseAddrPort(address)} }
	here, there, elsewhere := at("192.0.2.1:1"), at("192.0.2.2:1"), at("192.0.2.3:1")
	now := time.Now()
	for _, c := range []struct {
		name      string
		put       []route // a millisecond apart, all with one sequence number
		want      route
		contested bool
		arrival   time.Duration
	}{
		{"one", []route{here}, here, false, 0},
		{"one, moved", []route{there}, there, false, 0},
		{"twice, moved", []route{there, there}, there, false, time.Millisecond},
		{"a forgery before it", []route{there, here}, here, false, time.Millisecond},
		{"a replay after it", []route{here, there}, here, false, 0},
		{"a forgery before it, moved", []route{elsewhere, there}, there, true, time.Millisecond},
		{"forgeries all around, moved", []route{elsewhere, there, elsewhere, there}, there, true, 3 * time.Millisecond},
	} {
		var n notes
		for i, from := range c.put {
			n.put(40000, from, now.Add(time.Duration(i)*time.Millisecond), here)
		}
		got, ok := n.take(40000)
		if !ok || got.from != c.want || got.contested != c.contested || got.arrival.Sub(now) != c.arrival {
			t.Errorf("%s: %+v, %v", c.name, got, ok)
		}
		if _, ok := n.take(40000); ok {
			t.Errorf("%s: taken twice", c.name)
		}
		if _, ok := n.take(40000 - noteSlots); ok {
			t.Errorf("%s: taken by another number", c.name)
		}
	}
	var n notes // a leftover of a packet that was never decrypted, before the numbers wrapped
	n.put(1, here, now, here)
	n.put(1, there, now.Add(2*noteLife), here)
	if got, _ := n.take(1); got.from != there || got.contested {
		t.Errorf("%+v", got)
	}
}
