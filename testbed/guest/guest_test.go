package guest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A guest hands out what its command prints and how it ended; TestInsideEnds is that command.
func TestBoot(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: a guest takes half a minute")
	}
	machine, kernel := find(t)
	files, err := build(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	w := work{Command: []string{"/bin/test", "-test.run", "^TestInsideEnds$"}}
	status, err := boot(t.Context(), machine, kernel, files, Options{Modules: []Module{{Name: "snd-aloop"}}}, w, func(line string) {
		said = append(said, line)
	})
	if err != nil || status != 7 || !slices.Contains(said, "all is there") {
		t.Errorf("status %d, %v, and it printed %q", status, err, said)
	}
}

// TestInsideEnds finds what a test in a guest may expect, and ends with a status of its own.
func TestInsideEnds(t *testing.T) {
	Inside(t)
	for _, path := range []string{"/dev/null", "/proc/self", "/sys/module/snd_aloop", "/dev/snd/pcmC0D0p", os.TempDir()} {
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	} else if c, err := net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	} else {
		c.Close()
	}
	if strconv.Itoa(runtime.NumCPU()) != processors {
		t.Fatalf("%d processors, want %s", runtime.NumCPU(), processors)
	}
	fmt.Println("all is there")
	os.Exit(7)
}

func TestFollow(t *testing.T) {
	for text, want := range map[string]struct {
		status int
		found  bool
		lines  int
	}{
		"a\r\nb\r\n\r\n" + marker + "3\r\nc": {3, true, 4},
		"a\n" + marker + "0\n":               {0, true, 1},
		"a\nKernel panic":                    {0, false, 2},
		marker + "x\n":                       {0, false, 0},
		"no end of line" + marker + "12\n":   {12, true, 0},
	} {
		lines := 0
		status, found := follow(strings.NewReader(text), func(string) { lines++ })
		if status != want.status || found != want.found || lines != want.lines {
			t.Errorf("%q: %d, %v, %d lines; want %+v", text, status, found, lines, want)
		}
	}
}

// entry is one of an archive.
type entry struct {
	mode     uint64
	contents string
}

// unpack reads an archive as the kernel does.
func unpack(t *testing.T, in []byte) (order []string, all map[string]entry) {
	t.Helper()
	all = map[string]entry{}
	for at := 0; ; {
		field := func(n int) int {
			v, err := strconv.ParseUint(string(in[at+6+8*n:][:8]), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			return int(v)
		}
		if string(in[at:at+6]) != "070701" {
			t.Fatalf("at %d there is no header", at)
		}
		const header = 110
		size, nameSize := field(6), field(11)
		name := string(in[at+header:][:nameSize-1])
		begin := (at + header + nameSize + 3) &^ 3
		if name == "TRAILER!!!" {
			return order, all
		}
		order = append(order, name)
		all[name] = entry{uint64(field(1)), string(in[begin : begin+size])}
		at = (begin + size + 3) &^ 3
	}
}

func TestInitramfs(t *testing.T) {
	folder := t.TempDir()
	files := map[string]string{}
	want := map[string]string{"init": "", "bin/test": "12345", "modules/deep/a.ko": strings.Repeat("x", 4099)}
	for name, contents := range want {
		path := filepath.Join(folder, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(path, []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
		files["/"+name] = path
	}
	image := filepath.Join(folder, "image")
	if err := writeInitramfs(image, files); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	order, got := unpack(t, data)
	for name, contents := range want {
		if got[name] != (entry{modeProgram, contents}) {
			t.Errorf("%s is %.20v", name, got[name])
		}
	}
	for _, dir := range []string{"dev", "proc", "bin", "modules", "modules/deep"} {
		if got[dir].mode != modeFolder || slices.Index(order, dir) > slices.Index(order, "bin/test") {
			t.Errorf("folder %s is %v, in the order %v", dir, got[dir], order)
		}
	}
	if err := writeInitramfs(image, map[string]string{"/a": filepath.Join(folder, "absent")}); err == nil {
		t.Error("an absent file is no error")
	}
}

// module writes a file with the one section of a module that matters: the least ELF file of 64 bits that there is.
func module(t *testing.T, folder, name, info string) {
	t.Helper()
	const headerSize, sectionSize = 64, 64
	names := "\x00.modinfo\x00.shstrtab\x00"
	var out bytes.Buffer
	le := func(size int, v uint64) {
		for range size {
			out.WriteByte(byte(v))
			v >>= 8
		}
	}
	out.WriteString("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	le(2, 1)
	le(2, 62)
	le(4, 1)
	le(8, 0)
	le(8, 0)
	le(8, uint64(headerSize+len(info)+len(names)))
	le(4, 0)
	for _, v := range []uint64{headerSize, 0, 0, sectionSize, 3, 2} {
		le(2, v)
	}
	out.WriteString(info + names)
	section := func(name, kind, offset, size int) {
		le(4, uint64(name))
		le(4, uint64(kind))
		le(8, 0)
		le(8, 0)
		le(8, uint64(offset))
		le(8, uint64(size))
		le(24, 0)
	}
	section(0, 0, 0, 0)
	section(1, 1, headerSize, len(info))
	section(10, 3, headerSize+len(info), len(names))
	if err := os.WriteFile(filepath.Join(folder, name), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestModulesComeAfterWhatTheyDependOn(t *testing.T) {
	folder := t.TempDir()
	t.Setenv(kernelVariable, folder)
	if _, err := findKernel(); err == nil || !strings.Contains(err.Error(), "fetch-kernel") {
		t.Errorf("without a kernel: %v", err)
	}
	if err := os.WriteFile(filepath.Join(folder, "vmlinuz"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	module(t, folder, "camera.ko", "license=GPL\x00depends=mem-ory,base\x00name=camera\x00")
	module(t, folder, "mem_ory.ko", "depends=base\x00")
	module(t, folder, "base.ko", "depends=\x00")
	module(t, folder, "round.ko", "depends=round\x00")
	module(t, folder, "lost.ko", "depends=absent\x00")
	k, err := findKernel()
	if err != nil {
		t.Fatal(err)
	}
	files, err := k.needed("camera")
	for i, f := range files {
		files[i] = filepath.Base(f)
	}
	if err != nil || !slices.Equal(files, []string{"base.ko", "mem_ory.ko", "camera.ko"}) {
		t.Errorf("%v, %v", files, err)
	}
	for _, name := range []string{"round", "lost", "absent"} {
		if _, err := k.needed(name); err == nil {
			t.Errorf("%s is no error", name)
		}
	}
	if err := os.WriteFile(filepath.Join(folder, "base.ko"), []byte("no module"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := k.needed("camera"); err == nil {
		t.Error("what is no module is no error")
	}
}
