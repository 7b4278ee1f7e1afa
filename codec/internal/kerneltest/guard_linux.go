//go:build linux

package kerneltest

import (
	"os"
	"syscall"
	"testing"
)

// atEnd gives n bytes behind which no memory can be touched.
func atEnd(t testing.TB, n int) []byte {
	pages, mem := guarded(t, n)
	return mem[pages-n : pages : pages]
}

// atStart gives n bytes before which no memory can be touched.
func atStart(t testing.TB, n int) []byte {
	_, mem := guarded(t, n)
	return mem[:n:n]
}

// guarded maps whole pages for n bytes, between two that cannot be touched.
func guarded(t testing.TB, n int) (size int, mem []byte) {
	t.Helper()
	page := os.Getpagesize()
	size = (n + page - 1) / page * page
	all, err := syscall.Mmap(-1, 0, size+2*page, syscall.PROT_NONE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(all); err != nil {
			t.Error(err)
		}
	})
	mem = all[page : page+size]
	if err := syscall.Mprotect(mem, syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	return size, mem
}
