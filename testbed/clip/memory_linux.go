package clip

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// mapFile maps a file into memory, to be read only.
func mapFile(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() < 1 || info.Size() > math.MaxInt || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %d bytes cannot be mapped", path, info.Size())
	}
	memory, err := unix.Mmap(int(file.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be mapped: %w", path, err)
	}
	return memory, nil
}

func unmapFile(memory []byte) error { return unix.Munmap(memory) }

// FreeBytes returns how many bytes may still be written into a folder. If its file system lies in memory, that is bounded by what
// memory there is. The error is that of statfs(2).
func FreeBytes(folder string) (int64, error) {
	var system unix.Statfs_t
	if err := unix.Statfs(folder, &system); err != nil {
		return 0, err
	}
	free := int64(system.Bavail) * int64(system.Bsize)
	if system.Type == unix.TMPFS_MAGIC {
		if memory, ok := availableMemory(); ok {
			free = min(free, memory)
		}
	}
	return free, nil
}

// availableMemory returns how much memory programs can still take without swapping, in bytes (proc_meminfo(5), MemAvailable).
func availableMemory() (int64, bool) {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "MemAvailable:"); ok {
			var kilobytes int64
			n, _ := fmt.Sscan(value, &kilobytes)
			return kilobytes << 10, n == 1
		}
	}
	return 0, false
}

// hold locks a file or folder until it is closed, which the system does at the latest when the process ends, however it does (flock(2)).
// It tells whether nobody has swept it away before.
func hold(file *os.File) bool {
	if errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return false // just now
	}
	// Where the file system knows no locks, nobody sweeps.
	_, err := os.Lstat(file.Name())
	return err == nil
}

// sweep removes the files and folders of ours whose names match, and that nobody holds.
func sweep(pattern string) {
	paths, _ := filepath.Glob(pattern)
	for _, path := range paths {
		sweepOne(path)
	}
}

func sweepOne(path string) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) == nil && int(stat.Uid) == os.Getuid() && unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
		_ = os.RemoveAll(path) // what cannot be removed is for the next
	}
}

// checkOwner returns an error if somebody else owns the folder or may write to it: what lies there could be exchanged while it is mapped.
func checkOwner(folder string) error {
	var stat unix.Stat_t
	if err := unix.Stat(folder, &stat); err != nil {
		return err
	}
	if (int(stat.Uid) != os.Getuid() && stat.Uid != 0) || (stat.Mode&0o022 != 0 && stat.Mode&unix.S_ISVTX == 0) {
		return fmt.Errorf("others may write to %s; name a folder of your own for decoded clips", folder)
	}
	return nil
}
