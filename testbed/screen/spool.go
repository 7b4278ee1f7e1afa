package screen

import (
	"cmp"
	"errors"
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"sync"

	"salsify/testbed/clip"
)

// spool is a file with the luma of pictures, one after the other. A goroutine writes it, so that nobody who tells of a picture waits for
// the file system; what it cannot write in time, or without filling the file system, is not kept.
type spool struct {
	file    *os.File
	waiting chan buffer
	free    chan []byte // memory of buffers
	done    chan struct{}

	mutex   sync.Mutex
	closed  bool
	end     int64      // where the next one goes
	room    int64      // up to which offset there is known to be room
	written int64      // up to which offset the writing has come
	changed *sync.Cond // written has grown
	err     error      // of writing
}

// kept is where the luma of a picture is: width*height bytes, row after row. size 0: nowhere.
type kept struct {
	offset        int64
	size          int
	width, height int
}

type buffer struct {
	kept
	luma []byte
}

const (
	// buffers is how many pictures may wait to be written: a quarter of a second of 60 a second.
	buffers = 15
	// reserve is how much of the file system (of memory, if it lies there) is left to others, in bytes.
	reserve = 256 << 20
	// roomEvery is after how many bytes the room is looked at again.
	roomEvery = 64 << 20
)

// newSpool makes the file; in "", it takes the fastest folder there is.
func newSpool(folder string) (*spool, error) {
	if folder == "" {
		folder = clip.TemporaryFolders()[0]
	}
	file, err := os.CreateTemp(folder, "salsify-screen-*")
	if err != nil {
		return nil, fmt.Errorf("the pictures of the screen cannot be kept: %w; name another folder", err)
	}
	// Without a name the system removes it with the last process that has it open, even one that is killed. Where that is not
	// possible, close does it.
	_ = os.Remove(file.Name())
	s := &spool{file: file, waiting: make(chan buffer, buffers), free: make(chan []byte, buffers), done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mutex)
	go s.write()
	return s, nil
}

// keep copies the luma of a picture, and returns where it will be; nowhere if it cannot be kept.
func (s *spool) keep(picture *image.YCbCr) kept {
	width, height := picture.Rect.Dx(), picture.Rect.Dy()
	k := kept{size: width * height, width: width, height: height}
	if width < 1 || height < 1 || picture.YStride < width ||
		len(picture.Y) < picture.YOffset(picture.Rect.Min.X, picture.Rect.Max.Y-1)+width {
		return kept{}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed || s.err != nil || len(s.waiting) == cap(s.waiting) || !s.hasRoom(int64(k.size)) {
		return kept{}
	}
	k.offset = s.end
	s.end += int64(k.size)
	var luma []byte
	select {
	case luma = <-s.free:
	default:
	}
	luma = luma[:0]
	for y := range height {
		luma = append(luma, picture.Y[picture.YOffset(picture.Rect.Min.X, picture.Rect.Min.Y+y):][:width]...)
	}
	s.waiting <- buffer{k, luma} // has room: only keep sends, under the lock
	return k
}

func (s *spool) hasRoom(more int64) bool {
	if s.end+more > s.room {
		free, err := clip.FreeBytes(filepath.Dir(s.file.Name()))
		if err != nil || free-reserve < more+buffers*more { // those that wait are not in the file yet
			return false
		}
		s.room = s.end + min(free-reserve-buffers*more, max(more, roomEvery))
	}
	return true
}

func (s *spool) write() {
	defer close(s.done)
	for b := range s.waiting {
		_, err := s.file.WriteAt(b.luma, b.offset)
		s.mutex.Lock()
		s.written = b.offset + int64(b.size)
		s.err = cmp.Or(s.err, err)
		s.changed.Broadcast()
		s.mutex.Unlock()
		select {
		case s.free <- b.luma:
		default:
		}
	}
}

// read waits until a picture is written, and reads it into memory, which grows as needed. One whose writing failed gives an error.
func (s *spool) read(k kept, luma []byte) (*image.YCbCr, []byte, error) {
	s.mutex.Lock()
	for s.written < k.offset+int64(k.size) {
		s.changed.Wait()
	}
	s.mutex.Unlock()
	if cap(luma) < k.size {
		luma = make([]byte, k.size)
	}
	luma = luma[:k.size]
	if _, err := s.file.ReadAt(luma, k.offset); err != nil && !errors.Is(err, io.EOF) {
		return nil, luma, err
	} else if err != nil {
		return nil, luma, errors.New("it was not written")
	}
	return &image.YCbCr{
		Y: luma, YStride: k.width, SubsampleRatio: image.YCbCrSubsampleRatio420, Rect: image.Rect(0, 0, k.width, k.height),
	}, luma, nil
}

func (s *spool) close() error {
	s.mutex.Lock()
	if s.closed {
		s.mutex.Unlock()
		return nil
	}
	s.closed = true
	close(s.waiting)
	s.mutex.Unlock()
	<-s.done
	_ = os.Remove(s.file.Name())
	return s.file.Close()
}
