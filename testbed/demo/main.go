// Command demo sends live video from a real salsify-send to a real salsify-recv across an emulated LTE link, and measures what
// a person at the other end sees. `make demo` builds all three and runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"salsify/testbed/link"
	"salsify/testbed/relay"
	"salsify/testbed/trace"
	"salsify/transport/bitrate"
	"salsify/transport/rtc/key"
)

// The demo, in order:
//
//  1. Two traces are made, one for each direction, or read.
//  2. A relay (testbed/relay) stands between the two programs, and carries everything over the links.
//  3. salsify-recv starts behind it and writes what it shows to a pipe, then salsify-send before it, with the made-up scene.
//  4. watch.go reads the pipe: when each picture came, which it is by its barcode, and how it compares with its source.
//  5. report.go prints a table, plot.go draws the run.

type options struct {
	bin      string
	out      string
	duration time.Duration
	size     string
	rate     float64
	seed     uint64
	mean     bitrate.Bitrate
	up, down string
	loss     float64
	queue    int
	sendArgs []string
}

const (
	delay = 20 * time.Millisecond // one way
	// reverse is the capacity of the reports' way as a share of the video's.
	reverse = 0.5
)

func main() {
	o := options{mean: 4 * bitrate.MbitPerSecond}
	pflag.StringVar(&o.bin, "bin", "bin", "folder of salsify-send and salsify-recv")
	pflag.StringVar(&o.out, "out", "demo.png", "where to draw the plot: .png, .svg or .pdf")
	pflag.DurationVar(&o.duration, "duration", 30*time.Second, "how long")
	pflag.StringVar(&o.size, "size", "1280x720", "picture size")
	pflag.Float64Var(&o.rate, "rate", 30, "pictures a second")
	pflag.Uint64Var(&o.seed, "seed", 1, "of the traces; another is another drive through town")
	pflag.Var(&o.mean, "mean", "mean capacity of the video's way (default 4M)")
	pflag.StringVar(&o.up, "up", "", "mahimahi trace `FILE` of the video's way, instead of a made one")
	pflag.StringVar(&o.down, "down", "", "and of the reports'")
	pflag.Float64Var(&o.loss, "loss", 0, "share of packets lost in each direction, 0 to 1")
	pflag.IntVar(&o.queue, "queue", 256, "packets that the link's queue holds")
	pflag.StringArrayVar(&o.sendArgs, "send", nil, "another argument for salsify-send, such as --send=--mode=single")
	pflag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	up, down, err := traces(o)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "salsify-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	secret := filepath.Join(work, "key")
	k, _, err := key.Load(secret)
	if err != nil {
		return err
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	receiver := fmt.Sprintf("127.0.0.1:%d", port)
	video := &departures{}
	queue := link.Queue{Policy: link.DropTail, Packets: o.queue}
	r, err := relay.Listen("127.0.0.1:0", receiver, relay.Config{
		Up:   link.Config{Trace: up, Delay: delay, Queue: queue, Loss: o.loss, Seed: o.seed, Log: video.add},
		Down: link.Config{Trace: down, Delay: delay, Queue: queue, Loss: o.loss, Seed: o.seed + 1},
	})
	if err != nil {
		return err
	}
	defer r.Close()
	fmt.Printf("an LTE-like link of %v on average, %v each way, a queue of %d packets\n", up.Capacity(0, o.duration), delay, o.queue)

	watched, err := newWatch(o)
	if err != nil {
		return err
	}
	sent := filepath.Join(work, "sent.json")
	if err := call(ctx, o, receiver, r.Addr().String(), secret, k.Text(), sent, watched); err != nil {
		return err
	}
	result, err := evaluate(o, up, r, video, watched, sent)
	if err != nil {
		return err
	}
	result.print(os.Stdout)
	if err := result.plot(o.out); err != nil {
		return err
	}
	fmt.Printf("drawn in %s\n", o.out)
	return nil
}

func traces(o options) (up, down *trace.Trace, err error) {
	load := func(path string, seed uint64, mean bitrate.Bitrate) (*trace.Trace, error) {
		if path != "" {
			return trace.Load(path)
		}
		return trace.LTE(seed, mean, o.duration+10*time.Second)
	}
	up, errUp := load(o.up, o.seed, o.mean)
	down, errDown := load(o.down, o.seed+1000, o.mean.Scale(reverse))
	return up, down, errors.Join(errUp, errDown)
}

// freePort finds a port for salsify-recv, which listens there for TCP and UDP.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// call runs the two programs until the sender ends.
func call(ctx context.Context, o options, receiver, entrance, keyFile, secret, sent string, watched *watch) error {
	// Ctrl-C reaches the programs too, from the terminal; they say goodbye to each other by themselves.
	recv := exec.Command(filepath.Join(o.bin, "salsify-recv"), "--listen", receiver, "--key-file", keyFile, "--display", "-", "--no-audio", "--once")
	shown, err := recv.StdoutPipe()
	if err != nil {
		return err
	}
	log := &tail{}
	recv.Stderr = log
	if err := recv.Start(); err != nil {
		return fmt.Errorf("%w (run `make demo`, which builds the programs)", err)
	}
	send := exec.CommandContext(ctx, filepath.Join(o.bin, "salsify-send"), append([]string{
		"test:seed=" + strconv.FormatUint(o.seed, 10), entrance, "--size", o.size, "--rate", strconv.FormatFloat(o.rate, 'g', -1, 64),
		"--duration", o.duration.String(), "--stats", sent, "--no-audio",
	}, o.sendArgs...)...)
	send.Cancel = func() error { return send.Process.Signal(os.Interrupt) }
	send.Env = append(os.Environ(), "SALSIFY_KEY="+secret)
	send.Stdout, send.Stderr = os.Stdout, os.Stderr
	read := make(chan error, 1)
	go func() {
		err := watched.read(shown)
		io.Copy(io.Discard, shown) // so that the receiver can end
		read <- err
	}()
	sendErr := send.Run()
	// With --once the receiver ends when the sender has gone.
	ended := make(chan error, 1)
	go func() { <-read; ended <- recv.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(5 * time.Second):
		recv.Process.Kill()
		err = errors.Join(errors.New("salsify-recv did not end by itself"), <-ended)
	}
	if err = errors.Join(sendErr, err, watched.err); err != nil {
		return fmt.Errorf("%w\nthe receiver said:\n%s", err, log.text())
	}
	return ctx.Err()
}

// tail keeps the end of what is written to it.
type tail struct{ b []byte }

const tailBytes = 4 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.b = append(t.b, b...)
	t.b = t.b[max(0, len(t.b)-tailBytes):]
	return len(b), nil
}

func (t *tail) text() string { return string(t.b) }
