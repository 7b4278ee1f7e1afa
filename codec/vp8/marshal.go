package vp8

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"salsify/codec/vp8/internal/header"
	"salsify/codec/vp8/internal/picture"
)

// How a State is written, all numbers big-endian:
//
//  1. The magic and version of stateMagic.
//  2. The fields of fixedPart, in their order.
//  3. A byte that tells whether there is a segment map, and the map: a byte a macroblock.
//  4. For LAST, GOLDEN, ALTREF and the shown picture, in this order, a byte: 0 if there is none, 1 if its planes follow, or
//     2 + n if it is the same picture as number n of this list. Planes are Y, U, V, row by row, macroblocks whole.
//  5. SHA-256 of all that.

// stateMagic begins a marshalled State; its last byte is the version.
var stateMagic = [8]byte{'v', 'p', '8', 's', 't', 'a', 't', 1}

// fixedPart is what has the same size in every State.
type fixedPart struct {
	ID                             ID
	Width, Height                  uint16
	HorizontalScale, VerticalScale uint8
	Context                        header.Context
	Memory                         memory
}

// Marks of a picture in the list of step 4.
const (
	noPicture    = 0
	planesFollow = 1
	sameAs       = 2
)

// refOrder is the order of step 4.
var refOrder = [header.NumRefs]int{header.Last, header.Golden, header.AltRef, header.Intra}

func (s *State) fixed() fixedPart {
	return fixedPart{
		ID: s.id, Width: uint16(s.width), Height: uint16(s.height),
		HorizontalScale: uint8(s.scale[0]), VerticalScale: uint8(s.scale[1]),
		Context: *s.context, Memory: s.memory,
	}
}

