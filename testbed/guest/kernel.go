package guest

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// kernelVariable names another folder than the one in the user's cache.
const kernelVariable = "SALSIFY_KERNEL"

// kernel is one that can be booted, with its modules.
type kernel struct {
	image   string            // file to boot
	modules map[string]string // files by name
}

// findKernel finds what fetch-kernel made: vmlinuz, and the modules anywhere below.
func findKernel() (kernel, error) {
	folder := os.Getenv(kernelVariable)
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return kernel{}, err
		}
		folder = filepath.Join(cache, "salsify", "kernel")
	}
	k := kernel{image: filepath.Join(folder, "vmlinuz"), modules: map[string]string{}}
	if _, err := os.Stat(k.image); err != nil {
		return kernel{}, fmt.Errorf("there is no kernel for the guest; testbed/guest/fetch-kernel gets it: %w", err)
	}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok && err == nil {
			k.modules[moduleName(name)] = path
		}
		return err
	})
	return k, err
}

// moduleName makes one name of the two that each module has.
func moduleName(name string) string { return strings.ReplaceAll(name, "-", "_") }

// needed returns the files of a module and of all that it depends on, in the order of loading.
func (k kernel) needed(name string) ([]string, error) {
	var order []string
	var visit func(name string, above []string) error
	visit = func(name string, above []string) error {
		name = moduleName(name)
		file := k.modules[name]
		switch {
		case file == "":
			return fmt.Errorf("the kernel has no module %s", name)
		case slices.Contains(above, name):
			return fmt.Errorf("module %s depends on itself", name)
		case slices.Contains(order, file):
			return nil
		}
		depends, err := dependencies(file)
		if err != nil {
			return err
		}
		for _, d := range depends {
			if err := visit(d, append(above, name)); err != nil {
				return err
			}
		}
		order = append(order, file)
		return nil
	}
	return order, visit(name, nil)
}

// dependencies reads which modules a module says it depends on: the line depends= of its section .modinfo.
func dependencies(file string) ([]string, error) {
	module, err := elf.Open(file)
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", file, err)
	}
	defer module.Close()
	section := module.Section(".modinfo")
	if section == nil {
		return nil, errors.New(file + " is not a module of the kernel")
	}
	info, err := section.Data()
	if err != nil {
		return nil, fmt.Errorf("module %s: %w", file, err)
	}
	for line := range bytes.SplitSeq(info, []byte{0}) {
		if list, ok := bytes.CutPrefix(line, []byte("depends=")); ok && len(list) > 0 {
			return strings.Split(string(list), ","), nil
		}
	}
	return nil, nil
}
