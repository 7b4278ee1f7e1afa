package vp8

import (
	"sync"
	"sync/atomic"

	"salsify/codec/vp8/internal/header"
)

// What a State has beside pictures comes from pools too, and goes back there when the State is released: the probabilities take more than a
// kilobyte, a segment map at 720p almost four, and each frame makes new ones.

var contexts = sync.Pool{New: func() any { return new(header.Context) }}

// segmentMap is the segment of each macroblock, in raster order. It outlives the State whose frame sent it for as long as frames keep it.
type segmentMap struct {
	ids     []uint8
	holders atomic.Int32
}

var segmentMaps = sync.Pool{New: func() any { return new(segmentMap) }}

// newSegmentMap gives a map of n macroblocks with undefined contents and one holder.
func newSegmentMap(n int) *segmentMap {
	m := segmentMaps.Get().(*segmentMap)
	if cap(m.ids) < n {
		m.ids = make([]uint8, n)
	}
	m.ids = m.ids[:n]
	m.holders.Store(1)
	return m
}

// of gives the map's segments, or nil where all are 0.
func (m *segmentMap) of() []uint8 {
	if m == nil {
		return nil
	}
	return m.ids
}

// hold adds a holder.
func (m *segmentMap) hold() *segmentMap {
	if m != nil {
		m.holders.Add(1)
	}
	return m
}

// drop takes one away.
func (m *segmentMap) drop() {
	if m != nil && m.holders.Add(-1) == 0 {
		segmentMaps.Put(m)
	}
}
