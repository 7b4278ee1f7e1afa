package rtc

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/netutil"

	"salsify/transport/rtc/key"
)

// ListenConfig says who may send to a Listener, and who hears of it.
type ListenConfig struct {
	// Key is what senders must have. The receiver's certificate is made from it, unless Certificate is given.
	Key key.Key
	// Open lets senders in without the key.
	Open bool
	// Certificate is one that senders trust by themselves, such as a public one. Nil is for the one that follows from Key.
	Certificate *tls.Certificate
	// Answer lets sessions carry video and sound back to the sender.
	Answer bool
	// Silent refuses sound, both ways.
	Silent bool
	// Logger gets details at the debug level, at a bounded rate. Nil logs nothing.
	Logger *slog.Logger
	// Refused, if not nil, is called when a sender is turned away. It must return soon.
	Refused func(remote, why string)
	// Roamed, if not nil, is called when the address of the current sender has changed. It must return at once.
	Roamed func(from, to string)
}

const (
	portAttempts   = 20 // to find a port that is free for both TCP and UDP
	maxConnections = 64 // HTTPS connections at a time; each takes some 50 KB
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = 15 * time.Second
	maxHeader      = 16 << 10 // bytes
	// farewell is how long Close waits for goodbyes to be sent.
	farewell = 300 * time.Millisecond
	// shutdown is how long it waits after that for HTTPS clients to hang up by themselves.
	shutdown = 100 * time.Millisecond
)

// Listener takes in senders, one at a time.
type Listener struct {
	config ListenConfig
	log    *slog.Logger
	token  string // that requests must bear; empty for none
	tcp    net.Listener
	socket *socket
	server *http.Server

	accepted chan *Incoming // their media connection is up
	closed   chan struct{}
	close    sync.Once

	admission chan struct{}            // holds one token, which a POST takes while it decides
	current   atomic.Pointer[Incoming] // the session, if any
	ended     endings
}

// Listen opens address, such as ":9000", for HTTPS (TCP) and for media (UDP). Port 0 finds a port that is free for both.
func Listen(address string, config ListenConfig) (*Listener, error) {
	l := &Listener{
		config:    config,
		log:       orDiscard(config.Logger),
		accepted:  make(chan *Incoming, 8),
		closed:    make(chan struct{}),
		admission: make(chan struct{}, 1),
	}
	switch {
	case config.Key.IsZero() && !config.Open:
		return nil, errors.New("no key: give one, or let anyone send")
	case !config.Open:
		l.token = config.Key.Token()
	}
	certificate, err := config.certificate()
	if err != nil {
		return nil, err
	}
	if err := l.bind(address); err != nil {
		return nil, err
	}
	l.server = &http.Server{
		Handler:           l.handler(),
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: 16, MaxReceiveBufferPerConnection: 128 << 10, MaxReceiveBufferPerStream: 128 << 10,
		},
		ErrorLog: httpLog(l.log),
	}
	go l.server.ServeTLS(netutil.LimitListener(l.tcp, maxConnections), "", "") //nolint:errcheck // ends when it is closed
	go l.receive()
	return l, nil
}

func (c *ListenConfig) certificate() (tls.Certificate, error) {
	switch {
	case c.Certificate != nil:
		return *c.Certificate, nil
	case c.Key.IsZero():
		return key.New().Certificate() // nobody can check it anyway
	}
	return c.Key.Certificate()
}

// bind opens TCP and UDP on one port number.
func (l *Listener) bind(address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	for attempt := 1; ; attempt++ {
		if l.tcp, err = net.Listen("tcp", net.JoinHostPort(host, port)); err != nil {
			return err
		}
		same := strconv.Itoa(l.tcp.Addr().(*net.TCPAddr).Port)
		if l.socket, err = listenUDP(net.JoinHostPort(host, same)); err == nil {
			return nil
		}
		_ = l.tcp.Close()
		if free := port == "0" || port == ""; !free || attempt == portAttempts {
			return err
		}
	}
}

// Addr returns the address that is listened on, whose port number is that of both TCP and UDP.
func (l *Listener) Addr() *net.TCPAddr { return l.tcp.Addr().(*net.TCPAddr) }

// Accept waits for the next sender whose media connection is up. Its errors are those of ctx, or net.ErrClosed.
func (l *Listener) Accept(ctx context.Context) (*Incoming, error) {
	for {
		select {
		case s := <-l.accepted:
			select {
			case <-s.done: // ended while nobody looked
				continue
			default:
				return s, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.closed:
			return nil, net.ErrClosed
		}
	}
}

// Close says goodbye to the sender and stops listening.
func (l *Listener) Close() error {
	l.close.Do(func() {
		close(l.closed)
		l.admission <- struct{}{} // nobody comes in any more
		if s := l.current.Load(); s != nil {
			_ = s.Close()
		}
		ctx, cancel := context.WithTimeout(context.Background(), shutdown)
		defer cancel()
		if l.server.Shutdown(ctx) != nil {
			_ = l.server.Close()
		}
		_ = l.socket.conn.Close()
	})
	return nil
}

// receive hands the datagrams that come in to the session. What belongs to none is dropped.
func (l *Listener) receive() {
	b := make([]byte, maxDatagram)
	for {
		n, from, arrival, err := l.socket.read(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // of one datagram, such as a message that a port is closed
			l.log.Debug("UDP", "error", err)
			time.Sleep(time.Millisecond) // in case it stays so
			continue
		}
		if s := l.current.Load(); s != nil {
			s.deliver(b[:n], from, arrival)
		}
	}
}

func (l *Listener) refused(remote, why string) {
	l.log.Debug("refused", "remote", remote, "why", why)
	if l.config.Refused != nil {
		l.config.Refused(remote, why)
	}
}
