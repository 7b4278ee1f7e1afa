package virtual

import "testing"

// TestShare: what the receiver takes from the sender is what it would decode: with every frame decoded all goes the same way.
func TestShare(t *testing.T) {
	t.Parallel()
	c := scored(3 * second)
	c.Up.Loss = 0.03
	shared := run(t, c)
	if shared.Receiver.Damaged > 0 || shared.Receiver.Shown < 64 {
		t.Errorf("%d pictures are shown, %d frames damaged", shared.Receiver.Shown, shared.Receiver.Damaged)
	}
}
