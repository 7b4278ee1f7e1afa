package shell

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Each shell has a block of addresses. The first one in it is outside, the second one inside, and the rest is for shells that are
// opened inside: their blocks are parts of it. So whoever is outside finds the innermost place, with no NAT between.

// everyone is what the blocks are taken from: the addresses for networks of providers (RFC 6598), which hardly anybody else uses.
var everyone = netip.MustParsePrefix("100.64.0.0/10")

const (
	// A shell's block has 18 bits: 255 of them beside each other. One inside another takes 4 bits more: 15 beside each other, and
	// 4 within each other.
	firstBlockBits, nestedBlockBits = 18, 4
	maxBlockBits                    = 30

	// insideName is the device inside. The one outside is outsideName and the number of the block.
	insideName, outsideName = "salsify", "salsify%d"
)

type block struct{ netip.Prefix }

func (b block) outside() netip.Addr { return b.Addr().Next() }

func (b block) inside() netip.Addr { return b.outside().Next() }

// part returns the n-th of the blocks of so many bits within b.
func (b block) part(n, bits int) block {
	a := b.Addr().As4()
	for i, shifted := 3, uint64(n)<<(32-bits); i >= 0; i, shifted = i-1, shifted>>8 {
		a[i] |= byte(shifted)
	}
	return block{netip.PrefixFrom(netip.AddrFrom4(a), bits)}
}

// chooseBlock finds a block that is free in the calling thread's namespace, and makes the device outside: its name is what keeps
// others from taking the same block.
func chooseBlock() (*device, block, error) {
	all, used, err := addresses()
	if err != nil {
		return nil, block{}, err
	}
	bits := firstBlockBits
	if all.Prefix != everyone {
		bits = all.Bits() + nestedBlockBits
	}
	if bits > maxBlockBits {
		return nil, block{}, errors.New("shell: too many shells are open within each other, 4 is the most")
	}
next:
	for n := 1; n < 1<<(bits-all.Bits()); n++ { // the 0th has the addresses of the shell that we are in
		b := all.part(n, bits)
		for _, u := range used {
			if b.Contains(u) {
				continue next
			}
		}
		device, err := openDevice(fmt.Sprintf(outsideName, n))
		if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EINVAL) {
			continue // it is another shell's
		}
		return device, b, err
	}
	return nil, block{}, fmt.Errorf("shell: all addresses of %v are taken: end other shells", all.Prefix)
}

// addresses returns the block in which the calling thread's namespace is, and what addresses it has.
func addresses() (within block, used []netip.Addr, err error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return block{}, nil, fmt.Errorf("shell: the machine's addresses cannot be found out: %w", err)
	}
	within = block{everyone}
	for _, a := range list {
		own, _ := netip.AddrFromSlice(a.IP.To4())
		used = append(used, own)
		if a.Label == insideName && a.Peer != nil {
			bits, _ := a.Peer.Mask.Size()
			within = block{netip.PrefixFrom(own, bits).Masked()}
		}
	}
	return within, used, nil
}