// Fingerprint hashes what the State is made of: its reference pictures, probability tables, segmentation, loop-filter deltas
// and the encoder's memory. States of the same Fingerprint decode and encode alike. The name is not part of it, nor is
// the picture that Picture gives, unless it is a reference. It costs a pass over the pictures; ID is free. Do not ask it of a
// released State.
func (s *State) Fingerprint() [sha256.Size]byte {
	h := sha256.New()
	fixed := s.fixed()
	fixed.ID = ID{}
	binary.Write(h, binary.BigEndian, fixed) // a hash takes every write
	segments := s.segments.of()
	if segments == nil {
		segments = make([]uint8, s.macroblocks())
	}
	h.Write(segments)
	sums := make(map[*picture.Picture][]byte, header.NumRefs)
	for _, i := range refOrder[:header.NumRefs-1] {
		ref := s.refs[i]
		if ref != nil && sums[ref] == nil {
			sums[ref] = hashPicture(ref)
		}
		h.Write(sums[ref])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

func hashPicture(p *picture.Picture) []byte {
	h := sha256.New()
	writePlanes(p, func(row []byte) { h.Write(row) })
	return h.Sum(nil)
}

// writePlanes hands out the rows of a picture's planes.
func writePlanes(p *picture.Picture, write func(row []byte)) {
	for _, pl := range [...]*picture.Plane{&p.Y, &p.U, &p.V} {
		for y := range pl.Height {
			write(pl.Pix[pl.At(0, y):][:pl.Width])
		}
	}
}

func (s *State) macroblocks() int { return ((s.width + 15) / 16) * ((s.height + 15) / 16) }

// planeBytes is how many bytes the planes of one of the State's pictures take.
func (s *State) planeBytes() int { return s.macroblocks() * (256 + 64 + 64) }

// MarshalBinary writes the State, with its pictures and its name, to be taken up elsewhere by UnmarshalBinary: by another
// process or on another machine, whose coding goes on with the same bytes. At 1280x720 it takes 1.4 MB for each different
// picture.
func (s *State) MarshalBinary() ([]byte, error) {
	if err := s.use(); err != nil {
		return nil, err
	}
	defer s.unuse()
	out := bytes.NewBuffer(make([]byte, 0, 4096+s.macroblocks()+len(refOrder)*s.planeBytes()))
	out.Write(stateMagic[:])
	if err := binary.Write(out, binary.BigEndian, s.fixed()); err != nil {
		return nil, err
	}
	if s.segments == nil {
		out.WriteByte(0)
	} else {
		out.WriteByte(1)
		out.Write(s.segments.ids)
	}
	for n, i := range refOrder {
		switch same := s.firstSame(n); {
		case s.refs[i] == nil:
			out.WriteByte(noPicture)
		case same < n:
			out.WriteByte(byte(sameAs + same))
		default:
			out.WriteByte(planesFollow)
			writePlanes(s.refs[i], func(row []byte) { out.Write(row) })
		}
	}
	sum := sha256.Sum256(out.Bytes())
	out.Write(sum[:])
	return out.Bytes(), nil
}

// firstSame gives the first number in refOrder of the picture that is number n.
func (s *State) firstSame(n int) int {
	for i, r := range refOrder[:n] {
		if s.refs[r] == s.refs[refOrder[n]] {
			return i
		}
	}
	return n
}

// UnmarshalBinary makes s the State that MarshalBinary wrote. s must be the zero State, since States in use never change. Bytes
// that are damaged, of another version or not a State are an error that wraps ErrStateData, and s stays as it was. A picture is
// allocated only once its bytes are there; its border makes it larger than them, 1.2 times at 1280x720 and 43 times at 16x16.
func (s *State) UnmarshalBinary(data []byte) error {
	if s.width != 0 {
		return fmt.Errorf("%w: only the zero State can be unmarshalled into", ErrStateData)
	}
	if len(data) < len(stateMagic)+sha256.Size || !bytes.Equal(data[:len(stateMagic)-1], stateMagic[:len(stateMagic)-1]) {
		return fmt.Errorf("%w: it does not begin like one", ErrStateData)
	}
	if v, want := data[len(stateMagic)-1], stateMagic[len(stateMagic)-1]; v != want {
		return fmt.Errorf("%w of version %d: it has version %d", ErrStateData, want, v)
	}
	body, sum := data[:len(data)-sha256.Size], data[len(data)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], sum) {
		return fmt.Errorf("%w: it is damaged (its checksum does not match)", ErrStateData)
	}
	return s.read(bytes.NewReader(body[len(stateMagic):]))
}

// read does the steps 2 to 4.
func (s *State) read(in *bytes.Reader) error {
	var fixed fixedPart
	if err := binary.Read(in, binary.BigEndian, &fixed); err != nil {
		return fmt.Errorf("%w: it is too short", ErrStateData)
	}
	w, h := int(fixed.Width), int(fixed.Height)
	if w < 1 || h < 1 || w > MaxSize || h > MaxSize {
		return fmt.Errorf("%w: its pictures are %dx%d", ErrStateData, w, h)
	}
	if fixed.HorizontalScale > 3 || fixed.VerticalScale > 3 {
		return fmt.Errorf("%w: its scaling bits are out of range", ErrStateData)
	}
	n := &State{
		id: fixed.ID, width: w, height: h, scale: [2]int{int(fixed.HorizontalScale), int(fixed.VerticalScale)},
		context: &fixed.Context, memory: fixed.Memory,
		pool: picture.NewPool(w, h),
	}
	if err := n.readSegments(in); err != nil {
		return err
	}
	if err := n.readPictures(in); err != nil {
		return err
	}
	if in.Len() != 0 {
		return fmt.Errorf("%w: %d bytes follow its end", ErrStateData, in.Len())
	}
	s.id, s.width, s.height, s.scale, s.context = n.id, n.width, n.height, n.scale, n.context
	s.segments, s.memory, s.refs, s.pool = n.segments, n.memory, n.refs, n.pool
	s.users.Store(1)
	return nil
}

func (s *State) readSegments(in *bytes.Reader) error {
	mark, err := in.ReadByte()
	if err != nil || mark > 1 {
		return fmt.Errorf("%w: its segment map is missing", ErrStateData)
	}
	if mark == 0 {
		return nil
	}
	if in.Len() < s.macroblocks() {
		return fmt.Errorf("%w: its segment map is too short", ErrStateData)
	}
	s.segments = newSegmentMap(s.macroblocks())
	in.Read(s.segments.ids) // cannot fall short
	for _, seg := range s.segments.ids {
		if seg > 3 {
			return fmt.Errorf("%w: its segment map has a segment %d", ErrStateData, seg)
		}
	}
	return nil
}

func (s *State) readPictures(in *bytes.Reader) error {
	for n, i := range refOrder {
		mark, err := in.ReadByte()
		switch {
		case err != nil:
			return fmt.Errorf("%w: its pictures are missing", ErrStateData)
		case mark == noPicture:
		case mark == planesFollow:
			if in.Len() < s.planeBytes() {
				return fmt.Errorf("%w: picture %d is too short", ErrStateData, n)
			}
			pic := s.pool.Get()
			writePlanes(pic, func(row []byte) { in.Read(row) }) // cannot fall short
			pic.ExtendBorder()
			s.refs[i] = pic
		case int(mark)-sameAs < n && s.refs[refOrder[mark-sameAs]] != nil:
			s.refs[i] = s.refs[refOrder[mark-sameAs]].Hold()
		default:
			return fmt.Errorf("%w: picture %d has no valid place", ErrStateData, n)
		}
	}
	for _, ref := range s.refs {
		if (ref == nil) != (s.refs[header.Last] == nil) {
			return fmt.Errorf("%w: some of its pictures are missing", ErrStateData)
		}
	}
	return nil
}
