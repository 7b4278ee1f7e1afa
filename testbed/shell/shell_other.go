//go:build !linux

package shell

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os/exec"
	"time"

	"salsify/testbed/emulator"
)

// Shell is a running pair of places; there is none on this system.
type Shell struct{}

// Place is one end of the emulated network; there is none on this system.
type Place struct{}

var errLinux = errors.New("network namespaces and TUN devices are Linux's: run it there")

// Missing says that this is not Linux.
func Missing() error { return errLinux }

// Reexec returns the error of Missing.
func Reexec() error { return errLinux }

// Open returns the error of Missing.
func Open(context.Context, Config) (*Shell, error) { return nil, errLinux }

// Begin is never called.
func (s *Shell) Begin() time.Time { return time.Time{} }

// Inside is never called.
func (s *Shell) Inside() *Place { return &Place{} }

// Outside is never called.
func (s *Shell) Outside() *Place { return &Place{} }

// Cut is never called.
func (s *Shell) Cut(bool) {}

// Stats is never called.
func (s *Shell) Stats() emulator.Stats { return emulator.Stats{} }

// Close is never called.
func (s *Shell) Close() error { return nil }

// Address is never called.
func (p *Place) Address() netip.Addr { return netip.Addr{} }

// Start is never called.
func (p *Place) Start(*exec.Cmd) error { return errLinux }

// Listen is never called.
func (p *Place) Listen(context.Context, string, string) (net.Listener, error) { return nil, errLinux }

// ListenPacket is never called.
func (p *Place) ListenPacket(context.Context, string, string) (net.PacketConn, error) {
	return nil, errLinux
}

// Dial is never called.
func (p *Place) Dial(context.Context, string, string) (net.Conn, error) { return nil, errLinux }
