package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"salsify/codec/vp8"
)

// The speed of a clip, in order:
//
//  1. Every encoder codes it at one quantizer, one after the other, and our encoder makes two candidates of each picture. That is
//     done several times over; what counts is the median.
//  2. The stream that vpxenc made with one thread is decoded by every decoder, likewise: once as it is and once with its frames
//     repeated. The difference is decoding alone, without the start of a process (of ffmpeg's, as long as 50 pictures of 720p).

const (
	speedQ      = 28  // vpxenc's quantizer, the middle one of vpxencQs
	rounds      = 3   // how often everything is done
	extraFrames = 240 // at least so many frames more has the longer stream: starts differ by less than 2 % of their time
	coarser     = 20  // quantizer indices between the two candidates
	threads     = 2   // of those that are measured with several
)

// Who is measured.
const (
	ours1   = "ours, 1 goroutine"
	ours2   = "ours, 2 goroutines"
	vpxenc1 = "vpxenc, 1 thread"
	vpxenc2 = "vpxenc, 2 threads"
	vpxdec  = "vpxdec"
	ffmpeg  = "ffmpeg"
	govpx   = "govpx"
)

// speed is what coding and decoding a clip took, by who did it. All of it at vpxenc's quantizer speedQ or what it stands for; our encoder
// with its default effort.
type speed struct {
	Frames     int             `json:"frames"`
	Encoders   map[string]cost `json:"encoders"`
	Candidates float64         `json:"two_candidates_pictures_per_second"` // on two goroutines
	Decoders   map[string]cost `json:"decoders"`                           // one thread each, ours two as well
}

// cost is what a process took.
type cost struct {
	CPU  float64 `json:"cpu_ms_per_frame"`
	Wall float64 `json:"wall_ms_per_frame"`
	Peak float64 `json:"peak_bytes"` // of memory
}

// contender is a program that codes the clip in to the stream out, or decodes the stream in, and then makes nothing of out.
type contender struct {
	name    string
	command func(in, out string) *exec.Cmd
}

func (b *bencher) encoders(ctx context.Context) []contender {
	vpxenc := func(threads int) func(in, out string) *exec.Cmd {
		return func(in, out string) *exec.Cmd { return b.vpxenc(ctx, in, out, speedQ, threads) }
	}
	ours := func(goroutines int) func(in, out string) *exec.Cmd {
		return func(in, out string) *exec.Cmd {
			return ownCommand(ctx, "encode", []string{in, out}, quantizerOf[speedQ], vp8.DefaultEffort, goroutines)
		}
	}
	list := []contender{{vpxenc1, vpxenc(1)}, {ours1, ours(1)}, {vpxenc2, vpxenc(threads)}, {ours2, ours(threads)}}
	if program, ok := b.tools[govpx]; ok {
		list = append(list, contender{govpx, func(in, out string) *exec.Cmd {
			return exec.CommandContext(ctx, program, "encode", in, out, strconv.Itoa(speedQ))
		}})
	}
	return list
}

// decoders decode in one thread, ours in two as well, as far as their caller could look at each picture.
func (b *bencher) decoders(ctx context.Context) []contender {
	program := func(name string, args func(in string) []string) contender {
		return contender{name, func(in, _ string) *exec.Cmd { return exec.CommandContext(ctx, b.tools[name], args(in)...) }}
	}
	ours := func(name string, goroutines int) contender {
		return contender{name, func(in, _ string) *exec.Cmd { return ownCommand(ctx, "decode", []string{in}, goroutines) }}
	}
	list := []contender{ours(ours1, 1), ours(ours2, threads), program(vpxdec, vpxdecArgs), program(ffmpeg, ffmpegArgs)}
	if _, ok := b.tools[govpx]; ok {
		list = append(list, program(govpx, func(in string) []string { return []string{"decode", in} }))
	}
	return list
}

// vpxdecArgs has vpxdec decode a stream and do nothing with the pictures.
func vpxdecArgs(stream string) []string {
	return []string{"--codec=vp8", "--threads=1", "--noblit", stream}
}

