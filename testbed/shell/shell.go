// Package shell puts an emulated network between two network namespaces, so that any program can run behind it, unmodified, as in
// the shells of mahimahi (Netravali et al., USENIX ATC 2015):
//
//  1. Two places are made (place_linux.go): inside is a network namespace of its own. Outside is another one, or the network that
//     the process is in.
//  2. In each a TUN device is made (device_linux.go), a network interface whose other end is this process. It has the address of
//     the place, and inside it is the way to everywhere else.
//  3. A thread for each device reads what the programs at that place send, and puts it into the link of that way (package
//     emulator): up is from inside to outside.
//  4. What has crossed the link is written to the other device, and so received at the other place.
//
// A packet costs its IP length and link.TUNHeaderBytes. There is no way from inside to the Internet, no NAT and no name server.
//
// A process that does nothing else should call thread.HurryAll. Any other should have more Go threads than processors (runtime.GOMAXPROCS), so that a thread which has a packet to move is scheduled
// by the system, and does not wait for a goroutine's time slice to end; Stats tells how late packets were, which on a busy machine may
// still be milliseconds.
package shell

import (
	"io"

	"salsify/testbed/link"
)

// Config says what is between inside and outside.
type Config struct {
	// Up is the link from inside to outside, Down the one back; see emulator.Config.
	Up, Down link.Config
	// PacketLog, unless nil, gets a line of CSV for each packet, as emulator.Config says.
	PacketLog io.Writer
	// PrivateOutside makes outside a network namespace of its own too, so that nothing of the machine's network is touched.
	// Without it, outside is the network that the process is in.
	PrivateOutside bool
}
