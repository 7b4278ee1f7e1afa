package guest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// errNoLibrary: a library that tests load is not installed.
var errNoLibrary = errors.New("a library is not installed")

// addLibraries adds the libraries of the options, what they and the binaries need, and the folders.
func addLibraries(ctx context.Context, files map[string]string, o Options) error {
	if len(o.Libraries) == 0 {
		return nil
	}
	roots := []string{files["/bin/test"]}
	for _, program := range o.Programs {
		roots = append(roots, files["/bin/"+path.Base(program)])
	}
	for _, name := range o.Libraries {
		found, err := filepath.Glob("/usr/lib/x86_64-linux-gnu/" + name)
		if err != nil || len(found) == 0 {
			return fmt.Errorf("%w: %s", errNoLibrary, name)
		}
		files["/lib/x86_64-linux-gnu/"+name] = found[0]
		roots = append(roots, found[0])
	}
	for _, root := range roots {
		said, err := exec.CommandContext(ctx, "ldd", root).CombinedOutput()
		if err != nil {
			return fmt.Errorf("ldd %s: %w: %s", root, err, said)
		}
		if strings.Contains(string(said), "not found") {
			return fmt.Errorf("%w: ldd %s: %s", errNoLibrary, root, said)
		}
		for _, needed := range libraries(string(said)) {
			files[needed] = needed
		}
	}
	for _, folder := range o.Folders {
		err := filepath.WalkDir(folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() { // also where a link leads
				files[name] = name
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// libraryPath finds the paths of libraries in what ldd says: behind an arrow, or alone as that of the loader.
var libraryPath = regexp.MustCompile(`(?m)(?:=> |^\s+)(/\S+) \(0x`)

// libraries returns them.
func libraries(said string) (paths []string) {
	for _, match := range libraryPath.FindAllStringSubmatch(said, -1) {
		paths = append(paths, strings.TrimSpace(match[1]))
	}
	return paths
}
