package system

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
)

// Host is the machine's own network as a Place, found at its loopback address: for what needs no emulated network.
type Host struct{}

// Address is Place's.
func (Host) Address() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

// Start is Place's.
func (Host) Start(cmd *exec.Cmd) error { return cmd.Start() }

// Listen is Place's.
func (Host) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return (&net.ListenConfig{}).Listen(ctx, network, address)
}

// Dial is Place's.
func (Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, address)
}
