package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"salsify/testbed/system"
)

// A call between two programs, in order:
//
//  1. PreparePair starts the receiving program, whose standard output the screen reads, and waits until it listens. That is no call yet.
//  2. Run starts the sending program and plays the camera to its standard input, or to a device, from that instant on.
//  3. It goes on until the context ends. If a program ends before, or the screen cannot read what it gets, that is the error.
//  4. Close interrupts the sender. A receiver that follows it ends by itself, any other is interrupted too. Who is slow is killed.

const (
	// grace is how long a program may take to end.
	grace = 5 * time.Second
	// aftermath is how long to wait for the program at the bottom of a failure to end: its pipe breaks before.
	aftermath = time.Second
	// readyTime is how long a receiver may take until it listens.
	readyTime = 30 * time.Second
	// deviceLead is how long a device is fed before the sender opens it: a loopback device has no picture size before its first writer.
	deviceLead = 200 * time.Millisecond
)

// Program is one of the two programs of a Pair. Cmd must not have been started; its Stdin or Stdout is set when it is.
type Program struct {
	Name string // for errors and logs
	Cmd  *exec.Cmd
}

// PairConfig says how two programs make a call.
type PairConfig struct {
	// Send reads pictures as YUV4MPEG2 on standard input, or from Device; Receive writes them as YUV4MPEG2 on standard output.
	Send, Receive Program
	// Device is a V4L2 output device that the camera plays to, in place of the sender's standard input.
	Device string
	// Ready is what the receiver says on standard error when it listens. PreparePair waits for that; "": for as long as Warmup says.
	Ready  string
	Warmup time.Duration
	// Follows: the receiver ends by itself when the sender has gone.
	Follows bool
}

// Pair is a call between two programs. It is a system.Session.
type Pair struct {
	call          *system.Call
	config        PairConfig
	receive, send *Process
	screen, input *os.File   // our ends of the pipes
	shown         chan error // what became of reading the screen; closed at the end of the receiver's standard output
	fed           chan error // what became of playing the camera; nil: it was not begun
	stopFeeding   context.CancelFunc
}

