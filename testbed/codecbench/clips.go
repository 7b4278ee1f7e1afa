package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The two grains. Clips that were compressed before repeat exactly where nothing moves, which flatters a codec that skips;
// light noise takes that away, as a real camera does.
const (
	clean = "clean"
	light = "light"
)

// regrainScript lies beside the clips and adds the noise, with a fixed seed.
const regrainScript = "regrain.sh"

var clipExtensions = []string{".mp4", ".mkv", ".webm", ".y4m"}

// job is one clip at one grain.
type job struct {
	name  string // file name without its extension
	path  string
	grain string
}

func (j job) String() string { return j.name + " " + j.grain }

// listJobs returns a job for every clip and grain that the options ask for, by name.
func listJobs(folder string, o options) ([]job, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("no clips: %w (set SALSIFY_SHARED to the shared folder)", err)
	}
	grains := []string{o.grain}
	if o.grain == "both" {
		grains = []string{clean, light}
	}
	var jobs []job
	var names []string
	for _, e := range entries {
		ext := filepath.Ext(e.Name())
		if e.IsDir() || !slices.Contains(clipExtensions, ext) {
			continue
		}
		name := strings.TrimSuffix(e.Name(), ext)
		names = append(names, name)
		if !strings.Contains(name, o.clips) {
			continue
		}
		for _, grain := range grains {
			jobs = append(jobs, job{name: name, path: filepath.Join(folder, e.Name()), grain: grain})
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("no clip in %s contains %q; there are: %s", folder, o.clips, strings.Join(names, ", "))
	}
	return jobs, nil
}

// decodeClip writes the job's pictures to a new Y4M file and returns its path. The caller removes it.
func (b *bencher) decodeClip(ctx context.Context, j job) (path string, err error) {
	path = filepath.Join(b.temp, j.name+"-"+j.grain+".y4m")
	decoded := path
	if j.grain == light {
		// The noise is laid over the frames that are wanted, not over the whole clip. Its seed makes it the same either way.
		decoded = filepath.Join(b.temp, j.name+"-before-"+j.grain+".y4m")
		defer os.Remove(decoded)
	}
	args := []string{"-v", "error", "-nostdin", "-y", "-i", j.path, "-map", "0:v:0", "-vsync", "passthrough", "-pix_fmt", "yuv420p"}
	if b.frames > 0 {
		args = append(args, "-frames:v", strconv.Itoa(b.frames))
	}
	if _, err := output(exec.CommandContext(ctx, b.tools["ffmpeg"], append(args, decoded)...)); err != nil {
		return "", err
	}
	if j.grain == light {
		script := filepath.Join(filepath.Dir(j.path), regrainScript)
		if _, err := output(exec.CommandContext(ctx, script, decoded, path, light)); err != nil {
			os.Remove(path)
			return "", err
		}
	}
	return path, nil
}

// output runs a command and returns what it printed; an error tells what it complained of.
func output(cmd *exec.Cmd) ([]byte, error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
