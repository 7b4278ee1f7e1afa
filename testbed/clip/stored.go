package clip

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"salsify/codec/y4m"
)

// A decoded clip is kept as a .y4m file as package codec/y4m writes it: a line of text, then for each picture "FRAME", a line end
// and the samples.
//
//  1. openStored looks for the clip in the folders where one may lie, by a name made of its path, size, time and the size asked for. What a
//     killed process left unfinished there is removed (temporary.go).
//  2. One that is nowhere is decoded into the first folder that has room (decode.go), under another name until it is whole. Older
//     clips there make room for it.
//  3. The file is mapped into memory, which all processes that use it share.

// stored are the pictures of a mapped file.
type stored struct {
	memory []byte
	header y4m.Header
	first  int // where the first picture's "FRAME" lies
	count  int
}

const marker = "FRAME\n"

// The folder of decoded clips, below a memory file system or the folder of temporary files.
const cacheName = "salsify-clips"

// errNoRoom: a folder's file system is too full for the clip.
var errNoRoom = errors.New("no room")

func openStored(ctx context.Context, c Config, log io.Writer) (pictures, y4m.Header, error) {
	name, err := c.storedName()
	if err != nil {
		return nil, y4m.Header{}, err
	}
	folders := []string{c.Cache}
	if c.Cache == "" {
		folders = cacheFolders()
	}
	for _, folder := range folders {
		sweep(filepath.Join(folder, unfinishedPattern))
		path := filepath.Join(folder, name)
		if s, err := mapStored(path); err == nil {
			now := time.Now()
			_ = os.Chtimes(path, now, now) // used of late, so it is the last to make room
			return s, s.header, nil
		}
	}
	var failures []error
	for _, folder := range folders {
		if err := prepareFolder(folder); err != nil {
			failures = append(failures, err)
			continue
		}
		path := filepath.Join(folder, name)
		err := decodeInto(ctx, c, path, log)
		if err == nil {
			s, err := mapStored(path)
			if err != nil {
				return nil, y4m.Header{}, err
			}
			return s, s.header, nil
		}
		failures = append(failures, err)
		if !errors.Is(err, errNoRoom) {
			break
		}
	}
	return nil, y4m.Header{}, errors.Join(failures...)
}

// storedName is the name of the decoded clip's file. It changes when the clip does.
func (c Config) storedName() (string, error) {
	info, err := os.Stat(c.Source)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("there is no file %s; check the name, or take test: for the drawn scene", c.Source)
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file; name a file with a video", c.Source)
	}
	path, err := filepath.Abs(c.Source)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%q %d %d %dx%d", path, info.Size(), info.ModTime().UnixNano(), c.Width, c.Height))
	return hex.EncodeToString(key[:8]) + ".y4m", nil
}

// cacheFolders are where decoded clips may lie, the fastest first. Each user has their own, which nobody else can write to.
func cacheFolders() []string {
	name := fmt.Sprintf("%s-%d", cacheName, os.Getuid())
	folders := TemporaryFolders()
	for i := range folders {
		folders[i] = filepath.Join(folders[i], name)
	}
	return folders
}

// prepareFolder makes the folder, unless it is there.
func prepareFolder(folder string) error {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the folder of decoded clips cannot be made: %w", err)
	}
	return checkOwner(folder)
}

// makeRoom removes the decoded clip that was unused for longest, but for one, and tells whether there was one. Processes that have it
// mapped keep it.
func makeRoom(keep string) bool {
	paths, _ := filepath.Glob(filepath.Join(filepath.Dir(keep), "*.y4m"))
	oldest, at := "", time.Time{}
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil && path != keep && isStoredName(path) && (oldest == "" || info.ModTime().Before(at)) {
			oldest, at = path, info.ModTime()
		}
	}
	return oldest != "" && os.Remove(oldest) == nil
}

// isStoredName tells whether a file's name is one of storedName, so that nothing else is ever removed from a folder that a user named.
func isStoredName(path string) bool {
	digits := strings.TrimSuffix(filepath.Base(path), ".y4m")
	_, err := hex.DecodeString(digits)
	return err == nil && len(digits) == 16
}

// mapStored maps a decoded clip.
func mapStored(path string) (*stored, error) {
	if err := checkOwner(filepath.Dir(path)); err != nil {
		return nil, err
	}
	memory, err := mapFile(path)
	if err != nil {
		return nil, err
	}
	s, err := parseStored(memory)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w; remove it", path, err), unmapFile(memory))
	}
	return s, nil
}

// parseStored checks that the bytes are a .y4m file as codec/y4m writes it, whole, with at least one picture.
func parseStored(memory []byte) (*stored, error) {
	r, err := y4m.NewReader(bytes.NewReader(memory))
	if err != nil {
		return nil, err
	}
	s := &stored{memory: memory, header: r.Header(), first: bytes.IndexByte(memory, '\n') + 1}
	each := len(marker) + s.header.FrameBytes()
	s.count = (len(memory) - s.first) / each
	if s.count < 1 || s.first+s.count*each != len(memory) {
		return nil, errors.New("it is not a whole decoded clip")
	}
	for n := range s.count {
		if string(memory[s.first+n*each:][:len(marker)]) != marker {
			return nil, fmt.Errorf("picture %d does not begin where it should", n)
		}
	}
	return s, nil
}

// period is that of playing forwards and backwards: the first and the last picture come once, the others twice.
func (s *stored) period() int { return max(1, 2*(s.count-1)) }

func (s *stored) draw(n uint64, into *image.YCbCr) {
	size := s.header.FrameBytes()
	from := s.memory[s.first+pingPong(n, s.count)*(len(marker)+size)+len(marker):][:size]
	from = from[copy(into.Y, from):]
	from = from[copy(into.Cb, from):]
	copy(into.Cr, from)
}

// pingPong returns which of count pictures is the n-th when they are played forwards and backwards: of three, 0 1 2 1 0 1.
func pingPong(n uint64, count int) int {
	at := int(n % uint64(max(1, 2*(count-1))))
	return min(at, 2*(count-1)-at)
}

func (s *stored) close() error { return unmapFile(s.memory) }
