// Package guest runs tests in a small virtual machine that has a Linux kernel of its own, for what the machine underneath does not
// have: the kernel's simulated camera (vivid) and sound card (snd-aloop).
//
// The way of a test, called from an ordinary test of the package that it is about:
//
//		func TestInGuest(t *testing.T) {
//			guest.Test(t, guest.Options{Run: "^TestDevice", Modules: []guest.Module{{Name: "snd-aloop"}}})
//		}
//
//		func TestDevice(t *testing.T) {
//			guest.Inside(t) // skips the test anywhere else
//			...
//		}
//
//	 1. Test finds QEMU and the kernel (kernel.go), and skips where they are not. fetch-kernel gets the kernel.
//	 2. It builds the caller's tests, and the programs that they want, as static binaries, or with their libraries (libraries.go).
//	 3. They become the guest's file system, with the modules and what those depend on (initramfs.go).
//	 4. QEMU boots it. The first program there (init) loads the modules, runs the tests, tells how they ended, and powers off.
//	 5. The serial port is the test's log.
//
// QEMU emulates the processor, which is some twenty times slower than the machine, but works anywhere.
package guest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"salsify/testbed/testenv"
)

// Options say what runs in the guest.
type Options struct {
	Run      string   // which tests, as -run has it
	Modules  []Module // of the kernel, loaded in this order, each after those that it depends on
	Programs []string // packages of commands such as salsify/cmd/salsify-send, which will be in /bin there
	// Libraries are those that the tests load at run time, such as libasound.so.2. With any, tests and programs are not static, and what they
	// and the libraries need is in the guest as well. Folders are what the libraries read, such as /usr/share/alsa.
	Libraries []string
	Folders   []string
	Timeout   time.Duration // of the whole, building apart; 0 is five minutes, which a busy machine may need
}

// Module is one of the kernel.
type Module struct {
	Name       string // such as vivid
	Parameters string // such as n_devs=1
}

const (
	defaultTimeout = 5 * time.Minute
	memory         = "1024" // MiB, of which the file system takes some 100
	processors     = "2"
)

// emulator is the program of QEMU.
const emulator = "qemu-system-x86_64"

// Test runs the tests of the package in the working folder, which in a test is its own, in a guest. It fails if they do, or if
// none of them ran.
func Test(t *testing.T, o Options) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: a guest takes half a minute")
	}
	machine, kernel := find(t)
	files, err := build(t.Context(), t.TempDir(), o)
	if errors.Is(err, errNoLibrary) {
		testenv.Missing(t, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	work := work{Command: []string{"/bin/test", "-test.v", "-test.run", o.Run}}
	passed := 0
	status, err := boot(t.Context(), machine, kernel, files, o, work, func(line string) {
		t.Log(line)
		if strings.HasPrefix(line, "--- PASS") {
			passed++
		}
	})
	switch {
	case err != nil:
		t.Error(err)
	case status != 0:
		t.Errorf("the tests in the guest ended with status %d", status)
	case passed == 0:
		t.Errorf("no test of %q passed in the guest", o.Run)
	}
}

// find returns QEMU and the kernel, or skips the test.
func find(t *testing.T) (machine string, k kernel) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("skipped: the guest is one of amd64, as is its kernel")
	}
	machine = testenv.Tool(t, emulator)
	k, err := findKernel()
	if err != nil {
		testenv.Missing(t, err.Error())
	}
	return machine, k
}

// build makes binaries of the tests in the working folder and of programs, and finds what they need; by their paths in the guest.
func build(ctx context.Context, folder string, o Options) (map[string]string, error) {
	files := map[string]string{
		"/bin/test": filepath.Join(folder, "test"),
		"/init":     filepath.Join(folder, "init"),
	}
	compile := compileStatic
	if len(o.Libraries) > 0 {
		compile = compileDynamic
	}
	if err := compile(ctx, "test", "-c", "-o", files["/bin/test"], "."); err != nil {
		return nil, err
	}
	if err := compileStatic(ctx, "build", "-o", files["/init"], "salsify/testbed/guest/init"); err != nil {
		return nil, err
	}
	for _, program := range o.Programs {
		name := path.Base(program)
		files["/bin/"+name] = filepath.Join(folder, name)
		if err := compile(ctx, "build", "-o", files["/bin/"+name], program); err != nil {
			return nil, err
		}
	}
	return files, addLibraries(ctx, files, o)
}

