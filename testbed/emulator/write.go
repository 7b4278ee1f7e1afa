package emulator

import (
	"io"
	"time"

	"salsify/testbed/link"
)

// WriteLog writes the packet log of links that ran without an Emulator, in virtual time: what its Config.PacketLog would have got.
// start is the instant that times are counted from.
func WriteLog(out io.Writer, start time.Time, up, down []link.Record) error {
	l := newPacketLog(out)
	l.begin(start)
	flush := func() error {
		_, err := out.Write(l.lines)
		l.lines = l.lines[:0]
		return err
	}
	for _, way := range []struct {
		way     Way
		records []link.Record
	}{{Up, up}, {Down, down}} {
		for i, r := range way.records {
			l.add(way.way.String(), r)
			if i%1024 == 0 {
				if err := flush(); err != nil {
					return err
				}
			}
		}
	}
	return flush()
}
