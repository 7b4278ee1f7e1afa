package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"strconv"
	"time"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
)

// childVerb makes the program a child of the bench, which does one thing that is measured from outside, as other programs are:
//
//	child encode SOURCE STREAM QUANTIZER EFFORT GOROUTINES
//	child candidates SOURCE QUANTIZER QUANTIZER EFFORT GOROUTINES    prints pictures and the nanoseconds of encoding them
//	child decode STREAM GOROUTINES                                   prints pictures
const childVerb = "child"

// child runs one of these.
func child(args []string, stdout io.Writer) error {
	verb, files, numbers := split(args)
	options := func(quantizer, effort, goroutines int) vp8.Options {
		return vp8.Options{Quantizer: quantizer, Effort: effort, Goroutines: goroutines, Unscored: true} // as vpxenc without --psnr
	}
	switch {
	case verb == "encode" && len(files) == 2 && len(numbers) == 3:
		return encodeFile(files[0], files[1], options(numbers[0], numbers[1], numbers[2]))
	case verb == "candidates" && len(files) == 1 && len(numbers) == 4:
		both := []vp8.Options{options(numbers[0], numbers[2], numbers[3]), options(numbers[1], numbers[2], numbers[3])}
		pictures, took, err := encodeCandidates(files[0], both)
		fmt.Fprintln(stdout, pictures, took.Nanoseconds())
		return err
	case verb == "decode" && len(files) == 1 && len(numbers) == 1:
		pictures, err := decodeFile(files[0], numbers[0])
		fmt.Fprintln(stdout, pictures)
		return err
	}
	return fmt.Errorf("not a child of the bench: %q", args)
}

// split tells the verb, the files and the numbers that follow them.
func split(args []string) (verb string, files []string, numbers []int) {
	for i, arg := range args {
		switch n, err := strconv.Atoi(arg); {
		case i == 0:
			verb = arg
		case err == nil:
			numbers = append(numbers, n)
		default:
			files = append(files, arg)
		}
	}
	return verb, files, numbers
}

// ownCommand makes the command of a child.
func ownCommand(ctx context.Context, verb string, files []string, numbers ...int) *exec.Cmd {
	args := append([]string{childVerb, verb}, files...)
	for _, n := range numbers {
		args = append(args, strconv.Itoa(n))
	}
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return exec.CommandContext(ctx, self, args...)
}

// encodeFile codes the Y4M file source to the IVF file stream.
func encodeFile(source, stream string, o vp8.Options) error {
	file, err := os.Create(stream)
	if err != nil {
		return err
	}
	defer file.Close()
	var state *vp8.State
	var out *ivf.Writer
	var frames uint64
	err = eachPicture(source, func(picture *image.YCbCr) (err error) {
		if state == nil {
			width, height := picture.Rect.Dx(), picture.Rect.Dy()
			if state, err = vp8.NewState(width, height); err != nil {
				return err
			}
			// The bench only counts frames, so the rate says nothing.
			if out, err = ivf.NewWriter(file, ivf.Header{Width: width, Height: height, Rate: 30, Scale: 1}); err != nil {
				return err
			}
		}
		frame, next, _, err := vp8.Encode(state, picture, o)
		if err != nil {
			return err
		}
		state.Release()
		state = next
		frames++
		return out.Write(frame, frames-1)
	})
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return file.Close()
}

// encodeCandidates makes as many candidates of each picture of the Y4M file source as there are options, goes on from the first, and
// returns how many pictures there were and how long coding them took.
func encodeCandidates(source string, options []vp8.Options) (pictures int, took time.Duration, err error) {
	var state *vp8.State
	err = eachPicture(source, func(picture *image.YCbCr) (err error) {
		if state == nil {
			if state, err = vp8.NewState(picture.Rect.Dx(), picture.Rect.Dy()); err != nil {
				return err
			}
		}
		start := time.Now()
		candidates := vp8.EncodeAll(state, picture, options)
		took += time.Since(start)
		for _, c := range candidates {
			if c.Err != nil {
				return c.Err
			}
		}
		state.Release()
		state = candidates[0].State
		for _, c := range candidates[1:] {
			c.State.Release()
		}
		pictures++
		return nil
	})
	return pictures, took, err
}

// decodeFile decodes an IVF file and returns how many pictures it shows.
func decodeFile(stream string, goroutines int) (pictures int, err error) {
	d, err := openWith(stream, vp8.DecodeOptions{Goroutines: goroutines})
	if err != nil {
		return 0, err
	}
	defer d.close()
	for {
		if _, err := d.next(); errors.Is(err, io.EOF) {
			return pictures, nil
		} else if err != nil {
			return pictures, err
		}
		pictures++
	}
}
