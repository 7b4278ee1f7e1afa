// Package entropy has VP8's trees and probability tables: what the symbols of a frame are and how likely each is.
//
// Trees are in the form of RFC 6386 section 8.1 (see boolcoder.Reader.Tree).
package entropy

import "salsify/codec/vp8/internal/boolcoder"

// Kinds of coefficient block (RFC 6386, section 13.3), the first index of CoeffProbs.
const (
	BlockYAfterY2 = iota // luma without its DC coefficient, which a Y2 block carries
	BlockY2              // the DC coefficients of a macroblock's 16 luma blocks
	BlockChroma
	BlockYWithDC
	NumBlockKinds
)

// CoeffProbs are token probabilities by kind of block, band of the coefficient's position, context and node of the token tree.
type CoeffProbs [NumBlockKinds][8][3][11]uint8

// Positions in a set of motion vector component probabilities (RFC 6386, section 17.2).
const (
	MVIsLong    = 0
	MVSign      = 1
	MVShort     = 2 // 7 nodes of the tree for magnitudes 0 to 7
	MVLong      = 9 // 10 bits of a longer magnitude
	MVLongBits  = 10
	NumMVProbs  = MVLong + MVLongBits
	MVMax       = 1<<MVLongBits - 1 // the largest magnitude that can be coded, in quarter pixels
	mvShortLeft = 8                 // magnitudes below this use the short tree
)

// Probs are the probabilities that persist from frame to frame.
type Probs struct {
	Coeff  CoeffProbs
	MV     [2][NumMVProbs]uint8 // rows (vertical), then columns (horizontal)
	YMode  [NumYModes - 1]uint8
	UVMode [NumUVModes - 1]uint8
}

// Default are the probabilities that a key frame starts with.
var Default = Probs{
	Coeff: DefaultCoeff,
	MV: [2][NumMVProbs]uint8{
		{162, 128, 225, 146, 172, 147, 214, 39, 156, 128, 129, 132, 75, 145, 178, 206, 239, 254, 254},
		{164, 128, 204, 170, 119, 235, 140, 230, 228, 128, 130, 130, 74, 148, 180, 203, 236, 254, 254},
	},
	YMode:  [NumYModes - 1]uint8{112, 86, 140, 37},
	UVMode: [NumUVModes - 1]uint8{162, 101, 204},
}

// MVUpdate are the probabilities that a motion vector probability is not updated in a frame header (RFC 6386, section 17.2).
var MVUpdate = [2][NumMVProbs]uint8{
	{237, 246, 253, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 250, 250, 252, 254, 254},
	{231, 243, 245, 253, 254, 254, 254, 254, 254, 254, 254, 254, 254, 254, 251, 251, 254, 254, 254},
}

// Luma modes of a macroblock. The first four are also the chroma modes; those from NearestMV on are of inter macroblocks.
const (
	DCPred = iota
	VPred
	HPred
	TMPred
	BPred // each of the 16 blocks has its own mode
	NumYModes
	NumUVModes = BPred

	NearestMV = iota - 2
	NearMV
	ZeroMV
	NewMV
	SplitMV // blocks have their own vectors
)

// Luma modes of a 4x4 block (RFC 6386, section 11.2).
const (
	BDCPred = iota
	BTMPred
	BVEPred
	BHEPred
	BLDPred
	BRDPred
	BVRPred
	BVLPred
	BHDPred
	BHUPred
	NumBModes
)

// Vectors of a block of a SplitMV macroblock.
const (
	Left4x4 = iota
	Above4x4
	Zero4x4
	New4x4
	NumSubMVRefs
)

// Split shapes of a SplitMV macroblock.
const (
	Split16x8 = iota // two halves, top and bottom
	Split8x16        // two halves, left and right
	Split8x8
	Split4x4
	NumSplits
)

// Trees.
var (
	KeyYModeTree  = []int8{-BPred, 2, 4, 6, -DCPred, -VPred, -HPred, -TMPred}
	YModeTree     = []int8{-DCPred, 2, 4, 6, -VPred, -HPred, -TMPred, -BPred}
	UVModeTree    = []int8{-DCPred, 2, -VPred, 4, -HPred, -TMPred}
	BModeTree     = []int8{-BDCPred, 2, -BTMPred, 4, -BVEPred, 6, 8, 12, -BHEPred, 10, -BRDPred, -BVRPred, -BLDPred, 14, -BVLPred, 16, -BHDPred, -BHUPred}
	SplitTree     = []int8{-Split4x4, 2, -Split8x8, 4, -Split16x8, -Split8x16}
	SubMVRefTree  = []int8{-Left4x4, 2, -Above4x4, 4, -Zero4x4, -New4x4}
	ShortMVTree   = []int8{2, 8, 4, 6, -0, -1, -2, -3, 10, 12, -4, -5, -6, -7}
	SegmentIDTree = []int8{2, 4, -0, -1, -2, -3}
)

// Ways to the leaves of the trees.
var (
	KeyYModePaths  = boolcoder.Paths(KeyYModeTree, NumYModes)
	YModePaths     = boolcoder.Paths(YModeTree, NumYModes)
	UVModePaths    = boolcoder.Paths(UVModeTree, NumUVModes)
	BModePaths     = boolcoder.Paths(BModeTree, NumBModes)
	SplitPaths     = boolcoder.Paths(SplitTree, NumSplits)
	SubMVRefPaths  = boolcoder.Paths(SubMVRefTree, NumSubMVRefs)
	ShortMVPaths   = boolcoder.Paths(ShortMVTree, mvShortLeft)
	SegmentIDPaths = boolcoder.Paths(SegmentIDTree, 4)
)

// Probabilities that never change.
var (
	KeyYMode  = [NumYModes - 1]uint8{145, 156, 163, 128}
	KeyUVMode = [NumUVModes - 1]uint8{142, 114, 183}
	BMode     = [NumBModes - 1]uint8{120, 90, 79, 133, 87, 85, 80, 111, 151} // on interframes
	Split     = [NumSplits - 1]uint8{110, 111, 150}
)

// ModeContexts are the probabilities of the four decisions ZERO, NEAREST, NEAR, NEW or SPLIT, each by the weight of the
// neighbours that speak for it (RFC 6386, section 16.3).
var ModeContexts = [6][4]uint8{
	{7, 1, 1, 143},
	{14, 18, 14, 107},
	{135, 64, 57, 68},
	{60, 56, 128, 65},
	{159, 134, 128, 34},
	{234, 188, 128, 28},
}

// SubMVRef gives the probabilities of a block's vector by the vectors to its left and above (RFC 6386, section 16.3).
func SubMVRef(leftIsZero, aboveIsZero, same bool) *[NumSubMVRefs - 1]uint8 {
	switch {
	case same && aboveIsZero:
		return &subMVRef[4]
	case same:
		return &subMVRef[3]
	case aboveIsZero:
		return &subMVRef[2]
	case leftIsZero:
		return &subMVRef[1]
	}
	return &subMVRef[0]
}

var subMVRef = [5][NumSubMVRefs - 1]uint8{
	{147, 136, 18},
	{106, 145, 1},
	{179, 121, 1},
	{223, 1, 34},
	{208, 1, 1},
}

// SplitOf tells for each split shape to which part each of the 16 blocks belongs.
var SplitOf = [NumSplits][16]uint8{
	{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1},
	{0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1},
	{0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3, 2, 2, 3, 3},
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
}

// SplitFirst lists for each split shape the first block of each part.
var SplitFirst = [NumSplits][]uint8{{0, 8}, {0, 2}, {0, 2, 8, 10}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}}
