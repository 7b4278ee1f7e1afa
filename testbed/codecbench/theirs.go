package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
)

// vpxencQs are the quantizers of vpxenc at which a clip is coded: from about the best to about the worst that a call sends.
var vpxencQs = []int{10, 18, 28, 38, 50}

// quantizerOf maps vpxenc's quantizer, 0 to 63, to VP8's quantizer index: the table q_trans of libvpx's VP8 interface.
var quantizerOf = [64]int{
	0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 13, 15, 17, 18, 19,
	20, 21, 23, 24, 25, 26, 27, 28, 29, 30, 31, 33, 35, 37, 39, 41,
	43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 64, 67, 70, 73, 76, 79,
	82, 85, 88, 91, 94, 97, 100, 103, 106, 109, 112, 115, 118, 121, 124, 127,
}

// vpxencArgs are vpxenc's arguments for a real-time call at one quantizer: no look-ahead, one key frame and, as WebRTC has it, one
// token partition with any number of threads.
func vpxencArgs(q string, threads int) []string {
	return []string{"-q", "-y", "--codec=vp8", "--rt", "--cpu-used=-6", fmt.Sprintf("--threads=%d", threads), "--token-parts=0",
		"--end-usage=q", "--lag-in-frames=0", "--kf-max-dist=9999", "--ivf", "--cq-level=" + q, "--min-q=" + q, "--max-q=" + q}
}

// vpxenc makes the command that codes source with vpxenc at its quantizer q.
func (b *bencher) vpxenc(ctx context.Context, source, stream string, q, threads int) *exec.Cmd {
	return exec.CommandContext(ctx, b.tools["vpxenc"], append(vpxencArgs(strconv.Itoa(q), threads), "-o", stream, source)...)
}

// theirs codes source with vpxenc at quantizer q and measures the result, or takes it from the cache.
func (b *bencher) theirs(ctx context.Context, j job, source string, q int) (measurement, error) {
	entry, err := b.newCacheEntry(j, q, vpxencArgs(strconv.Itoa(q), 1))
	if err != nil {
		return measurement{}, err
	}
	if m, ok := entry.load(); ok {
		return m, nil
	}
	stream := source + ".theirs.ivf"
	defer os.Remove(stream)
	m, err := b.code(ctx, source, stream, q, b.vpxenc(ctx, source, stream, q, 1))
	if err != nil {
		return measurement{}, err
	}
	return m, entry.store(m)
}

// cacheEntry is a result of vpxenc in the cache folder. It serves only if what led to it is the same.
type cacheEntry struct {
	path string // empty: no cache

	Args        []string    `json:"vpxenc_args"`
	ClipBytes   int64       `json:"clip_bytes"` // tells another version of the clip
	Measurement measurement `json:"measurement"`
}

func (b *bencher) newCacheEntry(j job, q int, args []string) (*cacheEntry, error) {
	if b.cache == "" {
		return &cacheEntry{}, nil
	}
	info, err := os.Stat(j.path)
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("vpxenc-%s-%s-q%02d-frames%d.json", j.name, j.grain, q, b.frames)
	return &cacheEntry{path: filepath.Join(b.cache, name), Args: args, ClipBytes: info.Size()}, nil
}

// load returns the cached result, if there is one that fits.
func (e *cacheEntry) load() (measurement, bool) {
	if e.path == "" {
		return measurement{}, false
	}
	data, err := os.ReadFile(e.path)
	if err != nil {
		return measurement{}, false
	}
	var old cacheEntry
	if json.Unmarshal(data, &old) != nil || !slices.Equal(old.Args, e.Args) || old.ClipBytes != e.ClipBytes || old.Measurement.Frames == 0 {
		return measurement{}, false
	}
	old.Measurement.Cached = true
	return old.Measurement, true
}

func (e *cacheEntry) store(m measurement) error {
	if e.path == "" {
		return nil
	}
	e.Measurement = m
	data, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(e.path, data, 0o666)
}