// PreparePair starts the receiver, and waits until it is ready.
func PreparePair(ctx context.Context, call *system.Call, config PairConfig) (*Pair, error) {
	p := &Pair{call: call, config: config, shown: make(chan error, 1)}
	ours, theirs, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	config.Receive.Cmd.Stdout = theirs
	p.receive, err = p.start(call.Receiver, config.Receive)
	theirs.Close() // it has its own
	if err != nil {
		ours.Close()
		return nil, err
	}
	p.screen = ours
	go func() {
		p.shown <- call.Screen.ReadY4M(ours)
		_, _ = io.Copy(io.Discard, ours) // so that the receiver can go on to its end
		close(p.shown)
	}()
	if err := p.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// awaitReady waits until the receiver listens, as far as that can be known.
func (p *Pair) awaitReady(ctx context.Context) error {
	const interval = 10 * time.Millisecond
	limit := readyTime
	if p.config.Ready == "" {
		limit = p.config.Warmup
	}
	for waited := time.Duration(0); waited < limit; waited += interval {
		if p.config.Ready != "" && strings.Contains(p.receive.Said(), p.config.Ready) {
			return nil
		}
		select {
		case <-p.receive.Done():
			return p.receive.Err()
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(interval):
		}
	}
	if p.config.Ready != "" {
		return fmt.Errorf("%s has not said %q within %v%s", p.config.Receive.Name, p.config.Ready, limit, p.receive.Said())
	}
	return nil
}

// Run is system.Session's.
func (p *Pair) Run(ctx context.Context) error {
	start := time.Now()
	feeding, stop := context.WithCancel(ctx)
	p.stopFeeding = stop
	if p.config.Device != "" {
		p.feed(func() error { return p.call.Camera.FeedDevice(feeding, start, p.config.Device) })
		time.Sleep(deviceLead)
	}
	if err := p.startSender(); err != nil {
		return err
	}
	if p.config.Device == "" {
		p.feed(func() error { return p.call.Camera.Feed(feeding, start, p.input) })
	}
	var broken error
	select {
	case <-ctx.Done():
		return nil
	case <-p.send.Done():
	case <-p.receive.Done():
	case err := <-p.fed:
		p.fed <- err // for Close
		if err == nil {
			err = errors.New("it ended")
		}
		broken = fmt.Errorf("the camera's pictures cannot be given to %s: %w", p.config.Send.Name, err)
	case err := <-p.shown:
		if err == nil {
			err = errors.New("it ended")
		}
		broken = fmt.Errorf("what %s shows cannot be read: %w", p.config.Receive.Name, err)
	}
	if ctx.Err() != nil {
		return nil
	}
	return p.blame(broken)
}

func (p *Pair) feed(play func() error) {
	p.fed = make(chan error, 1)
	go func() { p.fed <- play() }()
}

// blame tells why the call broke: by the programs that have ended if there is one, else by what was seen of it.
func (p *Pair) blame(broken error) error {
	select {
	case <-p.send.Done():
	case <-p.receive.Done():
	case <-time.After(aftermath):
	}
	if err := errors.Join(p.send.Err(), p.receive.Err()); err != nil {
		// What the other one said may be the reason.
		if p.send.Err() == nil {
			return fmt.Errorf("%w%s", err, p.send.Said())
		}
		if p.receive.Err() == nil {
			return fmt.Errorf("%w%s", err, p.receive.Said())
		}
		return err
	}
	return fmt.Errorf("%w%s%s", broken, p.send.Said(), p.receive.Said())
}

func (p *Pair) startSender() error {
	if p.config.Device == "" {
		theirs, ours, err := os.Pipe()
		if err != nil {
			return err
		}
		defer theirs.Close()
		p.config.Send.Cmd.Stdin = theirs
		p.input = ours
	}
	var err error
	p.send, err = p.start(p.call.Sender, p.config.Send)
	return err
}

func (p *Pair) start(place system.Place, program Program) (*Process, error) {
	var log io.WriteCloser
	if p.call.Log != nil {
		var err error
		if log, err = p.call.Log(program.Name + ".log"); err != nil {
			return nil, err
		}
	}
	process, err := Start(program.Name, place, program.Cmd, log)
	if err == nil && p.call.Ran != nil {
		p.call.Ran(program.Cmd)
	}
	return process, err
}

// Close is system.Session's.
func (p *Pair) Close() error {
	if p.stopFeeding != nil {
		p.stopFeeding()
	}
	var ending sync.WaitGroup
	follows := p.config.Follows && p.send != nil && p.send.Err() == nil
	if !follows {
		ending.Go(func() { p.receive.End(grace) })
	}
	if p.send != nil {
		p.send.End(grace)
	}
	if p.input != nil {
		p.input.Close() // ends a Write that nobody reads
	}
	if p.fed != nil {
		<-p.fed
	}
	if follows {
		p.receive.Await(grace)
	}
	ending.Wait()
	// Somebody that the receiver started may still hold its standard output.
	hurry := time.AfterFunc(aftermath, func() { p.screen.Close() })
	defer hurry.Stop()
	for range p.shown {
		// It is of no interest any more.
	}
	if err := p.screen.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}

// Ports finds n ports at a place that nobody listens at by TCP, all even, each with the next one free too (RTCP's, RFC 3550, section 11).
func Ports(ctx context.Context, place system.Place, n int) ([]int, error) {
	const attempts = 50 // for each
	var ports []int
	var held []net.Listener // until the end, so that each port is another
	defer func() {
		for _, l := range held {
			l.Close()
		}
	}()
	listen := func(port int) (int, error) {
		l, err := place.Listen(ctx, "tcp", netip.AddrPortFrom(place.Address(), uint16(port)).String())
		if err != nil {
			return 0, err
		}
		held = append(held, l)
		bound, err := netip.ParseAddrPort(l.Addr().String())
		return int(bound.Port()), err
	}
	for range attempts * n {
		if len(ports) == n {
			return ports, nil
		}
		first, err := listen(0)
		if err != nil {
			return nil, fmt.Errorf("there is no port at %v: %w", place.Address(), err)
		}
		even := first + first%2 // Linux gives odd ones
		if even != first {
			_, err = listen(even)
		}
		if _, next := listen(even + 1); err == nil && next == nil && even < 1<<16-1 {
			ports = append(ports, even)
		}
	}
	return nil, fmt.Errorf("%d pairs of ports at %v were tried, and not %d of them are free: `ss -lntu` lists who listens there",
		attempts*n, place.Address(), n)
}

// LogPath makes an empty file in the folder of results and returns its path, for programs that write a log of their own; "" if the results are
// not in files.
func LogPath(call *system.Call, name string) (string, error) {
	if call.Log == nil {
		return "", nil
	}
	log, err := call.Log(name)
	if err != nil {
		return "", err
	}
	defer log.Close()
	file, ok := log.(*os.File)
	if !ok {
		return "", nil
	}
	return filepath.Abs(file.Name())
}
