package v4l2

import "time"

// maxAge is how old a picture can honestly be when it is taken from the driver. A clock that says more is wrong: some cameras have
// a clock of their own, which drivers translate badly.
const maxAge = 5 * time.Second

// capturedAt translates the kernel's time stamp of a picture, on its monotonic clock, into a time. now is the time at which that
// clock said clock. A stamp that cannot be is replaced by now.
func capturedAt(stamp, clock time.Duration, now time.Time) time.Time {
	age := clock - stamp
	if stamp <= 0 || age < 0 || age > maxAge {
		return now
	}
	return now.Add(-age)
}

// numbering makes the numbers of pictures of the driver's 32-bit sequence, which begins anew with each start.
type numbering struct {
	next    uint64 // the least number that was not given
	before  uint32 // the sequence that was given last
	started bool
}

// restart says that the sequence begins anew.
func (n *numbering) restart() { n.started = false }

// number returns the number of a picture. It grows by as much as the sequence; where that goes backwards, by one.
func (n *numbering) number(sequence uint32) uint64 {
	const backwards = 1 << 31
	number := n.next
	if step := sequence - n.before; n.started && step > 0 && step < backwards {
		number += uint64(step) - 1
	}
	n.next, n.before, n.started = number+1, sequence, true
	return number
}
