package chrome

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"salsify/testbed/clip"
	"salsify/testbed/system"
)

const (
	// startTime is how long a browser may take until it answers; on a busy machine it needs some seconds.
	startTime = 60 * time.Second
	// outputGrace is how long to wait for the last lines of a browser that has ended: one of its children might hold the pipe
	// open.
	outputGrace = 2 * time.Second
	// exitGrace is how long a browser may take to end by itself, when nobody drives it any more.
	exitGrace = 3 * time.Second

	// The names of the folders in memory. What is left of them by a testbed that was killed, the next call removes.
	profilePrefix, cameraPrefix = "salsify-chromium-profile-", "salsify-chromium-camera-"
)

// browser is a Chromium with one page, driven through the DevTools protocol.
//
//  1. startBrowser makes a fresh profile, in which all else lies that the browser writes too, and starts the program in a place's
//     network, with two pipes as its file descriptors 3 and 4.
//  2. chromedp talks DevTools through the pipes. They need no port, and no way into the place's network; and when this process
//     dies in whatever way, they close, and the browser ends itself.
//  3. open loads a page, evaluate runs a script in it.
//  4. close kills the whole process group, waits, and removes the profile.
type browser struct {
	name    string // for messages: "the sender's Chromium"
	profile *clip.TemporaryFolder
	cmd     *exec.Cmd
	tab     context.Context // chromedp's; it ends with the connection to the browser
	cancel  context.CancelFunc
	exited  chan struct{} // closed when the process has ended
	exit    error         // why, then
}

// startBrowser starts a program with these flags, and one empty page. What it says goes to log. ran, which may be nil, is told
// the command line.
func startBrowser(
	ctx context.Context, name, program string, flags []string, place system.Place, log io.Writer, ran func(*exec.Cmd),
) (*browser, error) {
	profile, err := clip.NewTemporaryFolder(profilePrefix)
	if err != nil {
		return nil, err
	}
	b := &browser{name: name, profile: profile, exited: make(chan struct{})}

	// The browser reads commands from its descriptor 3 and answers on 4; ours are the other ends.
	theirIn, ourOut, err := os.Pipe()
	if err != nil {
		profile.Remove()
		return nil, err
	}
	ourIn, theirOut, err := os.Pipe()
	if err != nil {
		theirIn.Close()
		ourOut.Close()
		profile.Remove()
		return nil, err
	}
	flags = append([]string{"--user-data-dir=" + profile.Path, "--remote-debugging-pipe"}, flags...)
	b.cmd = exec.Command(program, flags...)
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.cmd.ExtraFiles = []*os.File{theirIn, theirOut}
	// Sockets of Chromium and of PulseAudio's library, which stay in /tmp otherwise.
	b.cmd.Env = append(os.Environ(), "TMPDIR="+profile.Path, "PULSE_RUNTIME_PATH="+filepath.Join(profile.Path, "pulse"))
	// A group of its own, so that all its processes can be killed at once.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b.cmd.WaitDelay = outputGrace
	err = place.Start(b.cmd)
	theirIn.Close()
	theirOut.Close()
	if err != nil {
		ourIn.Close()
		ourOut.Close()
		profile.Remove()
		return nil, fmt.Errorf("cannot start %s: %w", program, err)
	}
	if ran != nil {
		ran(b.cmd)
	}
	go func() {
		b.exit = b.cmd.Wait()
		close(b.exited)
	}()

	allocator, _ := chromedp.NewAllocatorContext(context.Background(), pipes{ourIn, ourOut})
	b.tab, b.cancel = chromedp.NewContext(allocator, chromedp.WithBrowserOption(
		chromedp.WithBrowserLogf(func(format string, a ...any) { fmt.Fprintf(log, "DevTools: "+format+"\n", a...) })))
	// The first use makes the page. It may not end with ctx, to which chromedp would bind the page's life.
	started := make(chan error, 1)
	go func() { started <- chromedp.Do(b.tab) }()
	timeout := time.NewTimer(startTime)
	defer timeout.Stop()
	select {
	case err = <-started:
		if err != nil && b.lost() {
			err = b.died()
		}
	case <-timeout.C:
		err = fmt.Errorf("it does not answer within %v", startTime)
	case <-ctx.Done():
		err = ctx.Err()
	case <-b.exited:
		err = b.died()
	}
	if err != nil {
		b.close()
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	return b, nil
}

// open loads a page.
func (b *browser) open(ctx context.Context, url string) error {
	err := b.do(ctx, func(ctx context.Context) error {
		if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
			return err
		}
		// chromedp lets itself be told of all that the page sends to a server, with what it sends: 0.1 s for each picture that is
		// uploaded.
		_, err := chromedp.Call(ctx, network.Disable, cdp.Empty{})
		return err
	})
	if err != nil {
		return fmt.Errorf("%s cannot load its page: %w", b.name, err)
	}
	return nil
}

