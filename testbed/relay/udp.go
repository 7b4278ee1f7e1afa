package relay

import (
	"errors"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"time"

	"salsify/testbed/link"
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

// datagram is the payload of a packet on a link.
type datagram struct {
	client *client
	data   []byte
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
		if c := r.clientAt(from, now); c != nil {
			r.send(r.up, "up", now, &datagram{c, append([]byte(nil), buffer[:n]...)})
		}
		r.mu.Unlock()
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
		r.send(r.down, "down", now, &datagram{c, append([]byte(nil), buffer[:n]...)})
		r.mu.Unlock()
	}
}

// send puts a packet into a link, and rings for the delivery thread if that would sleep too long. Under r.mu.
func (r *Relay) send(l *link.Link, direction string, now time.Time, d *datagram) {
	size := len(d.data) + HeaderBytes
	if r.cut {
		r.stats.CutPackets++
		if r.packetLog != nil {
			r.packetLog.addCut(direction, now, size)
		}
		return
	}
	l.Send(now, size, d)
	if next, ok := l.Next(); ok && (r.wakeAt.IsZero() || next.Before(r.wakeAt)) {
		r.wakeAt = next
		r.alarm.ring()
	}
}

// outgoing is a packet that has crossed its link.
type outgoing struct {
	due    time.Time
	data   []byte
	socket *net.UDPConn
	client netip.AddrPort // invalid: to the target, which the socket is connected to
}

// deliver sends on what comes out of the links, on a thread of its own, until the relay is closed.
func (r *Relay) deliver() {
	// The thread sleeps precisely, and dies with this goroutine: it has been given a setting that others should not inherit.
	runtime.LockOSThread()
	r.alarm.prepareThread()
	var packets []outgoing
	for {
		r.mu.Lock()
		if r.closed {
			r.mu.Unlock()
			return
		}
		packets = r.collect(packets[:0], time.Now())
		r.wakeAt = r.nextDelivery()
		wakeAt := r.wakeAt
		r.mu.Unlock()

		if len(packets) == 0 {
			r.alarm.sleepUntil(wakeAt)
			continue
		}
		r.sendOn(packets)
		clear(packets) // let go of the data
	}
}

// collect appends what has come out of the links, and drops it while the wire is cut. Under r.mu.
func (r *Relay) collect(packets []outgoing, now time.Time) []outgoing {
	for _, delivery := range r.up.Deliver(now) {
		d := delivery.Payload.(*datagram)
		packets = append(packets, outgoing{due: delivery.At, data: d.data, socket: d.client.socket})
	}
	for _, delivery := range r.down.Deliver(now) {
		d := delivery.Payload.(*datagram)
		packets = append(packets, outgoing{due: delivery.At, data: d.data, socket: r.udp, client: d.client.address})
	}
	if r.cut {
		r.stats.CutPackets += int64(len(packets))
		return packets[:0]
	}
	return packets
}

// nextDelivery returns the earliest instant at which a link may have something, or the zero time. Under r.mu.
func (r *Relay) nextDelivery() time.Time {
	up, okUp := r.up.Next()
	down, okDown := r.down.Next()
	if !okUp || okDown && down.Before(up) {
		return down
	}
	return up
}

// sendOn writes packets to their sockets.
func (r *Relay) sendOn(packets []outgoing) {
	failed := int64(0)
	late := make([]time.Duration, 0, 16)
	for _, p := range packets {
		late = append(late, time.Since(p.due))
		err := p.write()
		if errors.Is(err, syscall.ECONNREFUSED) {
			err = p.write() // that was the answer to an earlier packet, and this one did not go out
		}
		if err != nil {
			failed++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.WriteErrors += failed
	for _, d := range late {
		r.lateness.add(d)
	}
}

func (p outgoing) write() error {
	if p.client.IsValid() {
		_, err := p.socket.WriteToUDPAddrPort(p.data, p.client)
		return err
	}
	_, err := p.socket.Write(p.data)
	return err
}
