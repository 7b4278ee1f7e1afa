//go:build !linux

package rtc

import "time"

const oobSize = 0

type systemSocket struct{}

func (s *socket) configure() {}

// receive has no time stamp to give here: the time at which the datagram is read stands for it.
func (s *socket) receive(b []byte) (n int, stamp time.Time, r route, err error) {
	n, r.remote, err = s.conn.ReadFromUDPAddrPort(b)
	return n, time.Time{}, r, err
}

// write sends b at once. It may be called by several goroutines.
func (s *socket) write(b []byte, r route) error {
	_, err := s.conn.WriteToUDPAddrPort(b, r.remote)
	return err
}
