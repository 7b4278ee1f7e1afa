package relay

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"
)

// Bounds of what one direction of a TCP connection keeps while it is on its way: chunkBytes for each of chunks. With 20 ms of
// delay that is 13 MB/s, far more than signalling needs.
const (
	chunkBytes = 16 << 10
	chunks     = 16

	dialTimeout = 5 * time.Second
	// cutPoll is how often a connection looks whether the wire is still cut.
	cutPoll = 10 * time.Millisecond
)

// acceptConnections carries TCP connections to the target until the relay is closed.
func (r *Relay) acceptConnections() {
	free := make(chan struct{}, MaxConnections)
	for {
		connection, err := r.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(errorPause)
			continue
		}
		select {
		case free <- struct{}{}:
			r.running.Go(func() {
				r.carry(connection.(*net.TCPConn))
				<-free
			})
		default:
			r.countRefusedConnection()
			connection.Close()
		}
	}
}

func (r *Relay) countRefusedConnection() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.RefusedConnections++
}

// carry connects to the target and passes data both ways until both sides have ended, one has failed, or the relay is closed.
func (r *Relay) carry(client *net.TCPConn) {
	defer client.Close()
	ctx, stop := context.WithCancel(r.life)
	defer stop()
	r.countConnection(1)
	defer r.countConnection(-1)

	// The client's kernel holds the connection for open already; the target learns of it after the uplink's delay.
	if !r.waitToPass(ctx, time.Now().Add(r.config.Up.Delay)) {
		return
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	dialed, err := dialer.DialContext(ctx, "tcp", r.target.String())
	if err != nil {
		r.countRefusedConnection()
		r.logger.Warn("the target takes no TCP connection", "client", client.RemoteAddr(), "error", err)
		return
	}
	target := dialed.(*net.TCPConn)
	defer target.Close()
	// A failure on one side, or the end of the relay, ends all reads and writes.
	context.AfterFunc(ctx, func() {
		client.Close()
		target.Close()
	})
	var both sync.WaitGroup
	both.Go(func() { r.pass(ctx, stop, target, client, r.config.Up.Delay) })
	both.Go(func() { r.pass(ctx, stop, client, target, r.config.Down.Delay) })
	both.Wait()
}

func (r *Relay) countConnection(change int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connections += change
}

// chunk is data on its way; nil data is the end of the stream.
type chunk struct {
	due  time.Time
	data []byte
}

// pass carries one direction. It calls stop if either side fails, and returns when the direction has ended.
func (r *Relay) pass(ctx context.Context, stop func(), to, from *net.TCPConn, delay time.Duration) {
	onTheWay := make(chan chunk, chunks)
	var reading sync.WaitGroup
	defer reading.Wait()
	reading.Go(func() { readChunks(ctx, from, onTheWay, delay) })
	for {
		var c chunk
		select {
		case c = <-onTheWay:
		case <-ctx.Done():
			return
		}
		if !r.waitToPass(ctx, c.due) {
			return
		}
		if c.data == nil {
			_ = to.CloseWrite() // it may be gone: then there is nothing to end
			return
		}
		if _, err := to.Write(c.data); err != nil {
			stop()
			return
		}
	}
}

// readChunks reads one side to its end. A failure counts as the end: the other side can do no more about it.
func readChunks(ctx context.Context, from *net.TCPConn, onTheWay chan<- chunk, delay time.Duration) {
	buffer := make([]byte, chunkBytes)
	for {
		n, err := from.Read(buffer)
		due := time.Now().Add(delay)
		if n > 0 {
			select {
			case onTheWay <- chunk{due, append([]byte(nil), buffer[:n]...)}:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			select {
			case onTheWay <- chunk{due: due}:
			case <-ctx.Done():
			}
			return
		}
	}
}

// waitToPass waits until an instant and until the wire is whole; false: the connection or the relay has ended.
func (r *Relay) waitToPass(ctx context.Context, due time.Time) bool {
	for wait := time.Until(due); ; wait = cutPoll {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if !r.emulator.IsCut() {
			return true
		}
	}
}
