package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"salsify/testbed/testenv"
)

// standIn is as much of govpx as the bench's program uses. Its frames are the first bytes of each plane; which pictures it decodes
// it does not look at.
const standIn = `package govpx

import "fmt"

type EncoderOptions struct {
	Width, Height, FPS, Threads, RateControlMode, TargetBitrateKbps, MinQuantizer, MaxQuantizer, CQLevel, Deadline, CpuUsed, KeyFrameInterval int
}

const (
	RateControlQ     = 7
	DeadlineRealtime = 9
)

type Image struct {
	Width, Height             int
	Y, U, V                   []byte
	YStride, UStride, VStride int
}

type Encoder struct{ o EncoderOptions }

type Result struct{ Data []byte }

func NewVP8Encoder(o EncoderOptions) (*Encoder, error) {
	if o.Width != 96 || o.Height != 80 || o.CpuUsed != -6 || o.MinQuantizer != 28 || o.MaxQuantizer != 28 || o.RateControlMode != RateControlQ {
		return nil, fmt.Errorf("unexpected options %+v", o)
	}
	return &Encoder{o}, nil
}

func (e *Encoder) EncodeInto(to []byte, p Image, n, duration uint64, flags int) (Result, error) {
	if len(p.Y) != 96*80 || len(p.U) != 48*40 || len(p.V) != 48*40 || p.YStride != 96 || p.UStride != 48 || p.VStride != 48 {
		return Result{}, fmt.Errorf("unexpected picture")
	}
	return Result{append(to[:0], p.Y[0], p.U[0], p.V[0], byte(n))}, nil
}

type DecoderOptions struct{}

type Decoder struct{}

func NewVP8Decoder(DecoderOptions) (*Decoder, error) { return &Decoder{}, nil }

func (*Decoder) Decode(frame []byte) error {
	if len(frame) != 4 {
		return fmt.Errorf("a frame of %d bytes", len(frame))
	}
	return nil
}

func (*Decoder) NextFrame() (Image, bool) { return Image{}, true }
`

// TestGovpxProgram builds the program against a stand-in and has it code and decode: its reading and writing of files is checked.
func TestGovpxProgram(t *testing.T) {
	testenv.Tool(t, "go")
	_, _, source := newSource(t, options{frames: 3})
	checkout := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module github.com/thesyncim/govpx\n\ngo 1.24\n", "govpx.go": standIn} {
		if err := os.WriteFile(filepath.Join(checkout, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, remove, err := buildGovpx(t.Context(), checkout)
	if err != nil {
		t.Fatal(err)
	}
	defer remove()
	stream := filepath.Join(t.TempDir(), "x.ivf")
	if _, err := output(exec.Command(program, "encode", source, stream, "28")); err != nil {
		t.Fatal(err)
	}
	h, frames, err := readStream(stream)
	if err != nil || h.Width != 96 || h.Height != 80 || len(frames) != 3 || frames[2][3] != 2 {
		t.Errorf("%+v, frames %v, %v", h, frames, err)
	}
	if _, err := output(exec.Command(program, "decode", stream)); err != nil {
		t.Error(err)
	}
	remove()
	if _, err := os.Stat(program); err == nil {
		t.Error("remove leaves the program")
	}
	if _, _, err := buildGovpx(t.Context(), t.TempDir()); err == nil || !strings.Contains(err.Error(), govpxVariable) {
		t.Errorf("an empty folder: error %v, want one that names %s", err, govpxVariable)
	}
}
