package virtual

import (
	"fmt"
	"image"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"salsify/sender"
	"salsify/testbed/link"
	"salsify/testbed/quality"
	"salsify/testbed/testenv"
	"salsify/testbed/trace"
)

// processTime is the user time of all threads of the process.
func processTime() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(u.Utime.Nano())
}

// BenchmarkSpeed measures how much faster than real time virtual time runs with the models of both machines, and how many seconds of
// user time a virtual second takes: on two cores the one cannot be more than 2 divided by the other. The video is the clip of
// BenchmarkCosts, forth and back; every fifth picture shown is scored.
//
//	go test ./testbed/virtual -run '^$' -bench Speed/board -benchtime 1x -count 3
func BenchmarkSpeed(b *testing.B) {
	const lasts = 20 * time.Second
	for _, m := range []struct {
		name    string
		machine Machine
	}{
		{"board", Board},
		{"reference", Reference},
	} {
		machine := m.machine
		for _, height := range []int{720, 360} {
			clip := costClip(b, height, 60)
			pingpong := func(n uint64) *image.YCbCr {
				last := uint64(len(clip) - 1)
				return clip[min(n%(2*last), 2*last-n%(2*last))]
			}
			for _, name := range []string{"Verizon-LTE-short.down", "ATT-LTE-driving.down", "0.57mbps-poisson.down", "12mbps.down"} {
				capacity, err := trace.Load(testenv.Shared(b, "traces", name))
				if err != nil {
					b.Fatal(err)
				}
				b.Run(fmt.Sprintf("%s/%d/%s", m.name, height, name), func(b *testing.B) {
					for range b.N {
						start, user := time.Now(), processTime()
						r, err := Run(Config{
							Sender: sender.Config{
								Width: clip[0].Rect.Dx(), Height: height, MaxEffort: sender.DefaultMaxEffort, Goroutines: machine.Cores,
							},
							Rate:     rate,
							Draw:     drawn(pingpong),
							Up:       link.Config{Trace: capacity, Start: 10 * time.Second, Delay: delay},
							Down:     link.Config{Delay: delay},
							Duration: lasts, EncodeTime: machine.Encode, DecodeTime: machine.Decode,
							Score: func(n uint64, shown *image.YCbCr) (quality.Score, error) {
								var m quality.Meter
								return m.Add(pingpong(n), shown)
							},
							ScoreEvery: 5,
						})
						if err != nil {
							b.Fatal(err)
						}
						b.ReportMetric(lasts.Seconds()/time.Since(start).Seconds(), "x-real-time")
						b.ReportMetric((processTime()-user).Seconds()/lasts.Seconds(), "user-s/s")
						s := r.Summary()
						b.ReportMetric(s.Rate, "pictures/s")
						b.ReportMetric(milliseconds(s.FrameDelay.P50), "ms-delay")
						b.ReportMetric(s.SSIMdB, "dB")
					}
				})
			}
		}
	}
}
