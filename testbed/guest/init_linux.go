package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Init is the first process of the guest. It never returns.
func Init() {
	status, err := runInGuest()
	if err != nil {
		fmt.Println("guest:", err)
		status = 1
	}
	fmt.Printf("\n%s%d\n", marker, status)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

// runInGuest mounts what programs expect, loads the modules and runs the command.
func runInGuest() (status int, err error) {
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}, {"tmpfs", "/tmp"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, 0, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			return 0, fmt.Errorf("mounting %s: %w", m.at, err)
		}
	}
	loopback, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(loopback)
	}
	if err != nil {
		return 0, fmt.Errorf("loopback: %w", err)
	}
	text, err := os.ReadFile(workFile)
	if err != nil {
		return 0, err
	}
	var w work
	if err := json.Unmarshal(text, &w); err != nil {
		return 0, fmt.Errorf("%s: %w", workFile, err)
	}
	for _, l := range w.Load {
		if err := load(l); err != nil {
			return 0, err
		}
	}
	command := exec.Command(w.Command[0], w.Command[1:]...)
	command.Dir, command.Stdout, command.Stderr = "/tmp", os.Stdout, os.Stdout
	command.Env = []string{"PATH=/bin", "HOME=/tmp", "TMPDIR=/tmp", insideEnv + "=1"}
	err = command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		if !exit.Exited() {
			return 0, err
		}
		return exit.ExitCode(), nil
	}
	return 0, err
}