// evaluate runs a script in the page, waits for what it promises, and returns that.
func evaluate[T any](ctx context.Context, b *browser, script string) (result T, err error) {
	err = b.do(ctx, func(ctx context.Context) (err error) {
		result, err = chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
		return err
	})
	var thrown *chromedp.ExceptionError
	if errors.As(err, &thrown) && thrown.Exception != nil && thrown.Exception.Description != "" {
		message, _, _ := strings.Cut(thrown.Exception.Description, "\n    at ") // the rest tells where in the script
		err = errors.New(message)
	}
	if err != nil {
		return result, fmt.Errorf("%s: %w", b.name, err)
	}
	return result, nil
}

// do runs something that drives the page, until ctx or the browser ends.
func (b *browser) do(ctx context.Context, drive func(context.Context) error) error {
	tab, cancel := context.WithCancel(b.tab)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	err := drive(tab)
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case b.lost():
		return b.died()
	}
	return err
}

// lost tells whether nobody is at the other ends of the pipes any more.
func (b *browser) lost() bool {
	driven := chromedp.FromContext(b.tab).Browser
	if driven == nil { // it was not even reached
		return b.tab.Err() != nil
	}
	select {
	case <-driven.LostConnection:
		return true
	default:
		return b.tab.Err() != nil
	}
}

// died tells that the browser has ended, and how.
func (b *browser) died() error {
	select {
	case <-b.exited:
	case <-time.After(outputGrace):
	}
	select {
	case <-b.exited:
		if b.exit != nil {
			return fmt.Errorf("it has died (%w); its log says more", b.exit)
		}
	default:
	}
	return errors.New("it has ended; its log says more")
}

// close ends the browser and all its children, and removes its profile.
func (b *browser) close() error {
	b.cancel() // closes the pipes too, on which the browser ends by itself
	select {
	case <-b.exited:
	case <-time.After(exitGrace):
	}
	// Those that are left, in the group that the browser leads.
	if err := syscall.Kill(-b.cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("cannot kill %s: %w", b.name, err)
	}
	<-b.exited
	// The children that were killed are gone once the system's first process has taken note of it; nobody else can wait for them.
	for end := time.Now().Add(exitGrace); syscall.Kill(-b.cmd.Process.Pid, 0) == nil && time.Now().Before(end); {
		time.Sleep(5 * time.Millisecond)
	}
	// A child that was just killed may have had a file of the profile open for writing, or even have made a new one.
	var err error
	for range 50 {
		if err = b.profile.Remove(); err == nil {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// pipes lets chromedp use a browser that was started here.
type pipes struct {
	in  io.ReadCloser
	out io.WriteCloser
}

// Allocate connects to the browser.
func (p pipes) Allocate(ctx context.Context, options ...chromedp.BrowserOption) (*chromedp.Browser, error) {
	return chromedp.NewBrowserTransport(ctx, chromedp.NewPipeConn(p.in, p.out), options...)
}

// Wait has nothing to wait for: the process is not chromedp's.
func (p pipes) Wait() {}

// Attaches says so.
func (p pipes) Attaches() bool { return true }
