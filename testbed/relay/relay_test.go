package relay_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"salsify/testbed/link"
	"salsify/testbed/relay"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
)

const (
	ms = time.Millisecond
	// patience is how long a test waits for what must come, and silence how long for what must not.
	patience = 5 * time.Second
	silence  = 100 * ms
)

// echo answers each UDP packet with the sender's port as the server sees it, a space and the packet. It returns its address.
func echo(t *testing.T) string {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		buffer := make([]byte, 65536)
		for {
			n, from, err := server.ReadFrom(buffer)
			if err != nil {
				return
			}
			answer := fmt.Appendf(nil, "%d %s", from.(*net.UDPAddr).Port, buffer[:n])
			if _, err := server.WriteTo(answer, from); err != nil {
				return
			}
		}
	}()
	return server.LocalAddr().String()
}

func start(t *testing.T, target string, config relay.Config) *relay.Relay {
	t.Helper()
	r, err := relay.Listen("127.0.0.1:0", target, config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func dial(t *testing.T, network string, r *relay.Relay) net.Conn {
	t.Helper()
	connection, err := net.Dial(network, r.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return connection
}

func send(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

// receive returns the next packet, or "" if none comes in time.
func receive(t *testing.T, c net.Conn, within time.Duration) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 65536)
	n, err := c.Read(buffer)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

// ask sends a packet and returns the port from which the server got it. The echo must be of that packet.
func ask(t *testing.T, c net.Conn, text string) (port string) {
	t.Helper()
	send(t, c, text)
	port, got, _ := strings.Cut(receive(t, c, patience), " ")
	if got != text {
		t.Fatalf("%q came back as %q", text, got)
	}
	return port
}

func TestDelay(t *testing.T) {
	r := start(t, echo(t), relay.Config{Up: link.Config{Delay: 20 * ms}, Down: link.Config{Delay: 30 * ms}})
	c := dial(t, "udp", r)
	var took []time.Duration
	for i := range 15 {
		began := time.Now()
		ask(t, c, fmt.Sprint("packet ", i))
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	if took[0] < 50*ms || took[len(took)/2] > 60*ms {
		t.Errorf("round trips took from %v to %v, median %v; want 50ms and a little", took[0], took[len(took)-1], took[len(took)/2])
	}
	s := r.Stats()
	if s.Up.Delivered != s.Up.Sent || s.Up.Sent.Packets != 15 || s.Down.Delivered.Packets != 15 || s.Clients != 1 {
		t.Errorf("stats %+v, want 15 packets both ways of one client", s)
	}
	if want := int64(15*(len("packet 0")+relay.HeaderBytes) + 5); s.Up.Sent.Bytes != want {
		t.Errorf("%d bytes were counted in the uplink, want %d", s.Up.Sent.Bytes, want)
	}
	if s.LatenessMax == 0 || s.LatenessP50 > s.LatenessP99 || s.LatenessP99 > s.LatenessMax {
		t.Errorf("lateness p50 %v, p99 %v, max %v", s.LatenessP50, s.LatenessP99, s.LatenessMax)
	}
}

func TestRate(t *testing.T) {
	const rate = 2 * bitrate.MbitPerSecond
	tr, err := trace.Constant(rate, 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	target, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	r := start(t, target.LocalAddr().String(), relay.Config{Up: link.Config{Trace: tr}})
	c := dial(t, "udp", r)
	const packets, size = 101, 1200
	for range packets {
		send(t, c, strings.Repeat("x", size))
	}
	if err := target.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	var first, last time.Time
	buffer := make([]byte, 2000)
	for i := range packets {
		if _, _, err := target.ReadFrom(buffer); err != nil {
			t.Fatalf("after %d of %d packets: %v; %+v", i, packets, err, r.Stats())
		}
		last = time.Now()
		if i == 0 {
			first = last
		}
	}
	got := bitrate.Of((packets-1)*(size+relay.HeaderBytes+link.TUNHeaderBytes), last.Sub(first))
	if got < rate.Scale(0.96) || got > rate.Scale(1.04) {
		t.Errorf("100 packets passed at %v, want %v", got, rate)
	}
	if s := r.Stats(); s.Up.OfferedBytes < s.Up.Departed.Cost() || s.Up.QueuedPackets != 0 {
		t.Errorf("%+v", s)
	}
}

func TestClientsAreKeptApart(t *testing.T) {
	r := start(t, echo(t), relay.Config{})
	a, b := dial(t, "udp", r), dial(t, "udp", r)
	portA, portB := ask(t, a, "from a"), ask(t, b, "from b")
	if portA == portB {
		t.Error("the server sees two clients as one")
	}
	if again := ask(t, a, "from a again"); again != portA {
		t.Errorf("a client's port changed from %s to %s", portA, again)
	}
}

func TestClientsAreBounded(t *testing.T) {
	r := start(t, echo(t), relay.Config{})
	for range relay.MaxClients {
		ask(t, dial(t, "udp", r), "hello")
	}
	refused := dial(t, "udp", r)
	send(t, refused, "hello")
	if got := receive(t, refused, silence); got != "" {
		t.Errorf("client %d got %q", relay.MaxClients+1, got)
	}
	if s := r.Stats(); s.Clients != relay.MaxClients || s.RefusedPackets != 1 {
		t.Errorf("%d clients, %d packets refused", s.Clients, s.RefusedPackets)
	}
}

func TestRebind(t *testing.T) {
	r := start(t, echo(t), relay.Config{Up: link.Config{Delay: 50 * ms}})
	c := dial(t, "udp", r)
	before := ask(t, c, "before")
	send(t, c, "on its way") // comes out by the new socket, if the relay has it before it is rebound
	for r.Stats().Up.Sent.Packets < 2 {
		time.Sleep(ms)
	}
	if err := r.Rebind(); err != nil {
		t.Fatal(err)
	}
	after, _, _ := strings.Cut(receive(t, c, patience), " ")
	if after == before || after == "" {
		t.Errorf("the server sees port %q after rebinding, %q before", after, before)
	}
	if again := ask(t, c, "again"); again != after {
		t.Errorf("the port changed from %s to %s without rebinding", after, again)
	}
}

func TestCut(t *testing.T) {
	r := start(t, echo(t), relay.Config{Up: link.Config{Delay: 30 * ms}})
	c := dial(t, "udp", r)
	ask(t, c, "before")
	send(t, c, "on its way")
	for r.Stats().Up.Sent.Packets < 2 {
		time.Sleep(ms)
	}
	r.Cut(true)
	send(t, c, "into the gap")
	if got := receive(t, c, silence); got != "" {
		t.Errorf("%q passed a cut wire", got)
	}
	if got := r.Stats().CutPackets; got != 2 {
		t.Errorf("%d packets were dropped, want 2", got)
	}
	r.Cut(false)
	ask(t, c, "after")
}

func TestTargetThatComesLater(t *testing.T) {
	reserved, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := reserved.LocalAddr().String()
	reserved.Close()
	r := start(t, address, relay.Config{})
	c := dial(t, "udp", r)
	for range 3 { // each makes the system answer "connection refused"
		send(t, c, "nobody is there")
		time.Sleep(5 * ms)
	}
	server, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Skipf("skipped: the port was taken meanwhile: %v", err)
	}
	defer server.Close()
	send(t, c, "hello")
	buffer := make([]byte, 100)
	if err := server.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for got := ""; got != "hello"; { // on a busy machine one of those before comes only now
		n, _, err := server.ReadFrom(buffer)
		if got = string(buffer[:n]); err != nil || got != "hello" && got != "nobody is there" {
			t.Fatalf("the server got %q, %v", got, err)
		}
	}
}

func TestFaults(t *testing.T) {
	r := start(t, echo(t), relay.Config{Up: link.Config{Duplicate: 1}, Down: link.Config{Loss: 0.5, Seed: 3}})
	c := dial(t, "udp", r)
	const packets = 200
	got := 0
	for range packets {
		send(t, c, "x")
		time.Sleep(ms / 5)
	}
	for receive(t, c, silence) != "" {
		got++
	}
	if got < packets*80/100 || got > packets*120/100 {
		t.Errorf("of %d packets, doubled and halved, %d came back", packets, got)
	}
	if s := r.Stats(); s.Up.Duplicated.Packets != packets || s.Down.Lost.Packets+s.Down.Delivered.Packets != 2*packets {
		t.Errorf("%+v", s)
	}
}

func TestPacketLog(t *testing.T) {
	tr, err := trace.Read(strings.NewReader("1000\n"))
	if err != nil {
		t.Fatal(err)
	}
	var csv bytes.Buffer
	var records []link.Record
	r, err := relay.Listen("127.0.0.1:0", echo(t), relay.Config{
		Up: link.Config{Loss: 1, Log: func(r link.Record) { records = append(records, r) }}, PacketLog: &csv,
		Down: link.Config{Trace: tr, Queue: link.Queue{Policy: link.DropTail, Packets: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, "udp", r)
	send(t, c, "lost")
	for r.Stats().Up.Lost.Packets == 0 {
		time.Sleep(ms)
	}
	r.Cut(true)
	send(t, c, "cut off")
	for r.Stats().CutPackets == 0 {
		time.Sleep(ms)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	lines := strings.Split(strings.TrimSpace(csv.String()), "\n")
	if len(lines) != 3 || lines[0] != "direction,arrival_ms,departure_ms,bytes,dropped" {
		t.Fatalf("log %q", lines)
	}
	var arrival, departure float64
	if n, err := fmt.Sscanf(lines[1], "up,%f,%f,32,lost", &arrival, &departure); n != 2 || err != nil || arrival != departure {
		t.Errorf("line %q: %v", lines[1], err)
	}
	if n, err := fmt.Sscanf(lines[2], "up,%f,,35,cut", &arrival); n != 1 || err != nil {
		t.Errorf("line %q: %v", lines[2], err)
	}
	if len(records) != 1 || records[0].Fate != link.Lost {
		t.Errorf("the link's own log was not called: %v", records)
	}
}

type brokenWriter struct{ err error }

func (w brokenWriter) Write([]byte) (int, error) { return 0, w.err }

func TestABrokenPacketLogIsTold(t *testing.T) {
	broken := errors.New("no space")
	r, err := relay.Listen("127.0.0.1:0", "127.0.0.1:9", relay.Config{PacketLog: brokenWriter{broken}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); !errors.Is(err, broken) {
		t.Errorf("Close returned %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for name, c := range map[string]struct {
		listen, target string
		config         relay.Config
		want           string
	}{
		"a bad uplink":      {"127.0.0.1:0", "127.0.0.1:9", relay.Config{Up: link.Config{Loss: 2}}, "uplink"},
		"a bad downlink":    {"127.0.0.1:0", "127.0.0.1:9", relay.Config{Down: link.Config{Delay: -1}}, "downlink"},
		"no target":         {"127.0.0.1:0", "", relay.Config{}, "target"},
		"no target port":    {"127.0.0.1:0", "127.0.0.1:0", relay.Config{}, "port"},
		"no listen port":    {"127.0.0.1", "127.0.0.1:9", relay.Config{}, "listen"},
		"a port in use":     {taken.Addr().String(), "127.0.0.1:9", relay.Config{}, "in use"},
		"a foreign address": {"192.0.2.1:0", "127.0.0.1:9", relay.Config{}, "192.0.2.1"},
	} {
		r, err := relay.Listen(c.listen, c.target, c.config)
		if err == nil {
			r.Close()
			t.Errorf("%s was accepted", name)
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %q, want one with %q", name, err, c.want)
		}
	}
}

// serveTCP calls serve for each connection to a new TCP server, and returns its address.
func serveTCP(t *testing.T, serve func(*net.TCPConn)) string {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go serve(c.(*net.TCPConn))
		}
	}()
	return server.Addr().String()
}

// echoTCP sends back what it gets, up to the end, and then ends too.
func echoTCP(c *net.TCPConn) {
	defer c.Close()
	_, _ = io.Copy(c, c)
}

func TestTCP(t *testing.T) {
	r := start(t, serveTCP(t, echoTCP), relay.Config{
		Up: link.Config{Delay: 20 * ms, Loss: 1}, Down: link.Config{Delay: 30 * ms, Loss: 1}, // no packet would pass
	})
	c := dial(t, "tcp", r).(*net.TCPConn)
	began := time.Now()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	sent := bytes.Repeat([]byte("signalling "), 100_000)
	go func() {
		_, _ = c.Write(sent)
		_ = c.CloseWrite()
	}()
	got := make([]byte, 1)
	if _, err := io.ReadFull(c, got); err != nil {
		t.Fatal(err)
	}
	// The connection itself takes the uplink once.
	if took := time.Since(began); took < 50*ms || took > 150*ms {
		t.Errorf("the first byte came back after %v, want 50ms to 70ms and a little", took)
	}
	rest, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(append(got, rest...), sent) {
		t.Errorf("%d bytes came back, %v; sent were %d", len(rest)+1, err, len(sent))
	}
	for deadline := time.Now().Add(patience); r.Stats().Connections != 0; time.Sleep(ms) {
		if time.Now().After(deadline) {
			t.Fatal("the connection is not forgotten")
		}
	}
}

func TestTCPStandsStillWhileCut(t *testing.T) {
	r := start(t, serveTCP(t, echoTCP), relay.Config{})
	c := dial(t, "tcp", r)
	send(t, c, "a")
	if got := receive(t, c, patience); got != "a" {
		t.Fatalf("got %q", got)
	}
	r.Cut(true)
	send(t, c, "b")
	if got := receive(t, c, silence); got != "" {
		t.Errorf("%q passed a cut wire", got)
	}
	r.Cut(false)
	if got := receive(t, c, patience); got != "b" {
		t.Errorf("after the cut: %q, want b", got)
	}
}

func TestTCPEndsWhenTheServerEnds(t *testing.T) {
	r := start(t, serveTCP(t, func(c *net.TCPConn) { c.Close() }), relay.Config{Up: link.Config{Delay: ms}, Down: link.Config{Delay: ms}})
	c := dial(t, "tcp", r)
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, net.ErrClosed) {
		t.Errorf("read %d bytes, %v, want the end", n, err)
	}
}

func TestTCPToNobody(t *testing.T) {
	r := start(t, echo(t), relay.Config{}) // a UDP server only
	c := dial(t, "tcp", r)
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := c.Read(make([]byte, 1)); err == nil {
		t.Errorf("read %d bytes from nobody", n)
	}
	if s := r.Stats(); s.RefusedConnections != 1 {
		t.Errorf("%d connections refused, want 1", s.RefusedConnections)
	}
}

func TestTCPIsBoundedAndEndsWithTheRelay(t *testing.T) {
	r := start(t, serveTCP(t, echoTCP), relay.Config{})
	var all []net.Conn
	for range relay.MaxConnections {
		c := dial(t, "tcp", r)
		send(t, c, "x")
		if got := receive(t, c, patience); got != "x" {
			t.Fatalf("got %q", got)
		}
		all = append(all, c)
	}
	over := dial(t, "tcp", r)
	if err := over.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if n, err := over.Read(make([]byte, 1)); err == nil {
		t.Errorf("connection %d read %d bytes", relay.MaxConnections+1, n)
	}
	if s := r.Stats(); s.Connections != relay.MaxConnections || s.RefusedConnections != 1 {
		t.Errorf("%d connections, %d refused", s.Connections, s.RefusedConnections)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection outlives the relay")
		}
	}
}

// TestLateness prints how precise this machine lets the relay be (with -v), at 1000 packets a second both ways.
func TestLateness(t *testing.T) {
	r := start(t, echo(t), relay.Config{Up: link.Config{Delay: 20 * ms}, Down: link.Config{Delay: 20 * ms}})
	c := dial(t, "udp", r)
	go func() { // so that the socket does not fill
		buffer := make([]byte, 2000)
		for {
			if _, err := c.Read(buffer); err != nil {
				return
			}
		}
	}()
	payload := strings.Repeat("x", 1200)
	for range 700 {
		send(t, c, payload)
		time.Sleep(ms)
	}
	time.Sleep(60 * ms)
	s := r.Stats()
	t.Logf("%d packets: sent on %v late (p50), %v (p99), %v (max)", s.Up.Delivered.Packets+s.Down.Delivered.Packets, s.LatenessP50,
		s.LatenessP99, s.LatenessMax)
	if s.LatenessP50 > ms {
		t.Errorf("half of the packets are sent on more than %v late, want less than 1ms", s.LatenessP50)
	}
}
