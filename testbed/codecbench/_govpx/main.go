// Govpx codes and decodes files with github.com/thesyncim/govpx, for testbed/codecbench, which builds it outside of this module:
//
//	govpx encode SOURCE.y4m STREAM.ivf Q    as vpxenc --rt --cpu-used=-6 --threads=1 --end-usage=q does at its quantizer Q
//	govpx decode STREAM.ivf
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/thesyncim/govpx"
)

func main() {
	err := errors.New("usage: govpx encode SOURCE.y4m STREAM.ivf Q | decode STREAM.ivf")
	switch {
	case len(os.Args) == 5 && os.Args[1] == "encode":
		var q int
		if q, err = strconv.Atoi(os.Args[4]); err == nil {
			err = encode(os.Args[2], os.Args[3], q)
		}
	case len(os.Args) == 3 && os.Args[1] == "decode":
		err = decode(os.Args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func encode(source, stream string, q int) error {
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReaderSize(file, 1<<16)
	header, err := in.ReadString('\n')
	if err != nil {
		return err
	}
	var width, height int
	for _, field := range strings.Fields(header) {
		switch field[0] {
		case 'W':
			width, err = strconv.Atoi(field[1:])
		case 'H':
			height, err = strconv.Atoi(field[1:])
		}
		if err != nil {
			return err
		}
	}
	e, err := govpx.NewVP8Encoder(govpx.EncoderOptions{
		Width: width, Height: height, FPS: 30, Threads: 1,
		RateControlMode: govpx.RateControlQ, TargetBitrateKbps: 1000, // which this mode does not aim at
		MinQuantizer: q, MaxQuantizer: q, CQLevel: q,
		Deadline: govpx.DeadlineRealtime, CpuUsed: -6, KeyFrameInterval: 9999,
	})
	if err != nil {
		return err
	}
	out, err := os.Create(stream)
	if err != nil {
		return err
	}
	defer out.Close()
	// The lengths are right, which is all that the bench looks at, beside the size.
	fileHeader := make([]byte, 32)
	copy(fileHeader, "DKIF\x00\x00\x20\x00VP80")
	binary.LittleEndian.PutUint16(fileHeader[12:], uint16(width))
	binary.LittleEndian.PutUint16(fileHeader[14:], uint16(height))
	binary.LittleEndian.PutUint32(fileHeader[16:], 30)
	binary.LittleEndian.PutUint32(fileHeader[20:], 1)
	if _, err := out.Write(fileHeader); err != nil {
		return err
	}
	luma, chroma := width*height, ((width+1)/2)*((height+1)/2)
	samples := make([]byte, luma+2*chroma)
	packet := make([]byte, 4*len(samples)+4096)
	for n := uint64(0); ; n++ {
		if _, err := in.ReadString('\n'); err == io.EOF {
			return out.Close()
		} else if err != nil {
			return err
		}
		if _, err := io.ReadFull(in, samples); err != nil {
			return err
		}
		result, err := e.EncodeInto(packet, govpx.Image{
			Width: width, Height: height, YStride: width, UStride: (width + 1) / 2, VStride: (width + 1) / 2,
			Y: samples[:luma], U: samples[luma : luma+chroma], V: samples[luma+chroma:],
		}, n, 1, 0)
		if err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
		frameHeader := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint32(nil, uint32(len(result.Data))), n)
		if _, err := out.Write(append(frameHeader, result.Data...)); err != nil {
			return err
		}
	}
}

func decode(stream string) error {
	file, err := os.Open(stream)
	if err != nil {
		return err
	}
	defer file.Close()
	in := bufio.NewReader(file)
	d, err := govpx.NewVP8Decoder(govpx.DecoderOptions{})
	if err != nil {
		return err
	}
	if _, err := in.Discard(32); err != nil {
		return err
	}
	var header [12]byte
	var frame []byte
	for n := 1; ; n++ {
		if _, err := io.ReadFull(in, header[:]); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		length := int(binary.LittleEndian.Uint32(header[:]))
		if cap(frame) < length {
			frame = make([]byte, 2*length)
		}
		frame = frame[:length]
		if _, err := io.ReadFull(in, frame); err != nil {
			return err
		}
		if err := d.Decode(frame); err != nil {
			return fmt.Errorf("frame %d: %w", n, err)
		}
		if _, ok := d.NextFrame(); !ok {
			return fmt.Errorf("frame %d shows no picture", n)
		}
	}
}
