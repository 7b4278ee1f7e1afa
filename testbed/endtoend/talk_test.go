package endtoend

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"salsify/transport/bitrate"
)

// Two people who talk: each sees the other, over one connection through a link that loses packets, soon after it was captured.
func TestBothWays(t *testing.T) {
	v := view(t, anywhere, "--send", "test:seed=2", "--size", "320x180", "--rate", "25", "--effort", "2")
	_, address := between(t, v, 2*bitrate.MbitPerSecond, 20*time.Millisecond, 0.01)
	seen := filepath.Join(t.TempDir(), "seen.y4m")
	s := send(t, address, v.key, "--display", seen)
	v.flows(10*time.Second, 100)
	s.says(time.Second, "| back: ")
	s.signal(os.Interrupt)
	s.mustEnd(3*time.Second, 0)
	v.mustRun()
	v.mustBeInOrder()
	forth := v.pictures()

	file, err := os.Open(seen)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	other := &viewer{program: s}
	if err := other.look(file); err != nil {
		t.Fatal(err)
	}
	other.mustBeInOrder()
	back := other.pictures()
	if len(back) < len(forth)*3/4 {
		t.Errorf("%d pictures were seen at the sender, %d at the receiver", len(back), len(forth))
	}

	// The next sender gets the pictures too.
	s = send(t, address, v.key, "--display", seen)
	s.says(5*time.Second, "| back: ")
	v.flows(5*time.Second, 10)
	v.signal(os.Interrupt)
	v.mustEnd(3*time.Second, 0)
	s.mustEnd(6*time.Second, 0)
}

// Whoever does not send back is none the worse: nothing is shown at the sender.
func TestNothingBack(t *testing.T) {
	v := view(t, anywhere)
	seen := filepath.Join(t.TempDir(), "seen.y4m")
	s := send(t, v.address, v.key, "--display", seen, "--duration", "1s")
	v.flows(5*time.Second, 10)
	s.mustEnd(5*time.Second, 0)
	if info, err := os.Stat(seen); err != nil || info.Size() != 0 {
		t.Errorf("%v, %v", info, err)
	}
}
