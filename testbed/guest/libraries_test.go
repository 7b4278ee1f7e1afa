package guest

import (
	"errors"
	"slices"
	"testing"
)

func TestLibraries(t *testing.T) {
	const said = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f1)\n" +
		"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)\n\tlibgone.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n"
	want := []string{"/lib/x86_64-linux-gnu/libm.so.6", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}
	if got := libraries(said); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := libraries("\tstatically linked\n"); len(got) > 0 {
		t.Errorf("%q of a static binary", got)
	}
}

func TestNoLibrary(t *testing.T) {
	err := addLibraries(t.Context(), map[string]string{}, Options{Libraries: []string{"libnosuchthing.so.9"}})
	if !errors.Is(err, errNoLibrary) {
		t.Errorf("%v", err)
	}
}
