// Package relay puts emulated links (package link) between programs, in real time: a client sends to the relay in place of the
// server, and its packets cross an uplink on their way to the server and a downlink on their way back.
//
//  1. A UDP packet of a client comes to the listening socket (udp.go). A client that is new gets a socket of its own towards the
//     target, as a NAT gives it a port.
//  2. It enters the uplink with the instant at which it came. All clients share the one uplink, and the one downlink.
//  3. The emulator (package emulator) holds it until it has crossed the link, and then it is sent to the target.
//  4. What the target answers to a client's socket goes through the downlink in the same way, and from the listening socket to
//     the client.
//  5. TCP connections to the same port are carried to the target's TCP port with the propagation delay alone (tcp.go): that is
//     where signalling goes, of which there is little.
package relay

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"salsify/testbed/emulator"
	"salsify/testbed/link"
)

// Bounds of what the relay keeps. Packets are bounded by link.MaxPackets and link.MaxBytes in each direction.
const (
	// MaxClients is the most UDP clients at one time. A further one takes the place of one that has been silent for
	// ClientTimeout, or is refused.
	MaxClients = 64
	// ClientTimeout is how long a silent client keeps its place; RFC 4787 (REQ-5) wants 2 minutes of a NAT, and advises 5.
	ClientTimeout = 5 * time.Minute
	// MaxConnections is the most TCP connections at one time. Further ones are closed at once.
	MaxConnections = 64
)

// HeaderBytes is what the IPv4 and UDP headers add to a payload. IPv6 counts the same, so that results can be compared.
const HeaderBytes = 20 + 8

// Config says what is between the clients and the target.
type Config struct {
	// Up is the link from the clients to the target, Down the one back. A Log of theirs is called too, from any goroutine but
	// never from two at once.
	Up, Down link.Config
	// PacketLog, unless nil, gets a line of CSV for each packet, as emulator.Config says.
	PacketLog io.Writer
	// Logger gets what concerns clients and sockets; nil: nothing is logged.
	Logger *slog.Logger
}

// Relay is a running relay. Its methods may be called from any goroutine.
type Relay struct {
	config   Config
	logger   *slog.Logger
	start    time.Time
	target   *net.UDPAddr
	udp      *net.UDPConn
	tcp      net.Listener
	emulator *emulator.Emulator
	running  sync.WaitGroup // all goroutines but the emulator's
	life     context.Context
	end      context.CancelFunc // ends life, at Close

	mu          sync.Mutex
	clients     map[netip.AddrPort]*client
	connections int
	closed      bool
	stats       Stats
}

// Stats is what has happened since the start.
type Stats struct {
	// Stats has both links, what was cut or refused by a socket, and how late packets were sent on.
	emulator.Stats

	Clients            int   // UDP clients now
	RefusedPackets     int64 // of clients beyond MaxClients
	Connections        int   // TCP connections now
	RefusedConnections int64 // beyond MaxConnections, or the target did not answer
}

// Listen starts a relay on a UDP and a TCP port of the same number; both addresses are "host:port". Port 0 of listen takes a
// port that is free for both. The target's name is resolved once, but nobody needs to listen there yet. An error names what
// is wrong with config, an address or the port.
func Listen(listen, target string, config Config) (*Relay, error) {
	targetAddress, err := net.ResolveUDPAddr("udp", target)
	if err != nil {
		return nil, fmt.Errorf("relay: the target must be host:port: %w", err)
	}
	if targetAddress.Port == 0 {
		return nil, fmt.Errorf("relay: the target %q needs a port", target)
	}
	udp, tcp, err := listenBoth(listen)
	if err != nil {
		return nil, err
	}
	r := &Relay{
		config:  config,
		logger:  cmp.Or(config.Logger, slog.New(slog.DiscardHandler)),
		target:  targetAddress,
		udp:     udp,
		tcp:     tcp,
		clients: map[netip.AddrPort]*client{},
	}
	r.emulator, err = emulator.New(emulator.Config{Up: config.Up, Down: config.Down, PacketLog: config.PacketLog}, r.sendOn)
	if err != nil {
		udp.Close()
		tcp.Close()
		return nil, fmt.Errorf("relay: %w", err)
	}
	r.start = r.emulator.Begin()
	r.life, r.end = context.WithCancel(context.Background())
	r.running.Go(r.receiveFromClients)
	r.running.Go(r.acceptConnections)
	return r, nil
}

// listenBoth opens the UDP and the TCP socket on one port.
func listenBoth(listen string) (*net.UDPConn, net.Listener, error) {
	address, err := net.ResolveUDPAddr("udp", listen)
	if err != nil {
		return nil, nil, fmt.Errorf("relay: the address to listen on must be host:port: %w", err)
	}
	// A free UDP port may be taken for TCP: try others.
	for attempt := 0; ; attempt++ {
		udp, err := net.ListenUDP("udp", address)
		if err != nil {
			return nil, nil, fmt.Errorf("relay: %w", err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			enlargeBuffers(udp)
			return udp, tcp, nil
		}
		udp.Close()
		if address.Port != 0 || attempt == 50 {
			return nil, nil, fmt.Errorf("relay: no port that is free for both UDP and TCP: %w", err)
		}
	}
}

// Addr returns the address that clients use, for UDP as for TCP.
func (r *Relay) Addr() netip.AddrPort { return r.udp.LocalAddr().(*net.UDPAddr).AddrPort() }

// Start returns the instant at which both links started: time 0 of the packet log and of outages, and the time in the traces
// that their Config.Start says.
func (r *Relay) Start() time.Time { return r.start }

// Stats returns what has happened until now.
func (r *Relay) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	stats := r.stats
	stats.Stats = r.emulator.Stats()
	stats.Clients, stats.Connections = len(r.clients), r.connections
	return stats
}

// Rebind gives each client a new socket towards the target and closes the old one, as a NAT that forgets its bindings: the
// target sees another source port, and what it still sends to the old one is lost. TCP connections stay.
func (r *Relay) Rebind() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.clients {
		old := c.socket
		if err := r.openSocket(c); err != nil {
			return err
		}
		r.logger.Info("rebound", "client", c.address, "from", old.LocalAddr(), "to", c.socket.LocalAddr())
		old.Close()
	}
	return nil
}

// Cut(true) cuts the wire: until Cut(false), packets that arrive from either side and packets that come out of the links are
// dropped. TCP connections stand still, as TCP repeats what is lost.
func (r *Relay) Cut(cut bool) { r.emulator.Cut(cut) }

// Close stops the relay, drops what is on its way, and returns the first error of the packet log, if any.
func (r *Relay) Close() error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return nil
	}
	r.closed = true
	r.end()
	r.udp.Close()
	r.tcp.Close()
	for _, c := range r.clients {
		c.socket.Close()
	}
	r.mu.Unlock()
	r.running.Wait()
	return r.emulator.Close()
}
