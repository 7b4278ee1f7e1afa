package main

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"salsify/codec/y4m"
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
	name          string // file name without its extension
	path          string
	grain         string
	width, height int   // of its pictures
	bytes         int64 // of all that are wanted, from which the time left is foretold
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
	if _, err := output(b.decodeCommand(ctx, j, decoded)); err != nil {
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

// decodeCommand has ffmpeg decode the job's clip as far as it is wanted; where to, the last arguments say.
func (b *bencher) decodeCommand(ctx context.Context, j job, to ...string) *exec.Cmd {
	args := []string{"-v", "error", "-nostdin", "-y", "-i", j.path, "-map", "0:v:0", "-vsync", "passthrough", "-pix_fmt", "yuv420p"}
	if b.frames > 0 {
		args = append(args, "-frames:v", strconv.Itoa(b.frames))
	}
	return exec.CommandContext(ctx, b.tools["ffmpeg"], append(args, to...)...)
}

// look decodes each clip once to fill in the jobs' width, height and bytes.
func (b *bencher) look(ctx context.Context, jobs []job) error {
	for i := range jobs {
		j := &jobs[i]
		if i > 0 && jobs[i-1].path == j.path { // with another grain
			j.width, j.height, j.bytes = jobs[i-1].width, jobs[i-1].height, jobs[i-1].bytes
			continue
		}
		cmd := b.decodeCommand(ctx, *j, "-f", "yuv4mpegpipe", "-")
		var complaint strings.Builder
		cmd.Stderr = &complaint
		pipe, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			return err
		}
		err = readPictures(pipe, func(picture *image.YCbCr) error {
			j.width, j.height = picture.Rect.Dx(), picture.Rect.Dy()
			j.bytes += int64(len(picture.Y) + len(picture.Cb) + len(picture.Cr))
			return nil
		})
		pipe.Close() // else ffmpeg would wait for ever to be rid of what was not read
		if err := errors.Join(err, cmd.Wait()); err != nil {
			return fmt.Errorf("%s: ffmpeg: %w: %s", j.path, err, strings.TrimSpace(complaint.String()))
		}
	}
	return nil
}

// eachPicture reads a Y4M file as readPictures does.
func eachPicture(path string, do func(picture *image.YCbCr) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return readPictures(file, do)
}

// readPictures reads Y4M and calls do with each picture, which is valid until do returns. That there is none is an error.
func readPictures(file io.Reader, do func(picture *image.YCbCr) error) error {
	in, err := y4m.NewReader(file)
	if err != nil {
		return err
	}
	picture := in.Header().NewPicture()
	for n := 0; ; n++ {
		switch err := in.Read(picture); {
		case err == io.EOF && n == 0:
			return errors.New("the clip has no frames")
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		}
		if err := do(picture); err != nil {
			return fmt.Errorf("frame %d: %w", n+1, err)
		}
	}
}
