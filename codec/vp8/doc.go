// Package vp8 is VP8 (RFC 6386) as pure functions of a named state.
//
// Everything that a decoder remembers between two frames is a value, a [State]: three reference pictures, the probability
// tables, the segmentation map and the loop-filter deltas. A State never changes. Two functions go from one to the next:
//
//	next, picture, err := vp8.Decode(state, frame)
//	frame, next, stats, err := vp8.Encode(state, picture, options)
//
// and both give the same next State for the same frame, so an encoder always knows what a decoder holds. The same picture can
// be encoded twice from one State at two qualities, and the coding goes on from either result, or from a State of five frames
// ago: nothing needs to be undone.
//
// A State has a name, its [ID], made from the names of the frames that led to it. Whoever holds a State of the same name holds
// the same State. It can be written to a file and taken up by another process with MarshalBinary and UnmarshalBinary.
//
// # Memory
//
// Reference pictures are shared between States and never copied. The garbage collector takes back a State that nobody holds,
// but at 30 pictures a second that is a lot of garbage. Call [State.Release] on a State that is no longer wanted, and the next
// Decode or Encode in the same line of descent reuses its picture memory at once. Releasing is optional, and States that share
// pictures with a released one keep them.
package vp8
