package shell

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Missing returns nil if Open can work on this machine, for this user, or else an error that says what is missing and what to do.
// It tries: it makes a network namespace and a device, which are gone at once.
func Missing() error {
	err := try()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return errors.New("there is no /dev/net/tun: load the kernel's module (modprobe tun), or start the container with " +
			"--device /dev/net/tun")
	case errors.Is(err, errNotAllowed):
		return errors.New(missingRights())
	}
	return err
}

// errNotAllowed says that the user may not make a network namespace.
var errNotAllowed = errors.New("shell: network namespaces are for root")

// try makes what Open needs, on a thread that ends with it all.
func try() error {
	result := make(chan error)
	onOwnThread(func() {
		result <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); errors.Is(err, unix.EPERM) {
				return errNotAllowed
			} else if err != nil {
				return fmt.Errorf("shell: no new network namespace: %w", err)
			}
			d, err := openDevice(insideName)
			if err != nil {
				return err
			}
			d.close()
			return nil
		}()
	})
	return <-result
}

// switches are the files with which systems forbid user namespaces, and what has to be in them.
var switches = []struct{ path, forbids, command string }{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl kernel.unprivileged_userns_clone=1"},
	{"/proc/sys/user/max_user_namespaces", "0", "sysctl user.max_user_namespaces=10000"},
	{"/proc/sys/user/max_net_namespaces", "0", "sysctl user.max_net_namespaces=10000"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1", "sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
}

// missingRights says how a user who may not make a network namespace gets to it.
func missingRights() string {
	var commands []string
	for _, s := range switches {
		if content, err := os.ReadFile(s.path); err == nil && strings.TrimSpace(string(content)) == s.forbids {
			commands = append(commands, s.command)
		}
	}
	needed := "this needs network namespaces, which are for root here (CAP_NET_ADMIN and CAP_SYS_ADMIN): run it as root"
	switch {
	case len(commands) > 0:
		return needed + ", or let all users have namespaces of their own: as root, " + strings.Join(commands, " and ")
	case os.Geteuid() == 0:
		return "root has not got CAP_NET_ADMIN and CAP_SYS_ADMIN here, which network namespaces need: " +
			"start the container with --cap-add NET_ADMIN --cap-add SYS_ADMIN --device /dev/net/tun"
	}
	return needed + ". The machine forbids namespaces of a user's own by other means than a sysctl, such as seccomp in a container"
}

// reexecuted marks the process that Reexec has started.
const reexecuted = "SALSIFY_SHELL_REEXECUTED"

// Reexec makes Open possible for a user who may not make network namespaces, where the machine lets users have namespaces of their
// own: it runs this program again in new user and network namespaces, with the same arguments, waits for its end, and ends this
// process with its exit code. The user stays the same, but the only network there is a new one, empty but for loopback. Call it
// first of all in main, when a Shell will be needed. Where there is nothing to do it returns nil at once; where it does not work,
// the error of Missing.
func Reexec() error {
	if os.Getenv(reexecuted) != "" {
		_ = os.Unsetenv(reexecuted) // fails on impossible names only
		if err := Missing(); err != nil {
			return err
		}
		return raiseLoopback()
	}
	if err := try(); !errors.Is(err, errNotAllowed) || os.Geteuid() == 0 {
		return Missing()
	}
	user, group := os.Geteuid(), os.Getegid()
	again := exec.Command("/proc/self/exe", os.Args[1:]...) // its path may not be readable for this user
	again.Args[0] = os.Args[0]
	again.Env = append(os.Environ(), reexecuted+"=1")
	again.Stdin, again.Stdout, again.Stderr = os.Stdin, os.Stdout, os.Stderr
	again.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: user, HostID: user, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: group, HostID: group, Size: 1}},
		// Programs that it starts have them too, so that a shell can be opened in a shell.
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_SYS_ADMIN},
		Pdeathsig:   syscall.SIGKILL,
	}
	runtime.LockOSThread() // Pdeathsig comes at the end of this thread
	defer runtime.UnlockOSThread()
	signals := CatchSignals()
	if err := again.Start(); err != nil {
		signals.Stop()
		return fmt.Errorf("%s (%w)", missingRights(), err)
	}
	signals.PassTo(again.Process)
	err := again.Wait()
	signals.Stop()
	os.Exit(ExitCode(again, err))
	return nil
}
