package main

import (
	"fmt"
	"net"

	"salsify/cmd/internal/live"
	"salsify/transport/rtc/key"
)

// invite prints what to type at the other side.
func invite(screen *live.Screen, o *options, k key.Key, port int) {
	flags := " --key " + k.Text()
	if o.open {
		flags = ""
	}
	if o.tlsCert != "" {
		flags += " --public-cert"
	}
	host, _, _ := net.SplitHostPort(o.listen) // it was listened at
	screen.Say("listening at %s. On the sending machine:", net.JoinHostPort(host, fmt.Sprint(port)))
	for _, host := range hosts(o) {
		screen.Say("  salsify-send SOURCE %s%s", net.JoinHostPort(host, fmt.Sprint(port)), flags)
	}
	if o.open {
		screen.Say("warning: --open lets anyone who reaches this port send")
	}
	if o.showToken {
		screen.Say("bearer token for WHIP clients, endpoint https://HOST:%d/whip: %s", port, k.Token())
	}
}

// hosts are the names under which this machine may be reached: the address that it listens at, or all its own.
func hosts(o *options) []string {
	host, _, err := net.SplitHostPort(o.listen)
	if ip := net.ParseIP(host); err == nil && host != "" && (ip == nil || !ip.IsUnspecified()) {
		return []string{host}
	}
	var found []string
	addresses, _ := net.InterfaceAddrs() // without them, what follows still says how
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() && n.IP.To4() != nil {
			found = append(found, n.IP.String())
		}
	}
	if len(found) == 0 {
		found = []string{"localhost"}
	}
	return found
}
