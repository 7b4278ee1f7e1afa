package vp8

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"sync/atomic"

	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
)

// MaxSize is the largest width and height of a picture in pixels: the format has 14 bits for each.
const MaxSize = header.MaxSize

// ID names a State: ID(first) = H(width, height) and ID(next) = H(ID(source), frame bytes), where H is the first 16 bytes of
// SHA-256. Decoding is deterministic, so States of the same ID are the same.
type ID [16]byte

// String gives the ID as 32 hexadecimal digits.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// firstID names the State that NewState makes.
func firstID(width, height int) ID {
	b := make([]byte, 0, 16)
	b = binary.BigEndian.AppendUint32(b, uint32(width))
	b = binary.BigEndian.AppendUint32(b, uint32(height))
	sum := sha256.Sum256(b)
	return ID(sum[:])
}

// next names the State that a frame leads to.
func (id ID) next(frame []byte) ID {
	h := sha256.New()
	h.Write(id[:])
	h.Write(frame)
	var sum [sha256.Size]byte
	return ID(h.Sum(sum[:0])[:16])
}

// State is what a VP8 decoder remembers between two frames. It never changes and may be shared between goroutines. A State
// holds references to pictures, not copies: keeping dozens is cheap. See the package comment for its memory.
type State struct {
	id            ID
	width, height int
	scale         [2]int // horizontal and vertical scaling bits of the last key frame
	context       *header.Context
	segments      *segmentMap // nil: all macroblocks are in segment 0
	memory        memory

	// refs are the reference pictures by header.Last, Golden and AltRef, all nil before the first key frame. The one at
	// header.Intra is the picture that the last frame decoded to, which Picture gives and nothing is predicted from.
	refs [header.NumRefs]*picture.Picture
	pool *picture.Pool // where pictures of this size come from; shared by all States of a line of descent

	users    atomic.Int32 // the owner, until Release, and each call at work on the State
	released atomic.Bool
}

// memory is what the encoder's decisions need to know of the frames before. The format has no need of it, but the encoder keeps
// nothing outside the State, so it is here, and follows from the frames alone.
type memory struct {
	GoldenAge, AltRefAge            uint16 // frames since each reference was last replaced
	Quantizer, FilterLevel          uint8  // of the last frame
	ProbSkip                        uint8  // of the last frame
	ProbIntra, ProbLast, ProbGolden uint8  // of the last interframe, 0 before the first
}

// NewState returns the first State for pictures of the given size in pixels, 1 to MaxSize each way. It holds no picture: the
// first frame that is encoded or decoded from it must be a key frame. A decoder that does not know the size yet may give any,
// since key frames carry theirs, but only States that began with the same size have the same names.
func NewState(width, height int) (*State, error) {
	if width < 1 || height < 1 || width > MaxSize || height > MaxSize {
		return nil, fmt.Errorf("%w: %dx%d (1 to %d each way)", ErrSize, width, height, MaxSize)
	}
	s := &State{
		id: firstID(width, height), width: width, height: height,
		context: new(header.Context), pool: picture.NewPool(width, height),
	}
	s.users.Store(1)
	return s, nil
}

// ID returns the State's name.
func (s *State) ID() ID { return s.id }

// Size returns the width and height of the State's pictures in pixels.
func (s *State) Size() (width, height int) { return s.width, s.height }

// HasPicture tells whether interframes can be encoded and decoded from this State.
func (s *State) HasPicture() bool { return s.refs[header.Last] != nil }

// Picture returns the picture that the frame which made this State decodes to, whether the frame says to show it or not, or nil
// for a first State. It is part of the State: do not write to it, nor read it after Release.
func (s *State) Picture() *image.YCbCr {
	if s.refs[header.Intra] == nil {
		return nil
	}
	return &s.refs[header.Intra].Visible
}

// Release gives back the State's share of picture memory, for the next Decode or Encode in the same line of descent. The
// State may then not be used again, nor its Picture; other States are not touched. A State that is never released is left to
// the garbage collector. Releasing while another goroutine decodes or encodes from the State is safe: that call finishes
// first. A second Release does nothing, nor does one of the zero State.
func (s *State) Release() {
	if s.width != 0 && s.released.CompareAndSwap(false, true) {
		s.unuse()
	}
}

