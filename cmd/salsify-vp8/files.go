package main

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"salsify/codec/vp8"
)

// standard is the file name of standard input or output.
const standard = "-"

// maxStateBytes is the longest state file that is read. A State of the largest pictures, 16383x16383, with four different ones
// of them takes 1.6 GB.
const maxStateBytes = 2 << 30

// open opens a file for reading.
func (s *session) open(path string) (io.ReadCloser, error) {
	if path == standard {
		return io.NopCloser(s.stdin), nil
	}
	return os.Open(path)
}

// create returns an output that becomes the file path when it is committed, and leaves nothing behind when it is discarded.
// Standard output, and what is no regular file, such as a device or a named pipe, is written to at once.
func (s *session) create(path string) (*output, error) {
	if path == standard {
		// Without the Seek of *os.File: stdout may have been opened for appending, where going back to the header fails.
		return &output{Writer: struct{ io.Writer }{s.stdout}}, nil
	}
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		file, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return nil, err
		}
		return &output{Writer: struct{ io.Writer }{file}, file: file}, nil
	}
	if err == nil {
		// Where path is a symbolic link, the file it points to is replaced, not the link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return nil, err
		}
	}
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf(".%s.partial-%08x", filepath.Base(path), rand.Uint32()))
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		var pathError *os.PathError
		if errors.As(err, &pathError) {
			pathError.Path = path // the name that the user knows
		}
		return nil, err
	}
	return &output{Writer: file, file: file, temp: temp, path: path}, nil
}

// output is a file that is being written. Exactly one of commit and discard ends it; discard after commit does nothing.
type output struct {
	io.Writer          // an io.Seeker too where going back is possible
	file      *os.File // nil for standard output
	temp      string   // where the data is until commit; empty if it is written at once
	path      string
	done      bool
}

func (o *output) commit() error {
	o.done = true
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	if o.temp == "" {
		return err
	}
	if err == nil {
		err = os.Rename(o.temp, o.path)
	}
	if err != nil {
		os.Remove(o.temp)
	}
	return err
}

func (o *output) discard() {
	if o.done {
		return
	}
	o.done = true
	if o.file != nil {
		o.file.Close()
	}
	if o.temp != "" {
		os.Remove(o.temp)
	}
}

// outputName is how messages call an output.
func outputName(path string) string {
	if path == standard {
		return "standard output"
	}
	return path
}

// loadState reads a state that saveState wrote.
func loadState(path string) (*vp8.State, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxStateBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxStateBytes {
		return nil, fmt.Errorf("%s is longer than any state: over %d bytes", path, maxStateBytes)
	}
	state := new(vp8.State)
	if err := state.UnmarshalBinary(data); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return state, nil
}

// saveState writes a state to a file, whole or not at all.
func (s *session) saveState(path string, state *vp8.State) error {
	data, err := state.MarshalBinary()
	if err != nil {
		return err
	}
	out, err := s.create(path)
	if err != nil {
		return err
	}
	defer out.discard()
	if _, err := out.Write(data); err != nil {
		return err
	}
	return out.commit()
}

// checkStateFlags refuses a state in standard input or output, where the video may be.
func checkStateFlags(in, out string) error {
	if in == standard || out == standard {
		return usagef("--state-in and --state-out need the name of a file, not -")
	}
	return nil
}
