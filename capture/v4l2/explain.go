package v4l2

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// explain makes of an error of opening a camera one that says what to do.
func explain(path string, err error) error {
	switch {
	case errors.Is(err, ErrMode), errors.Is(err, ErrNoCameras), errors.Is(err, ErrOpen):
		return fmt.Errorf("%s: %w", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s: you may not use it: join the group video (sudo usermod -aG video $USER) and log in again", ErrOpen, path)
	case errors.Is(err, syscall.EBUSY):
		return fmt.Errorf("%w: %s is used by another program, which must end first (fuser -v %[2]s names it)", ErrOpen, path)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("%w: %s: there is no such camera; is it plugged in? ls /dev/video* shows those that are", ErrOpen, path)
	}
	return fmt.Errorf("%w: %s: %w", ErrOpen, path, err)
}
