package paper

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/matrix"
	"salsify/testbed/result"
	"salsify/testbed/testenv"
)

// bounds of what our endpoint must reach in 20 s of a network, in virtual time: generous, so that only a regression exceeds them. What
// was measured when they were set stands above each.
var bounds = map[string]struct {
	signalMean, signalP95 time.Duration // at most
	ssimDB                float64       // at least
	used                  float64       // of the link, at least
}{
	// 77 ms, 200 ms, 15.2 dB, 27 %
	Verizon: {150 * time.Millisecond, 400 * time.Millisecond, 13.5, 0.18},
	// 71 ms, 104 ms, 16.5 dB, 29 %
	ATT: {140 * time.Millisecond, 240 * time.Millisecond, 14.5, 0.2},
	// 145 ms, 590 ms, 15.0 dB, 44 %
	TMobile: {280 * time.Millisecond, 1100 * time.Millisecond, 13, 0.3},
	// 71 ms, 77 ms, 17.9 dB, 26 %
	Intermittent: {120 * time.Millisecond, 220 * time.Millisecond, 16, 0.15},
	// 129 ms, 313 ms, 11.8 dB, 65 %
	WiFi: {250 * time.Millisecond, 600 * time.Millisecond, 10.5, 0.45},
}

// TestShort is the paper's evaluation in short: 20 s of each network, in virtual time, our endpoint beside the conventional one.
func TestShort(t *testing.T) {
	traces := testenv.Shared(t, "traces")
	m, err := Matrix(Config{
		Traces: traces, Clip: matrix.Clip{Source: "test:", Size: matrix.Size{Width: 480, Height: 270}, Rate: Rate},
		Systems: []string{"salsify", "salsify:conventional"}, Duration: 20 * time.Second, Virtual: true, NoOracle: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := m.Plan(t.TempDir(), cell.Missing)
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Cells) != 2*len(bounds) {
		t.Fatalf("%d cells, must be %d", len(plan.Cells), 2*len(bounds))
	}
	figures := map[string]map[string]result.Figures{}
	if _, err := plan.Run(t.Context(), false, func(e matrix.Event) {
		switch {
		case e.Err != nil:
			t.Errorf("%s: %v", e.Cell, e.Err)
		case e.Ended:
			network := e.Result.Network.Name
			if figures[network] == nil {
				figures[network] = map[string]result.Figures{}
			}
			figures[network][e.Result.System] = e.Result.Figures
		}
	}); err != nil {
		t.Fatal(err)
	}
	for network, b := range bounds {
		ours, conventional := figures[network]["salsify"], figures[network]["salsify:conventional"]
		if ours.SSIMdB == nil || ours.LinkUsed == nil {
			t.Errorf("%s: nothing was shown: %+v", network, ours)
			continue
		}
		t.Logf("%s: signal delay mean %.0f ms, p95 %.0f ms, SSIM %.2f dB, %.0f %% of the link used; conventional: mean %.0f ms, p95 %.0f ms",
			network, ours.SignalDelay.Mean, ours.SignalDelay.P95, *ours.SSIMdB, 100**ours.LinkUsed,
			conventional.SignalDelay.Mean, conventional.SignalDelay.P95)
		if mean := float64(b.signalMean.Milliseconds()); ours.SignalDelay.Mean > mean {
			t.Errorf("%s: signal delay is %.0f ms on average, must be at most %.0f", network, ours.SignalDelay.Mean, mean)
		}
		if p95 := float64(b.signalP95.Milliseconds()); ours.SignalDelay.P95 > p95 {
			t.Errorf("%s: signal delay's 95th percentile is %.0f ms, must be at most %.0f", network, ours.SignalDelay.P95, p95)
		}
		if *ours.SSIMdB < b.ssimDB {
			t.Errorf("%s: SSIM is %.2f dB, must be at least %.1f", network, *ours.SSIMdB, b.ssimDB)
		}
		if *ours.LinkUsed < b.used {
			t.Errorf("%s: %.0f %% of the link were used, must be at least %.0f", network, 100**ours.LinkUsed, 100*b.used)
		}
	}
	// What the paper says: on links that change, a codec and a transport that are strangers cost delay.
	for _, network := range []string{Verizon, TMobile, WiFi} {
		ours, conventional := figures[network]["salsify"], figures[network]["salsify:conventional"]
		if conventional.SignalDelay.P95 < 1.2*ours.SignalDelay.P95 {
			t.Errorf("%s: signal delay is %.0f ms at its 95th percentile, of a conventional sender %.0f ms: the joint one must win clearly",
				network, ours.SignalDelay.P95, conventional.SignalDelay.P95)
		}
	}
}

func TestEveryNetworkIsPublished(t *testing.T) {
	of := map[string]int{}
	for _, p := range Published {
		of[p.Network]++
		if p.SignalMean <= 0 || p.SignalP95 < p.SignalMean || p.SSIMdB < 5 || p.SSIMdB > 20 || p.FrameP95 < p.FrameP50 {
			t.Errorf("%s on %s: %+v cannot be right", p.System, p.Network, p)
		}
	}
	for _, n := range networks {
		if of[n.name] < 6 {
			t.Errorf("%s has %d published lines", n.name, of[n.name])
		}
		for _, end := range []string{".down", ".up"} {
			if _, err := os.Stat(filepath.Join(testenv.Shared(t, "traces"), n.trace+end)); err != nil {
				t.Error(err)
			}
		}
	}
}
