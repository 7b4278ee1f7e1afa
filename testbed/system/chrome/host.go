package chrome

import (
	"context"
	"net"
	"net/netip"
	"os/exec"
)

// hostNetwork is the machine's own network as a place, for what needs no call.
type hostNetwork struct{}

func (hostNetwork) Address() netip.Addr { return netip.AddrFrom4([4]byte{127, 0, 0, 1}) }

func (hostNetwork) Start(cmd *exec.Cmd) error { return cmd.Start() }

func (hostNetwork) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	var c net.ListenConfig
	return c.Listen(ctx, network, address)
}

func (hostNetwork) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}
