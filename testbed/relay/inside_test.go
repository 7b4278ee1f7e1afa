package relay

import (
	"net/netip"
	"testing"
	"time"
)

func TestSilentClientsMakeRoom(t *testing.T) {
	r, err := Listen("127.0.0.1:0", "127.0.0.1:9", Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	address := func(port int) netip.AddrPort {
		return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	}
	for i := range MaxClients {
		if r.clientAt(address(1000+i), now.Add(time.Duration(i)*time.Second)) == nil {
			t.Fatalf("client %d was refused", i)
		}
	}
	full := now.Add(ClientTimeout - time.Second)
	if r.clientAt(address(1), full) != nil {
		t.Error("a client was forgotten too early")
	}
	r.clientAt(address(1000), full) // the oldest speaks again: the next one is the oldest now
	late := now.Add(ClientTimeout + time.Second)
	if r.clientAt(address(1), late) == nil || len(r.clients) != MaxClients {
		t.Error("no room was made for a new client")
	}
	if r.clients[address(1000)] == nil || r.clients[address(1001)] != nil {
		t.Error("another client was forgotten than the one that was silent longest")
	}
}
