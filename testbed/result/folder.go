package result

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// What a folder of results has beside the figures.
const (
	PlanFile  = "plan.txt"  // of a cell: what was asked for, a line each
	ErrorFile = "error.txt" // of a cell that failed: which it is, and why
	TitleFile = "title.txt" // of an evaluation of many cells: its title
)

// Find returns all folders of cells at and below the given ones, sorted, each once: those that have a result.json. It looks for none within a
// cell nor in what PutAside put aside, and follows no links below the given folders. An error names a folder that cannot be read.
func Find(folders ...string) ([]string, error) { return find(File, folders) }

// FindFailed is Find for cells that failed: those that have an error.txt and no result.
func FindFailed(folders ...string) ([]string, error) {
	found, err := find(ErrorFile, folders)
	return slices.DeleteFunc(found, func(folder string) bool { return has(folder, File) }), err
}

func find(file string, folders []string) ([]string, error) {
	var found []string
	for _, root := range folders {
		root, err := filepath.EvalSymlinks(root)
		if err != nil {
			return nil, err
		}
		err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case !entry.IsDir():
				return nil
			case path != root && aside.MatchString(entry.Name()):
				return fs.SkipDir
			case has(path, file):
				found = append(found, path)
				return fs.SkipDir
			case has(path, File): // another cell
				return fs.SkipDir
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func has(folder, file string) bool {
	info, err := os.Stat(filepath.Join(folder, file))
	return err == nil && info.Mode().IsRegular()
}

// aside are names of folders that PutAside gives.
var aside = regexp.MustCompile(`\.old-[0-9]+$`)

// PutAside renames a cell's folder, so that another result can be written in its place and nothing is lost: to its name with .old-1 behind
// it, or the next number that is free. It returns the new path.
func PutAside(folder string) (kept string, err error) {
	folder, err = filepath.Abs(folder) // the name of . too
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		kept = fmt.Sprintf("%s.old-%d", folder, n)
		if _, err := os.Lstat(kept); err == nil {
			continue
		} else if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		return kept, os.Rename(folder, kept)
	}
}

// WriteError leaves word in a cell's folder, which is made if need be, that the cell of that name failed.
func WriteError(folder, cell string, failure error) error {
	return writeText(filepath.Join(folder, ErrorFile), cell+": "+failure.Error()+"\n")
}

// ReadError returns the first line of what WriteError wrote: the cell's name and what went wrong.
func ReadError(folder string) (string, error) {
	text, err := os.ReadFile(filepath.Join(folder, ErrorFile))
	first, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return first, err
}

// WriteTitle names the evaluation in a folder, which is made if need be; "" takes an old name away.
func WriteTitle(folder, title string) error {
	if title == "" {
		if err := os.Remove(filepath.Join(folder, TitleFile)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	return writeText(filepath.Join(folder, TitleFile), title+"\n")
}

// ReadTitle returns what WriteTitle wrote; "" if a folder has no name.
func ReadTitle(folder string) string {
	text, _ := os.ReadFile(filepath.Join(folder, TitleFile))
	return strings.TrimSpace(string(text))
}

func writeText(path, text string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return replace(path, []byte(text))
}
