package clip

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"salsify/codec/y4m"
)

func (v *Video) header() y4m.Header {
	return y4m.Header{Width: v.width, Height: v.height, Rate: v.rate}
}

// Write writes pictures 0 to count-1 as YUV4MPEG2.
func (v *Video) Write(ctx context.Context, out io.Writer, count int) error {
	w, err := y4m.NewWriter(out, v.header())
	if err != nil {
		return err
	}
	picture := v.NewPicture()
	for n := range count {
		if err := ctx.Err(); err != nil {
			return err
		}
		v.Picture(uint64(n), picture)
		if err := w.Write(picture); err != nil {
			return err
		}
	}
	return nil
}

// WriteFile writes pictures 0 to count-1 as a .y4m file, for systems that play a file themselves. The file appears once it is whole.
// With a multiple of Period, a system that plays the file again and again makes no scene cut.
func (v *Video) WriteFile(ctx context.Context, path string, count int) (err error) {
	header := v.header()
	if count < 1 {
		return fmt.Errorf("%s: a file of %d pictures cannot be written", path, count)
	}
	folder := filepath.Dir(path)
	free, err := FreeBytes(folder)
	if err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if size := int64(header.FrameBytes()); free-reserve < size || int64(count) > (free-reserve)/size {
		return fmt.Errorf("%s: %d pictures take %d MB, and only %d MB are free there (%d MB are left to others); free some, or name another folder",
			path, count, int64(count)*(size>>10)>>10, free>>20, reserve>>20)
	}
	out, err := os.CreateTemp(folder, "*"+unfinishedEnding)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	if err := v.Write(ctx, out, count); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if err := out.Chmod(0o644); err != nil { // the system may run as another user
		return err
	}
	if err := out.Close(); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return os.Rename(out.Name(), path)
}
