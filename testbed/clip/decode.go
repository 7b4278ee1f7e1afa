package clip

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"salsify/codec/y4m"
)

// unfinishedEnding ends the names of files that are being written, and unfinishedPattern is what those of decoded clips are called: the
// folder may be one that a user named, with other files in it.
const unfinishedEnding, unfinishedPattern = ".unfinished", "salsify-clip-*" + unfinishedEnding

// reserve is how much of a file system is left free for others, in bytes. On one that lies in memory, that much memory is.
const reserve = 256 << 20

// roomEvery is after how many bytes written the room is looked at again.
const roomEvery = 32 << 20

// progressEvery is how often progress is written.
const progressEvery = time.Second

// decodeInto decodes the clip to a file, which appears once it is whole. An error that wraps errNoRoom says how much was needed.
func decodeInto(ctx context.Context, c Config, path string, log io.Writer) (err error) {
	out, err := createHeld(func() (*os.File, error) { return os.CreateTemp(filepath.Dir(path), unfinishedPattern) })
	if err != nil {
		return fmt.Errorf("the clip cannot be decoded to %s: %w", filepath.Dir(path), err)
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	copier := &copier{ctx: ctx, clip: c.Source, path: path, out: out, log: log}
	used, err := copier.plain(c)
	if err == nil && !used {
		err = copier.ffmpeg(c)
	}
	if err == nil && copier.count == 0 {
		err = fmt.Errorf("%s has no picture", c.Source)
	}
	if err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(out.Name(), path)
}

// copier copies pictures from a stream to the file of the decoded clip.
type copier struct {
	ctx        context.Context
	clip, path string
	out        io.Writer
	log        io.Writer

	count   int   // pictures so far
	written int64 // bytes
	checked int64 // up to which there is known to be room
	told    time.Time
}

// plain copies a .y4m file that can be taken as it is; used tells whether it could.
func (c *copier) plain(config Config) (used bool, err error) {
	if !strings.EqualFold(filepath.Ext(config.Source), ".y4m") {
		return false, nil
	}
	in, err := os.Open(config.Source)
	if err != nil {
		return false, err
	}
	defer in.Close()
	r, err := y4m.NewReader(in)
	if errors.Is(err, y4m.ErrChroma) {
		return false, nil // ffmpeg converts it
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", config.Source, err)
	}
	if config.Width != 0 && (config.Width != r.Header().Width || config.Height != r.Header().Height) {
		return false, nil // ffmpeg scales it
	}
	return true, c.pictures(r)
}

// ffmpeg decodes the clip by that program.
func (c *copier) ffmpeg(config Config) error {
	program, err := exec.LookPath("ffmpeg")
	if err != nil {
		return fmt.Errorf("%s has to be decoded by ffmpeg, which is not installed; install it (on Debian and Ubuntu: apt-get install ffmpeg), "+
			"or convert the clip elsewhere: ffmpeg -i %s -map 0:v:0 -pix_fmt yuv420p CLIP.y4m", config.Source, filepath.Base(config.Source))
	}
	// Every picture once, none invented or dropped for the sake of a steady rate. The option was renamed in ffmpeg 5.1.
	err = c.runFFmpeg(program, config, "-fps_mode")
	if errors.Is(err, errOption) {
		err = c.runFFmpeg(program, config, "-vsync")
	}
	return err
}

// errOption: this ffmpeg does not know an option.
var errOption = errors.New("option not known")

func (c *copier) runFFmpeg(program string, config Config, passthrough string) error {
	ctx, stop := context.WithCancel(c.ctx)
	defer stop()
	args := []string{"-v", "error", "-nostdin", "-i", "file:" + config.Source, "-map", "0:v:0", passthrough, "passthrough"}
	if config.Width != 0 {
		args = append(args, "-vf", fmt.Sprintf("scale=%d:%d:flags=bicubic+accurate_rnd", config.Width, config.Height))
	}
	cmd := exec.CommandContext(ctx, program, append(args, "-pix_fmt", "yuv420p", "-f", "yuv4mpegpipe", "-")...)
	said := &beginning{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("ffmpeg cannot be started: %w", err)
	}
	r, err := y4m.NewReader(out)
	if err == nil {
		err = c.pictures(r)
	}
	stop() // it has ended by itself, or is not needed any more
	waited := cmd.Wait()
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case c.count == 0 && strings.Contains(said.String(), "Unrecognized option"):
		return errOption
	case errors.Is(err, y4m.ErrFormat) || errors.Is(err, y4m.ErrTruncated) || err == nil && c.count == 0:
		if text := strings.TrimSpace(said.String()); text != "" {
			return fmt.Errorf("ffmpeg cannot decode %s: %s", config.Source, text)
		}
		return fmt.Errorf("ffmpeg cannot decode %s (%w): %w", config.Source, waited, err)
	}
	return err
}

// beginning keeps the first bytes of what a program says, which tell the cause.
type beginning struct{ bytes.Buffer }

func (b *beginning) Write(p []byte) (int, error) {
	const most = 2000
	b.Buffer.Write(p[:min(len(p), most-min(most, b.Len()))])
	return len(p), nil
}

// pictures copies all pictures of a stream.
func (c *copier) pictures(r *y4m.Reader) error {
	w, err := y4m.NewWriter(c.out, r.Header())
	if err != nil {
		return err
	}
	size := int64(r.Header().FrameBytes())
	if err := c.room(size); err != nil { // before the picture's memory is taken
		return err
	}
	picture := r.Header().NewPicture()
	for {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := r.Read(picture); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", c.clip, err)
		}
		if err := c.room(size); err != nil {
			return err
		}
		if err := w.Write(picture); err != nil {
			return fmt.Errorf("%s: %w", c.path, err)
		}
		c.count++
		c.written += size
		if now := time.Now(); c.told.IsZero() {
			c.told = now
		} else if now.Sub(c.told) >= progressEvery {
			c.told = now
			fmt.Fprintf(c.log, "decoding %s: %d pictures, %d MB\n", filepath.Base(c.clip), c.count, c.written>>20)
		}
	}
}

// room returns an error unless there is room for so many more bytes. Clips that were decoded earlier are removed for it.
func (c *copier) room(more int64) error {
	for c.written+more > c.checked {
		free, err := FreeBytes(filepath.Dir(c.path))
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Dir(c.path), err)
		}
		if free-reserve >= more {
			c.checked = c.written + min(free-reserve, max(more, roomEvery))
			return nil
		}
		if !makeRoom(c.path) {
			return fmt.Errorf("%w in %s: the first %d pictures of %s take %d MB decoded, the rest more, and only %d MB are free "+
				"(%d MB are left to others); free some, ask for a smaller size or a shorter clip, or name another folder",
				errNoRoom, filepath.Dir(c.path), c.count+1, c.clip, (c.written+more)>>20, (free+c.written)>>20, reserve>>20)
		}
	}
	return nil
}
