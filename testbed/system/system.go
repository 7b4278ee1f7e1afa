// Package system is what the testbed demands of a system under test: to take pictures from a camera at one place, and to show them at another.
// Each package below it is one system, by an adapter that runs it unmodified.
package system

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os/exec"

	"salsify/testbed/camera"
	"salsify/testbed/clip"
	"salsify/testbed/screen"
)

// System is a way to send live video from one place to another. The way of a call:
//
//  1. Missing is asked whether the system can run here.
//  2. Prepare does what may be done before the call: write files, start browsers, load pages. The places can reach each other
//     meanwhile, through a link that only delays.
//  3. At Session.Run the trace begins to play and the camera's picture 0 is due: the call is set up over the emulated network, and goes on until
//     the context ends.
//  4. Session.Close ends what is left.
type System interface {
	// Missing returns nil if the system can run on this machine, or else an error that says what is missing and how to get it.
	Missing() error
	// Versions tells versions of all that the system consists of, by name, such as "chromium": "156.0". What cannot be found out is left out.
	Versions(ctx context.Context) map[string]string
	// Prepare makes the system ready for a call.
	Prepare(ctx context.Context, call *Call) (Session, error)
}

// Session is a call.
type Session interface {
	// Run sends live video until ctx ends, which is not an error; the error tells why the call ended before.
	Run(ctx context.Context) error
	// Close ends all processes that were started, and waits for them. It is called once, after Run or in its place.
	Close() error
}

// Call is what a System gets for one call.
type Call struct {
	Video            *clip.Video
	Camera           *camera.Camera // plays the video to the sender
	Screen           *screen.Screen // sees what the receiver shows
	Sender, Receiver Place          // the video goes from Sender to Receiver
	// Keep is every how many-th new picture the screen wants in full; for systems that read their screen themselves.
	Keep int
	// Log opens a file for what a program says, in the folder of results.
	Log func(name string) (io.WriteCloser, error)
	// Ran notes a command line for the results, as it was started.
	Ran func(cmd *exec.Cmd)
}

// Place is one end of the emulated network.
type Place interface {
	// Address is where the other place finds what listens here.
	Address() netip.Addr
	// Start starts a command in this place's network; the rest of the machine (files, users) is as everywhere. Its Cancel, Stdin and so on are as
	// usual, and cmd.Wait has to be called.
	Start(cmd *exec.Cmd) error
	// Listen listens in this place's network, which has a loopback interface of its own.
	Listen(ctx context.Context, network, address string) (net.Listener, error)
	// Dial connects from this place's network.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
}
