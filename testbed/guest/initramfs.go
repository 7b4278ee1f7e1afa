package guest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path"
	"slices"
)

// Modes of the files in the guest, as stat has them.
const (
	modeFolder  = 0o040755
	modeProgram = 0o100755
)

// writeInitramfs writes the guest's file system: files of the host by their absolute paths in the guest, and the folders above them,
// as the kernel unpacks it (Documentation/driver-api/early-userspace/buffer-format.rst: cpio's "newc" format).
func writeInitramfs(name string, files map[string]string) (err error) {
	out, err := os.Create(name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	a := &archive{out: bufio.NewWriterSize(out, 1<<20)}
	folders := map[string]bool{"/dev": true, "/proc": true, "/sys": true, "/tmp": true}
	for file := range files {
		for dir := path.Dir(file); dir != "/"; dir = path.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) { // those above come first
		if err := a.add(dir, modeFolder, nil, 0); err != nil {
			return err
		}
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if err := a.addFile(file, files[file]); err != nil {
			return err
		}
	}
	if err := a.add("/TRAILER!!!", 0, nil, 0); err != nil {
		return err
	}
	return a.out.Flush()
}

// archive writes entries one behind the other.
type archive struct {
	out     *bufio.Writer
	written int64
	inode   int
}

func (a *archive) addFile(name, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return a.add(name, modeProgram, in, info.Size())
}

// add writes an entry: a header of hexadecimal numbers, the name, the contents, the latter two filled up to four bytes.
func (a *archive) add(name string, mode int, contents io.Reader, size int64) error {
	if size > 1<<32-1 {
		return fmt.Errorf("%s is too large for the guest", name)
	}
	name = name[1:] // relative to the root
	a.inode++
	n, err := fmt.Fprintf(a.out, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
	a.written += int64(n)
	if err != nil {
		return err
	}
	if err := a.fill(); err != nil {
		return err
	}
	if contents != nil {
		n, err := io.CopyN(a.out, contents, size)
		a.written += n
		if err != nil {
			return err
		}
	}
	return a.fill()
}

func (a *archive) fill() error {
	n, err := a.out.Write(make([]byte, -a.written&3))
	a.written += int64(n)
	return err
}
