package entropy

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"slices"
	"testing"

	"salsify/codec/vp8/internal/boolcoder"
)

// TestLongTables compares the CRC-32 of the tables' bytes with that of those in the RFC.
func TestLongTables(t *testing.T) {
	for _, test := range []struct {
		name  string
		table any
		want  uint32
	}{
		{"default coefficient probabilities, section 13.5", DefaultCoeff, 0x71a910e9},
		{"coefficient update probabilities, section 13.4", CoeffUpdate, 0xc531335a},
		{"block modes of key frames, section 11.5", KeyBMode, 0x1c5dc1ae},
	} {
		var b bytes.Buffer
		if err := binary.Write(&b, binary.BigEndian, test.table); err != nil {
			t.Fatal(err)
		}
		if got := crc32.ChecksumIEEE(b.Bytes()); got != test.want {
			t.Errorf("%s: %d bytes of CRC-32 %#x, want %#x", test.name, b.Len(), got, test.want)
		}
	}
}

// TestCodes compares the bits of each symbol with those that the RFC's trees give it.
func TestCodes(t *testing.T) {
	for _, test := range []struct {
		name  string
		tree  []int8
		paths []boolcoder.Path
		want  []string
	}{
		{"luma modes of key frames", KeyYModeTree, KeyYModePaths, []string{"100", "101", "110", "111", "0"}},
		{"luma modes", YModeTree, YModePaths, []string{"0", "100", "101", "110", "111"}},
		{"chroma modes", UVModeTree, UVModePaths, []string{"0", "10", "110", "111"}},
		{"block modes", BModeTree, BModePaths, []string{
			"0", "10", "110", "11100", "11110", "111010", "111011", "111110", "1111110", "1111111",
		}},
		{"split shapes", SplitTree, SplitPaths, []string{"110", "111", "10", "0"}},
		{"vectors of blocks", SubMVRefTree, SubMVRefPaths, []string{"0", "10", "110", "111"}},
		{"short vector magnitudes", ShortMVTree, ShortMVPaths, []string{"000", "001", "010", "011", "100", "101", "110", "111"}},
		{"segments", SegmentIDTree, SegmentIDPaths, []string{"00", "01", "10", "11"}},
	} {
		for leaf, path := range test.paths {
			bits := ""
			for i := range path.Len {
				bits += string('0' + rune(path.Bits>>(path.Len-1-i)&1))
			}
			if leaf >= len(test.want) || bits != test.want[leaf] {
				t.Errorf("%s: symbol %d has the bits %s", test.name, leaf, bits)
			}
			// The tree, read with those bits, leads to the symbol.
			probs := slices.Repeat([]uint8{128}, 16)
			var w boolcoder.Writer
			w.Reset(nil)
			w.Path(&path, probs)
			r := boolcoder.NewReader(w.Finish())
			if got := r.Tree(test.tree, probs); got != leaf {
				t.Errorf("%s: the bits of symbol %d lead to %d", test.name, leaf, got)
			}
		}
		if len(test.paths) != len(test.want) || len(test.tree) != 2*(len(test.want)-1) {
			t.Errorf("%s: %d symbols and a tree of %d, want %d symbols", test.name, len(test.paths), len(test.tree), len(test.want))
		}
	}
}

func TestSubMVRef(t *testing.T) {
	for _, test := range []struct {
		leftIsZero, aboveIsZero, same bool
		want                          [3]uint8
	}{
		{false, false, false, [3]uint8{147, 136, 18}},
		{true, false, false, [3]uint8{106, 145, 1}},
		{false, true, false, [3]uint8{179, 121, 1}},
		{false, false, true, [3]uint8{223, 1, 34}},
		{true, true, true, [3]uint8{208, 1, 1}},
	} {
		if got := *SubMVRef(test.leftIsZero, test.aboveIsZero, test.same); got != test.want {
			t.Errorf("left zero %v, above zero %v, same %v: %v, want %v", test.leftIsZero, test.aboveIsZero, test.same, got, test.want)
		}
	}
}

// TestSplits: each part of a split begins at the block that SplitFirst says, in raster order, and the parts cover all blocks.
func TestSplits(t *testing.T) {
	for shape, parts := range []int{2, 2, 4, 16} {
		if len(SplitFirst[shape]) != parts {
			t.Errorf("shape %d has %d parts, want %d", shape, len(SplitFirst[shape]), parts)
		}
		for part, first := range SplitFirst[shape] {
			if got := slices.Index(SplitOf[shape][:], uint8(part)); got != int(first) {
				t.Errorf("shape %d: part %d begins at block %d, want %d", shape, part, got, first)
			}
		}
		if got := int(slices.Max(SplitOf[shape][:])) + 1; got != parts {
			t.Errorf("shape %d: blocks are of %d parts, want %d", shape, got, parts)
		}
	}
	// The rows of a 16x8 split, the columns of an 8x16 one.
	for b := range 16 {
		if int(SplitOf[Split16x8][b]) != b/8 || int(SplitOf[Split8x16][b]) != b%4/2 || int(SplitOf[Split8x8][b]) != b/8*2+b%4/2 {
			t.Errorf("block %d is in the wrong part", b)
		}
	}
}

// TestNoProbabilityIsZero: a probability of 0 cannot be coded with.
func TestNoProbabilityIsZero(t *testing.T) {
	var b bytes.Buffer
	for _, table := range []any{Default, CoeffUpdate, MVUpdate, KeyBMode, KeyYMode, KeyUVMode, BMode, Split, subMVRef, ModeContexts} {
		if err := binary.Write(&b, binary.BigEndian, table); err != nil {
			t.Fatal(err)
		}
	}
	if i := bytes.IndexByte(b.Bytes(), 0); i >= 0 {
		t.Errorf("probability %d of all tables is 0", i)
	}
}
