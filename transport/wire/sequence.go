package wire

// Extend gives the whole number that a 16-bit counter on the wire stands for: the one nearest to a number seen before. Half of
// the range counts as before near, half as after; what would be below 0 is taken as after.
func Extend(near uint64, short uint16) uint64 {
	n := near + uint64(int64(int16(short-uint16(near))))
	if n > near && n-near > 1<<15 { // it went below 0
		n += 1 << 16
	}
	return n
}
