// Package wav reads and writes files of sound: RIFF WAVE with samples of 16 bits, as "Multimedia Programming Interface and Data
// Specifications 1.0" (IBM, Microsoft 1991) has it.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ErrFormat: the file is not one that Open reads. Its message says how to make one.
var ErrFormat = errors.New("wav: not a usable WAV file")

// How the parts of a file are long, in bytes.
const (
	riffHeader   = 12
	chunkHeader  = 8
	formatChunk  = 16
	writtenBytes = riffHeader + chunkHeader + formatChunk + chunkHeader // before the first sample
	// maxChunks bounds how many chunks are looked through for the sound.
	maxChunks = 100
)

// Formats of samples.
const (
	formatPCM        = 1
	formatExtensible = 0xfffe // the same, where the rest of the chunk says more
)

// File is the sound in a file.
type File struct {
	Channels int   // 1 or 2
	Rate     int   // samples a second of each channel
	Samples  int64 // of each channel
	in       io.ReaderAt
	start    int64
}

// Open reads the head of a file of that many bytes.
func Open(in io.ReaderAt, size int64) (*File, error) {
	var head [riffHeader]byte
	if _, err := in.ReadAt(head[:], 0); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, fmt.Errorf("%w: it does not begin as one; make one: ffmpeg -i FILE -ar 48000 -c:a pcm_s16le FILE.wav", ErrFormat)
	}
	f := &File{in: in}
	at := int64(riffHeader)
	for range maxChunks {
		var chunk [chunkHeader + formatChunk]byte
		n, err := in.ReadAt(chunk[:], at)
		if n < chunkHeader {
			return nil, fmt.Errorf("%w: it ends before the sound (%w)", ErrFormat, err)
		}
		length := int64(binary.LittleEndian.Uint32(chunk[4:]))
		at += chunkHeader
		switch string(chunk[:4]) {
		case "fmt ":
			if n < len(chunk) || length < formatChunk {
				return nil, fmt.Errorf("%w: its format is cut off", ErrFormat)
			}
			if err := f.readFormat(chunk[chunkHeader:]); err != nil {
				return nil, err
			}
		case "data":
			if f.Channels == 0 {
				return nil, fmt.Errorf("%w: the sound comes before its format", ErrFormat)
			}
			f.start = at
			f.Samples = min(length, size-at) / int64(2*f.Channels) // a program that writes into a pipe does not know the length
			if f.Samples <= 0 {
				return nil, fmt.Errorf("%w: there is no sound in it", ErrFormat)
			}
			return f, nil
		}
		at += length + length&1 // chunks begin at even places
	}
	return nil, fmt.Errorf("%w: no sound in its first %d chunks", ErrFormat, maxChunks)
}

func (f *File) readFormat(b []byte) error {
	kind, channels := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[2:]))
	rate, bits := binary.LittleEndian.Uint32(b[4:]), binary.LittleEndian.Uint16(b[14:])
	if kind != formatPCM && kind != formatExtensible || bits != 16 || channels < 1 || channels > 2 || rate == 0 || rate > 1e6 {
		return fmt.Errorf("%w: format %d, %d channels, %d Hz, %d bits; need PCM, 1 or 2 channels, 16 bits: "+
			"ffmpeg -i FILE -ac 2 -ar 48000 -c:a pcm_s16le FILE.wav", ErrFormat, kind, channels, rate, bits)
	}
	f.Channels, f.Rate = channels, int(rate)
	return nil
}

// Read fills samples, whose channels alternate, from sample at of the file, and returns how many of each channel it read. It is an
// error to read nothing.
func (f *File) Read(samples []int16, at int64) (int, error) {
	n := int(min(int64(len(samples)/f.Channels), f.Samples-at))
	if n <= 0 || at < 0 {
		return 0, io.EOF
	}
	var buffer [960]byte
	for done := 0; done < n*f.Channels; {
		part := buffer[:min(len(buffer), 2*(n*f.Channels-done))]
		if _, err := f.in.ReadAt(part, f.start+2*(at*int64(f.Channels)+int64(done))); err != nil {
			return done / f.Channels, fmt.Errorf("wav: %w", err)
		}
		for ; len(part) > 0; part = part[2:] {
			samples[done] = int16(binary.LittleEndian.Uint16(part))
			done++
		}
	}
	return n, nil
}

// Writer writes a file.
type Writer struct {
	out      io.WriteSeeker
	channels int
	bytes    int64
	buffer   []byte
}

// maxBytes of sound are what the format can say; at 48 kHz stereo that is 6 hours.
const maxBytes = 1<<32 - 1 - writtenBytes - 1

// NewWriter begins a file of sound with that many channels and samples a second.
func NewWriter(out io.WriteSeeker, channels, rate int) (*Writer, error) {
	w := &Writer{out: out, channels: channels}
	head := make([]byte, 0, writtenBytes)
	head = append(head, "RIFF\xff\xff\xff\xffWAVEfmt "...)
	head = binary.LittleEndian.AppendUint32(head, formatChunk)
	head = binary.LittleEndian.AppendUint16(head, formatPCM)
	head = binary.LittleEndian.AppendUint16(head, uint16(channels))
	head = binary.LittleEndian.AppendUint32(head, uint32(rate))
	head = binary.LittleEndian.AppendUint32(head, uint32(rate*channels*2))
	head = binary.LittleEndian.AppendUint16(head, uint16(channels*2))
	head = binary.LittleEndian.AppendUint16(head, 16)
	head = append(head, "data\xff\xff\xff\xff"...) // until Close knows: to the end of the file
	_, err := out.Write(head)
	return w, err
}

// Write appends samples, whose channels alternate. What the format cannot hold is an error.
func (w *Writer) Write(samples []int16) error {
	if w.bytes+int64(2*len(samples)) > maxBytes {
		return fmt.Errorf("wav: the file is full")
	}
	w.buffer = w.buffer[:0]
	for _, s := range samples {
		w.buffer = binary.LittleEndian.AppendUint16(w.buffer, uint16(s))
	}
	n, err := w.out.Write(w.buffer)
	w.bytes += int64(n)
	return err
}

// Close writes the length into the head. It does not close the file.
func (w *Writer) Close() error {
	for at, length := range map[int64]int64{4: writtenBytes - 8 + w.bytes, writtenBytes - 4: w.bytes} {
		if _, err := w.out.Seek(at, io.SeekStart); err != nil {
			return err
		}
		if err := binary.Write(w.out, binary.LittleEndian, uint32(length)); err != nil {
			return err
		}
	}
	_, err := w.out.Seek(0, io.SeekEnd)
	return err
}