// ffmpegArgs has ffmpeg decode a stream with its own decoder, not libvpx, and do nothing with the pictures.
func ffmpegArgs(stream string) []string {
	return []string{"-v", "error", "-nostdin", "-threads", "1", "-c:v", "vp8", "-i", stream, "-vsync", "passthrough", "-f", "null", "-"}
}

// measureSpeed fills in the speed of a job's result.
func (b *bencher) measureSpeed(ctx context.Context, j job, source string, r *result) error {
	stream, longStream, scrap := source+".ivf", source+".long.ivf", source+".scrap.ivf"
	defer os.Remove(stream)
	defer os.Remove(longStream)
	defer os.Remove(scrap)
	work := float64(j.bytes) * float64(b.jobs)
	taken := map[string][]usage{}
	var candidates []float64
	for range rounds {
		for _, e := range b.encoders(ctx) {
			to := scrap
			if e.name == vpxenc1 {
				to = stream
			}
			used, _, err := spend(e.command(source, to))
			if err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			taken[e.name] = append(taken[e.name], used)
		}
		rate, err := candidateRate(ctx, source)
		if err != nil {
			return fmt.Errorf("two candidates: %w", err)
		}
		candidates = append(candidates, rate)
		b.progress.did(work*(encoderWork+candidatesWork), "%s: coded by all, two candidates at %.0f pictures/s", j, rate)
	}
	header, frames, err := readStream(stream)
	if err != nil {
		return err
	}
	s := &speed{Frames: len(frames), Encoders: map[string]cost{}, Decoders: map[string]cost{}, Candidates: median(candidates)}
	for name, all := range taken {
		s.Encoders[name] = medianCost(all, len(frames))
	}

	times := 1 + (extraFrames+len(frames)-1)/len(frames)
	if err := repeatStream(longStream, header, frames, times); err != nil {
		return err
	}
	clear(taken)
	for range rounds {
		for _, d := range b.decoders(ctx) {
			once, _, err := spend(d.command(stream, ""))
			if err != nil {
				return fmt.Errorf("decoding by %s: %w", d.name, err)
			}
			long, _, err := spend(d.command(longStream, ""))
			if err != nil {
				return fmt.Errorf("decoding by %s: %w", d.name, err)
			}
			taken[d.name] = append(taken[d.name], usage{CPU: long.CPU - once.CPU, Wall: long.Wall - once.Wall, Peak: long.Peak})
		}
		b.progress.did(work*decoderWork, "%s: decoded by all", j)
	}
	for name, all := range taken {
		s.Decoders[name] = medianCost(all, (times-1)*len(frames))
	}
	r.Speed = s
	return nil
}

// candidateRate returns how many pictures of source a second our encoder makes two candidates of, on two goroutines.
func candidateRate(ctx context.Context, source string) (float64, error) {
	first := quantizerOf[speedQ]
	out, err := output(ownCommand(ctx, "candidates", []string{source}, first, first+coarser, vp8.DefaultEffort, threads))
	if err != nil {
		return 0, err
	}
	var pictures, nanoseconds float64
	if _, err := fmt.Sscan(string(out), &pictures, &nanoseconds); err != nil || nanoseconds <= 0 {
		return 0, fmt.Errorf("no figures in %q", strings.TrimSpace(string(out)))
	}
	return pictures / nanoseconds * 1e9, nil
}

// medianCost takes the median of each figure, for one of the frames.
func medianCost(all []usage, frames int) cost {
	middle := func(of func(usage) float64) float64 {
		var values []float64
		for _, u := range all {
			values = append(values, of(u))
		}
		return median(values)
	}
	return cost{
		CPU:  middle(func(u usage) float64 { return 1000 * u.CPU.Seconds() }) / float64(frames),
		Wall: middle(func(u usage) float64 { return 1000 * u.Wall.Seconds() }) / float64(frames),
		Peak: middle(func(u usage) float64 { return float64(u.Peak) }),
	}
}