// compileStatic runs a command of go such that its result needs no libraries.
func compileStatic(ctx context.Context, command string, arguments ...string) error {
	static := []string{"-tags", "netgo,osusergo", "-ldflags", "-s -w -linkmode external -extldflags -static"}
	return compileDynamic(ctx, command, append(static, arguments...)...)
}

// compileDynamic runs a command of go.
func compileDynamic(ctx context.Context, command string, arguments ...string) error {
	build := exec.CommandContext(ctx, "go", append([]string{command}, arguments...)...)
	build.Env = append(os.Environ(), "CGO_ENABLED=1")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s %s: %w\n%s", command, strings.Join(arguments, " "), err, said)
	}
	return nil
}

// work is what init does; it reads it from workFile.
type work struct {
	Load    []loaded
	Command []string
}

// loaded is a module as a file in the guest.
type loaded struct{ File, Parameters string }

// What init and the outside agree on. The marker stands before the exit status of the command.
const (
	workFile      = "/work.json"
	marker        = "guest: exit status "
	insideEnv     = "SALSIFY_GUEST"
	modulesFolder = "/modules/"
)

// boot runs a guest, hands each line that it prints to say, and returns the exit status of its command.
func boot(ctx context.Context, machine string, k kernel, files map[string]string, o Options, w work, say func(string)) (int, error) {
	for _, m := range o.Modules {
		needed, err := k.needed(m.Name)
		if err != nil {
			return 0, err
		}
		for i, file := range needed {
			inGuest := modulesFolder + filepath.Base(file)
			l := loaded{File: inGuest}
			if i == len(needed)-1 {
				l.Parameters = m.Parameters
			}
			if files[inGuest] == "" || l.Parameters != "" {
				w.Load = append(w.Load, l)
			}
			files[inGuest] = file
		}
	}
	folder, err := os.MkdirTemp("", "guest")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(folder)
	if files[workFile], err = writeJSON(filepath.Join(folder, "work.json"), w); err != nil {
		return 0, err
	}
	image := filepath.Join(folder, "initramfs")
	if err := writeInitramfs(image, files); err != nil {
		return 0, err
	}
	timeout := o.Timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	status, err := watch(exec.CommandContext(ctx, machine,
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", processors, "-m", memory,
		"-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-serial", "stdio",
		"-kernel", k.image, "-initrd", image,
		"-append", "console=ttyS0 quiet panic=-1 tsc=reliable random.trust_cpu=on mitigations=off",
	), say)
	if ctx.Err() != nil {
		return 0, fmt.Errorf("the guest did not end within %v", timeout)
	}
	return status, err
}

func writeJSON(path string, value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	return path, os.WriteFile(path, text, 0o600)
}

// watch runs QEMU, and reads what the guest writes to its serial port until both have ended.
func watch(qemu *exec.Cmd, say func(string)) (status int, err error) {
	var said strings.Builder
	qemu.Stderr = &said
	serial, err := qemu.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := qemu.Start(); err != nil {
		return 0, err
	}
	status, found := follow(serial, say)
	if err := qemu.Wait(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", emulator, err, &said)
	}
	if !found {
		return 0, errors.New("the guest ended without telling how: it crashed, see above")
	}
	return status, nil
}

// follow hands each line to say, until the end, and finds the exit status among them.
func follow(serial io.Reader, say func(string)) (status int, found bool) {
	lines := bufio.NewReader(serial)
	for {
		line, err := lines.ReadString('\n')
		line = strings.TrimRight(line, "\r\n")
		switch _, after, ok := strings.Cut(line, marker); {
		case ok:
			n, _ := fmt.Sscan(after, &status)
			found = n == 1
		case line != "" || err == nil:
			say(line)
		}
		if err != nil {
			return status, found
		}
	}
}

// Inside skips a test that does not run in a guest.
func Inside(t testing.TB) {
	t.Helper()
	if os.Getenv(insideEnv) == "" {
		t.Skip("skipped: it needs a device of the guest's kernel, where make test-devices runs it")
	}
}
