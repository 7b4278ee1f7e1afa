package web

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Who else is in the browser: pages of other sites, which may send requests here from the user's own machine. They must neither see the
// pictures nor take up places.
//
//   - A page can have its own name resolve to this machine (DNS rebinding), and is then of the same origin. So the Host of a request must be
//     an IP address, or a name that is ours.
//   - Other requests of other origins carry their origin, or say so in Sec-Fetch-Site. Following a link to the page is all they may.

// guard knows the names of this machine.
type guard struct{ names []string }

// newGuard returns the guard of a server that listens at a host, which may be empty.
func newGuard(host string) guard {
	g := guard{names: []string{"localhost"}}
	if host != "" {
		g.names = append(g.names, strings.ToLower(host))
	}
	if name, err := os.Hostname(); err == nil && name != "" {
		name = strings.ToLower(name)
		g.names = append(g.names, name, name+".local")
	}
	return g
}

// ours tells whether a Host header names this machine.
func (g guard) ours(header string) bool {
	host := header
	if h, _, err := net.SplitHostPort(header); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return true
	}
	return slices.Contains(g.names, host)
}

// protect lets only requests through that come from our own page, from no page at all, or are for the page itself.
func (g guard) protect(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next) // of what changes something
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.ours(r.Host) {
			http.Error(w, "this machine does not go by that name; use its IP address", http.StatusMisdirectedRequest)
			return
		}
		switch r.Header.Get("Sec-Fetch-Site") {
		case "", "none", "same-origin":
		default:
			if r.URL.Path != "/" {
				http.Error(w, "not for pages of other sites", http.StatusForbidden)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
