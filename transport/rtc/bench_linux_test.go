package rtc

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"salsify/transport/wire"
)

// cpu is the CPU time of this process.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkPackets sends full packets at a rate, and reads them. cpu-us/packet is of both sides together; ALLOCS counts both too.
func BenchmarkPackets(b *testing.B) {
	for _, rate := range []int{1000, 4000, 0} {
		b.Run(fmt.Sprintf("rate=%d", rate), func(b *testing.B) {
			_, o, s := pair(b)
			got := make(chan int)
			go func() {
				n := 0
				for p := new(wire.Packet); ; n++ {
					if _, err := s.Read(p); err != nil {
						got <- n
						return
					}
				}
			}()
			p := packet(1, wire.MaxPayload)
			for range 1000 { // buffers grow
				_ = o.Send(p)
				p.Sequence++
				time.Sleep(20 * time.Microsecond)
			}
			b.ReportAllocs()
			b.ResetTimer()
			began, before := time.Now(), cpu()
			for i := range b.N {
				_ = o.Send(p)
				p.Sequence++
				if rate > 0 {
					time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
				}
			}
			b.ReportMetric(float64((cpu()-before).Nanoseconds())/float64(b.N)/1000, "cpu-us/packet")
			b.StopTimer()
			time.Sleep(20 * time.Millisecond)
			st := s.Stats()
			s.end(ErrClosed)
			b.ReportMetric(100*(1-float64(<-got)/float64(b.N+1000)), "%lost")
			if os.Getenv("VERBOSE") != "" {
				b.Logf("%+v", st)
			}
		})
	}
}
