package relay

import (
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"salsify/testbed/emulator"
)

const (
	// datagramBytes is the longest UDP payload.
	datagramBytes = 65535 - HeaderBytes
	// socketBufferBytes is asked for in each direction of a socket, against losses that the links do not account for; the
	// system may grant less.
	socketBufferBytes = 4 << 20
	// errorPause keeps a socket that does nothing but fail from taking all of the processor.
	errorPause = time.Millisecond
)

// client is a sender behind the relay. Fields are guarded by Relay.mu.
type client struct {
	address  netip.AddrPort
	socket   *net.UDPConn // connected to the target
	lastSeen time.Time
}

func enlargeBuffers(socket *net.UDPConn) {
	// As much as the system grants; less is no error.
	_ = socket.SetReadBuffer(socketBufferBytes)
	_ = socket.SetWriteBuffer(socketBufferBytes)
}

// receiveFromClients reads the listening socket until the relay is closed.
func (r *Relay) receiveFromClients() {
	buffer := make([]byte, datagramBytes)
	for {
		n, from, err := r.udp.ReadFromUDPAddrPort(buffer)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(errorPause)
			continue
		}
		r.mu.Lock()
		c := r.clientAt(from, now)
		r.mu.Unlock()
		if c != nil {
			r.emulator.Send(emulator.Up, now, n+HeaderBytes, buffer[:n], c)
		}
	}
}

// clientAt returns the client of an address, a new one if need be, or nil if there is no place for it. Under r.mu.
func (r *Relay) clientAt(address netip.AddrPort, now time.Time) *client {
	c := r.clients[address]
	if c != nil {
		c.lastSeen = now
		return c
	}
	if r.closed || len(r.clients) >= MaxClients && !r.forgetSilentClient(now) {
		r.stats.RefusedPackets++
		return nil
	}
	c = &client{address: address, lastSeen: now}
	if err := r.openSocket(c); err != nil {
		r.logger.Warn("no socket for a new client", "client", address, "error", err)
		r.stats.RefusedPackets++
		return nil
	}
	r.clients[address] = c
	r.logger.Info("new client", "client", address, "socket", c.socket.LocalAddr())
	return c
}

// forgetSilentClient makes room by forgetting the client that has been silent longest, if that was for ClientTimeout.
func (r *Relay) forgetSilentClient(now time.Time) bool {
	var silent *client
	for _, c := range r.clients {
		if silent == nil || c.lastSeen.Before(silent.lastSeen) {
			silent = c
		}
	}
	if silent == nil || now.Sub(silent.lastSeen) < ClientTimeout {
		return false
	}
	silent.socket.Close()
	delete(r.clients, silent.address)
	return true
}

// openSocket gives a client a new socket towards the target, and reads it. Under r.mu.
func (r *Relay) openSocket(c *client) error {
	if r.closed {
		return net.ErrClosed
	}
	socket, err := net.DialUDP("udp", nil, r.target)
	if err != nil {
		return err
	}
	enlargeBuffers(socket)
	c.socket = socket
	r.running.Go(func() { r.receiveFromTarget(c, socket) })
	return nil
}

// receiveFromTarget reads a client's socket until that is closed.
func (r *Relay) receiveFromTarget(c *client, socket *net.UDPConn) {
	buffer := make([]byte, datagramBytes)
	for {
		n, err := socket.Read(buffer)
		now := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // such as "connection refused" while nobody listens at the target
			time.Sleep(errorPause)
			continue
		}
		r.mu.Lock()
		c.lastSeen = now
		r.mu.Unlock()
		r.emulator.Send(emulator.Down, now, n+HeaderBytes, buffer[:n], c)
	}
}

// sendOn sends a packet that has crossed its link: to the target by the client's socket of now, or to the client.
func (r *Relay) sendOn(way emulator.Way, data []byte, tag any) error {
	c := tag.(*client)
	if way == emulator.Down {
		_, err := r.udp.WriteToUDPAddrPort(data, c.address)
		return err
	}
	r.mu.Lock()
	socket := c.socket
	r.mu.Unlock()
	_, err := socket.Write(data)
	if errors.Is(err, syscall.ECONNREFUSED) {
		_, err = socket.Write(data) // that was the answer to an earlier packet, and this one did not go out
	}
	return err
}
