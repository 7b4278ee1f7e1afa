package mode

import (
	"salsify/codec/vp8/internal/boolcoder"
	"salsify/codec/vp8/internal/entropy"
)

// refPaths are the paths to the inter modes, from entropy.NearestMV on.
var refPaths = func() (paths [5]boolcoder.Path) {
	const first = entropy.NearestMV
	tree := []int8{-(entropy.ZeroMV - first), 2, -(entropy.NearestMV - first), 4, -(entropy.NearMV - first), 6, -(entropy.NewMV - first), -(entropy.SplitMV - first)}
	copy(paths[:], boolcoder.Paths(tree, len(paths)))
	return paths
}()

// subMVRefOf is how a block's vector is coded, given its neighbours': the first way that gives it.
func subMVRefOf(mv, left, above MV) int {
	switch mv {
	case left:
		return entropy.Left4x4
	case above:
		return entropy.Above4x4
	case MV{}:
		return entropy.Zero4x4
	}
	return entropy.New4x4
}
