package arrivals_test

import "testing"
import "time"
import "salsify/transport/bitrate"

func TestUrgentIsNotLater(t *testing.T) {
	r := newReceiver()
	var worst time.Duration
	for i := range uint16(100) {
		r.packet(float64(i)*30, i*300+1) // 299 lost between each
	}
	for i := range r.reports {
		if i > 0 {
			worst = max(worst, r.reports[i].at.Sub(r.reports[i-1].at))
		}
	}
	t.Log(worst)
	if worst > 60*time.Millisecond {
		t.Errorf("urgent reports are up to %v apart", worst)
	}
	_ = bitrate.Of
}