// Share returns another State of the same name and contents, which is released on its own: what one owner releases stays with the other.
// Nothing is copied but references. The error wraps ErrReleased or ErrSize.
func (s *State) Share() (*State, error) {
	if err := s.use(); err != nil {
		return nil, err
	}
	defer s.unuse()
	other := &State{
		id: s.id, width: s.width, height: s.height, scale: s.scale, memory: s.memory,
		context: contexts.Get().(*header.Context), segments: s.segments.hold(), refs: s.refs, pool: s.pool,
	}
	*other.context = *s.context
	other.users.Store(1)
	for _, ref := range other.refs {
		if ref != nil {
			ref.Hold()
		}
	}
	return other, nil
}

// use keeps the State's pictures alive during a call.
func (s *State) use() error {
	if s.width == 0 {
		return fmt.Errorf("%w: the zero State has no size; use NewState or UnmarshalBinary", ErrSize)
	}
	if s.released.Load() {
		return ErrReleased
	}
	for {
		n := s.users.Load()
		if n == 0 {
			return ErrReleased
		}
		if s.users.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

func (s *State) unuse() {
	if s.users.Add(-1) != 0 {
		return
	}
	for _, ref := range s.refs {
		if ref != nil {
			ref.Drop()
		}
	}
	s.segments.drop()
	contexts.Put(s.context)
	s.segments, s.context = nil, nil
}

// poolFor gives the pool for a frame's pictures: the State's own unless a key frame changes the size.
func (s *State) poolFor(f *header.Frame) *picture.Pool {
	if f.Key && !s.pool.Fits(f.Width, f.Height) {
		return picture.NewPool(f.Width, f.Height)
	}
	return s.pool
}

// next makes the State that a frame leads to. pic is the frame's picture, whose holder the new State becomes; segments is the
// frame's segment map, of which it becomes a holder too.
func (s *State) next(f *header.Frame, frame []byte, pic *picture.Picture, pool *picture.Pool, segments *segmentMap) *State {
	n := &State{
		id:       s.id.next(frame),
		width:    s.width,
		height:   s.height,
		scale:    s.scale,
		context:  contexts.Get().(*header.Context),
		segments: segments,
		memory:   s.memory.next(f),
		refs:     s.refs,
		pool:     pool,
	}
	*n.context = f.Next(s.context)
	n.users.Store(1)
	if f.Key {
		n.width, n.height = f.Width, f.Height
		n.scale = [2]int{f.HorizontalScale, f.VerticalScale}
	}
	// ALTREF first, then GOLDEN: where both are copies of each other, both end as the old GOLDEN, as libvpx has it.
	switch f.CopyToAltRef {
	case header.CopyLast:
		n.refs[header.AltRef], n.memory.AltRefAge = n.refs[header.Last], 0
	case header.CopyOther:
		n.refs[header.AltRef], n.memory.AltRefAge = n.refs[header.Golden], 0
	}
	switch f.CopyToGolden {
	case header.CopyLast:
		n.refs[header.Golden], n.memory.GoldenAge = n.refs[header.Last], 0
	case header.CopyOther:
		n.refs[header.Golden], n.memory.GoldenAge = n.refs[header.AltRef], 0
	}
	if f.RefreshGolden {
		n.refs[header.Golden], n.memory.GoldenAge = pic, 0
	}
	if f.RefreshAltRef {
		n.refs[header.AltRef], n.memory.AltRefAge = pic, 0
	}
	if f.RefreshLast {
		n.refs[header.Last] = pic
	}
	n.refs[header.Intra] = pic
	for _, ref := range n.refs {
		ref.Hold()
	}
	pic.Drop() // the holder that the pool handed out
	return n
}

// maxAge is where the ages stop counting.
const maxAge = 1<<16 - 1

// next is the memory after a frame that replaces no reference.
func (m memory) next(f *header.Frame) memory {
	m.GoldenAge = min(m.GoldenAge, maxAge-1) + 1
	m.AltRefAge = min(m.AltRefAge, maxAge-1) + 1
	m.Quantizer = uint8(f.Quantizers.Base)
	m.FilterLevel = uint8(f.FilterLevel)
	m.ProbSkip = f.ProbSkip
	if !f.Key {
		m.ProbIntra, m.ProbLast, m.ProbGolden = f.ProbIntra, f.ProbLast, f.ProbGolden
	}
	return m
}
