package clip

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"salsify/codec/y4m"
)

func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, os.ErrNotExist)
}

func newFolder(t *testing.T, prefix string) *TemporaryFolder {
	t.Helper()
	f, err := NewTemporaryFolder(prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Remove() })
	if err := os.WriteFile(filepath.Join(f.Path, "large"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// What a process leaves that is killed goes when the next one comes; what somebody still uses stays.
func TestTemporaryFoldersOfTheDeadGo(t *testing.T) {
	prefix := fmt.Sprintf("salsify-test-%d-", os.Getpid())
	living, dead, other := newFolder(t, prefix), newFolder(t, prefix), newFolder(t, "other-"+prefix)
	if err := errors.Join(dead.held.Close(), other.held.Close()); err != nil { // as the system does when the process ends
		t.Fatal(err)
	}
	next := newFolder(t, prefix)
	if there(dead.Path) || !there(living.Path) || !there(next.Path) || !there(other.Path) {
		t.Errorf("left are the dead's %v; the living's %v, the next's %v, another kind's %v", there(dead.Path), there(living.Path),
			there(next.Path), there(other.Path))
	}
	for range 2 {
		if err := living.Remove(); err != nil || there(living.Path) {
			t.Errorf("removing: %v", err)
		}
	}
}

// A sweep that comes between the making of a file and its being held takes that one alone.
func TestASweepThatIsFaster(t *testing.T) {
	folder, made := t.TempDir(), 0
	file, err := createHeld(func() (*os.File, error) {
		file, err := os.CreateTemp(folder, "x")
		if made++; made == 1 {
			sweep(filepath.Join(folder, "x*"))
		}
		return file, err
	})
	if err != nil || made != 2 || !there(file.Name()) {
		t.Fatalf("%d were made: %v", made, err)
	}
	sweep(filepath.Join(folder, "x*"))
	if !there(file.Name()) {
		t.Error("what is held was swept away")
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := createHeld(func() (*os.File, error) { return os.Open(filepath.Join(folder, "no")) }); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// Decoding that was killed leaves nothing for longer than until the next clip is opened, be it decoded already.
func TestUnfinishedClipsOfTheDeadGo(t *testing.T) {
	config := Config{Source: writeClip(t, 160, 120, 3, y4m.Rate{Num: 25, Den: 1}), Cache: t.TempDir()}
	open(t, config)
	create := func(pattern string) *os.File {
		file, err := createHeld(func() (*os.File, error) { return os.CreateTemp(config.Cache, pattern) })
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	living, dead, foreign := create(unfinishedPattern), create(unfinishedPattern), create("*"+unfinishedEnding)
	if err := errors.Join(dead.Close(), foreign.Close()); err != nil {
		t.Fatal(err)
	}
	open(t, config)
	if there(dead.Name()) || !there(living.Name()) || !there(foreign.Name()) {
		t.Errorf("left are the dead's %v; the living's %v, a file of somebody else's %v", there(dead.Name()), there(living.Name()), there(foreign.Name()))
	}
	living.Close()
}
