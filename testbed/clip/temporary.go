package clip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Large temporary files lie in memory, where nothing of them may be left, not even by a process that is killed:
//
//  1. Who makes one holds a lock on it, which ends with the process, however that ends.
//  2. Whoever makes the next one of its kind first removes those that nobody holds.

// TemporaryFolders returns the folders for large temporary files, the fastest first: one that Linux keeps in memory, if there is one, then
// the system's for all.
func TemporaryFolders() []string {
	const memory = "/dev/shm"
	folders := []string{os.TempDir()}
	if info, err := os.Stat(memory); err == nil && info.IsDir() && folders[0] != memory {
		folders = slices.Insert(folders, 0, memory)
	}
	return folders
}

// TemporaryFolder is a folder that does not outlast its process for long.
type TemporaryFolder struct {
	Path string
	held *os.File
}

// NewTemporaryFolder makes a folder in the fastest of TemporaryFolders. Its name begins with a prefix, and all folders of the prefix whose
// processes have ended are removed before: it must be one that nobody else uses.
func NewTemporaryFolder(prefix string) (*TemporaryFolder, error) {
	where := TemporaryFolders()[0]
	sweep(filepath.Join(where, prefix+"*"))
	held, err := createHeld(func() (*os.File, error) {
		path, err := os.MkdirTemp(where, prefix)
		if err != nil {
			return nil, err
		}
		return os.Open(path)
	})
	if err != nil {
		return nil, err
	}
	return &TemporaryFolder{held.Name(), held}, nil
}

// Remove removes the folder with all that is in it. It may be called again, if a file in it could not be removed yet.
func (f *TemporaryFolder) Remove() error {
	if err := os.RemoveAll(f.Path); err != nil {
		return err
	}
	_ = f.held.Close() // for the second time, perhaps
	return nil
}

// createHeld makes a file or folder and holds it. A sweep may be faster with one, before it is held, but not with several.
func createHeld(create func() (*os.File, error)) (file *os.File, err error) {
	const attempts = 5
	for range attempts {
		file, err = create()
		switch {
		case err == nil && hold(file):
			return file, nil
		case err == nil:
			err = fmt.Errorf("%s was removed by somebody as soon as it was made", file.Name())
			_ = file.Close()
		case !errors.Is(err, os.ErrNotExist):
			return nil, err
		}
	}
	return nil, err
}
