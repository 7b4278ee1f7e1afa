package guest

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Load loads a module that the guest has, as one whose device is plugged in. For tests in the guest.
func Load(m Module) error {
	return load(loaded{File: modulesFolder + m.Name + ".ko", Parameters: m.Parameters})
}

func load(l loaded) error {
	file, err := os.Open(l.File)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := unix.FinitModule(int(file.Fd()), l.Parameters, 0); err != nil {
		return fmt.Errorf("loading %s: %w", l.File, err)
	}
	return nil
}

// Unload takes a module out of the kernel. Nothing may be using it. For tests in the guest.
func Unload(name string) error {
	if err := unix.DeleteModule(strings.ReplaceAll(name, "-", "_"), unix.O_NONBLOCK); err != nil {
		return fmt.Errorf("unloading %s: %w", name, err)
	}
	return nil
}
