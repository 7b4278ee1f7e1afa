package playout

// What the first bytes of an Opus packet tell (RFC 6716, section 3.1), without decoding it.

// hasFEC reports whether the packet has a copy of the frame before it (LBRR: RFC 6716, section 4.2.3). The flags are the first bits
// of the range coder, each as likely as not, so they stand in the byte as they are. Packets of several frames are only looked into
// where the first frame begins with the second byte.
func hasFEC(payload []byte) bool {
	if len(payload) < 2 || payload[0]>>3 >= 16 || payload[0]&3 > 1 { // CELT has none
		return false
	}
	silkFrames := 1
	if config := payload[0] >> 3; config < 12 {
		silkFrames = [4]int{1, 1, 2, 3}[config&3]
	}
	if payload[1]>>(7-silkFrames)&1 == 1 {
		return true
	}
	stereo := payload[0]&4 != 0
	return stereo && payload[1]>>(6-2*silkFrames)&1 == 1
}

// isQuiet reports whether the encoder says with the packet that it falls silent (DTX): no more than two bytes.
func isQuiet(payload []byte) bool { return len(payload) <= 2 }
