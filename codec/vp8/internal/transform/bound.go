package transform

// What can be told of the coefficients of a residue without transforming it. The differences d of a 4x4 block have the sum
// S and the sum of squares E.
//
//   - The DC coefficient is half of S, with the half rounded upwards: so says ForwardDCT. The coefficients of Y2 are thus known.
//   - The exact coefficients are twice those of an orthonormal transform, which keeps the sum of squares: all 16 squares add up
//     to 4*E. The exact DC coefficient is S/2; the squares of the 15 others add up to 4*E-S*S/4. So none of these is above m if
//     16*E-S*S, which is called energy here, is at most 4*m*m.
//   - ForwardDCT is off by less than 0.7. Its factors are off by less than 0.3/2^14, and its rows' coefficients, which are 8 times
//     as large, by less than 0.08 for that, and by up to 0.5 for their rounding. A column takes four of these times at most 1.31
//     and 4 in sum, and a 16th of that: less than 0.15. Its own factors add less than 0.02, and its own rounding up to 0.5.
//   - Where the exact magnitude is at most m, that of the whole number is thus below m+0.7: it is at most m, too.

// BoundLuma tells the energy of the block of a macroblock's luma, a-b, that has the most: no AC coefficient that ForwardLuma gives
// is above any m for which energy <= 4*m*m. y2Peaks are exactly those that ForwardLuma returns.
func BoundLuma(a []byte, aStride int, b []byte, bStride int) (energy int, y2Peaks Peaks) {
	return boundLuma(a, aStride, b, bStride)
}

func boundLumaGo(a []byte, aStride int, b []byte, bStride int) (energy int, y2Peaks Peaks) {
	var dcs [256]int16
	var y2 [16]int16
	for i := range 16 {
		at := func(stride int) int { return (i>>2)*4*stride + (i&3)*4 }
		e, dc := energyOf(a[at(aStride):], aStride, b[at(bStride):], bStride)
		energy = max(energy, e)
		dcs[16*i] = int16(dc)
	}
	forwardWHTGo(dcs[:], &y2)
	return energy, peaksGo(y2[:])
}

// BoundChroma tells the same of both chroma planes. dc is exactly the larger magnitude of the DC coefficients.
func BoundChroma(aU, aV []byte, aStride int, bU, bV []byte, bStride int) (energy, dc int) {
	return boundChroma(aU, aV, aStride, bU, bV, bStride)
}

func boundChromaGo(aU, aV []byte, aStride int, bU, bV []byte, bStride int) (energy, dc int) {
	for i := range 4 {
		at := func(stride int) int { return (i>>1)*4*stride + (i&1)*4 }
		eU, dcU := energyOf(aU[at(aStride):], aStride, bU[at(bStride):], bStride)
		eV, dcV := energyOf(aV[at(aStride):], aStride, bV[at(bStride):], bStride)
		energy, dc = max(energy, eU, eV), max(dc, dcU, -dcU, dcV, -dcV)
	}
	return energy, dc
}

// energyOf gives the energy and the DC coefficient of a block.
func energyOf(a []byte, aStride int, b []byte, bStride int) (energy, dc int) {
	sum, squares := 0, 0
	for y := range 4 {
		ra, rb := a[y*aStride:y*aStride+4:y*aStride+4], b[y*bStride:y*bStride+4:y*bStride+4]
		for x := range 4 {
			d := int(ra[x]) - int(rb[x])
			sum += d
			squares += d * d
		}
	}
	return 16*squares - sum*sum, (sum + 1) >> 1
}
