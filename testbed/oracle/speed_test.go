package oracle

import (
	"fmt"
	"testing"
	"time"

	"salsify/capture/scene"
	"salsify/codec/vp8"
	"salsify/testbed/link"
	"salsify/testbed/testenv"
	"salsify/testbed/trace"
)

// BenchmarkSpeed prints how much faster than real time the oracle runs at 720p, with the made-up scene.
//
//	go test ./testbed/oracle -run '^$' -bench Speed -benchtime 1x
func BenchmarkSpeed(b *testing.B) {
	const lasts = 4 * time.Second
	s, err := scene.New(scene.Config{Width: 1280, Height: 720, Rate: 30, Seed: 1})
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"Verizon-LTE-short.down", "0.57mbps-poisson.down", "12mbps.down"} {
		capacity, err := trace.Load(testenv.Shared(b, "traces", name))
		if err != nil {
			b.Fatal(err)
		}
		for _, effort := range []int{1, vp8.DefaultEffort} {
			start := time.Now()
			r, err := Run(Config{
				Width: 1280, Height: 720, Rate: rate, Draw: s.Render, Effort: effort, Goroutines: 2,
				Link: link.Config{Trace: capacity, Start: 10 * time.Second, Delay: delay}, Duration: lasts,
			})
			if err != nil {
				b.Fatal(err)
			}
			sum := r.Summary()
			fmt.Printf("%s, effort %d: %.2f times real time; %.1f pictures a second, signal delay %v, SSIM %.2f dB, %.0f %% of the link\n",
				name, effort, lasts.Seconds()/time.Since(start).Seconds(), sum.Rate, sum.SignalDelay.Mean.Round(time.Millisecond), sum.SSIMdB,
				100*float64(r.Used)/float64(r.Offered))
		}
	}
}
