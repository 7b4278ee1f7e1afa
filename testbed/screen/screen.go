// Package screen is the eye before the screen of a system under test: it notes which picture of the test video was to be seen when, and keeps some of
// them to be compared with the original once the run is over, so that comparing takes no processor time from the system.
//
//  1. ReadY4M, Show or Note tell of a picture. Its codes say which one it is (package clip); one that was seen of late is a repetition.
//  2. The luma of those that are to be compared goes to a file on a memory file system (spool.go), without anyone waiting for it.
//  3. Score, after the run, reads them back and compares them with the video's (score.go).
package screen

import (
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"sync"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
	"salsify/testbed/quality"
)

// Config says what to keep.
type Config struct {
	Spool string // folder for the pictures that are kept, best on a memory file system; "": a temporary one
	Every int    // Show and ReadY4M keep every how many-th new picture; 1, and 0: all
}

// Screen is what was on the screen. Its methods may be called from any goroutine.
type Screen struct {
	every int
	spool *spool
	first chan struct{} // closed once a picture of the video was seen

	mutex  sync.Mutex
	seen   []entry
	newest map[uint64]int // of each code, which of seen it was last
	counts Counts
}

// entry is a picture that was seen, and where its luma is kept.
type entry struct {
	Seen
	kept kept
}

// recent is among how many of the last new pictures one counts as a repetition. What shows its pictures in another order mixes few. A
// code that comes again later is that of a file which is played again.
const recent = 30

// maxSize is the greatest width and height of a picture that ReadY4M takes, in pixels; the memory for one is taken when the stream says
// its size.
const maxSize = 4096

// New returns an empty screen for pictures of a video. The error is that of the folder.
func New(config Config) (*Screen, error) {
	if config.Every < 0 {
		return nil, fmt.Errorf("every %d-th picture cannot be kept; give 1 for all of them", config.Every)
	}
	kept, err := newSpool(config.Spool)
	if err != nil {
		return nil, err
	}
	return &Screen{every: max(1, config.Every), spool: kept, first: make(chan struct{}), newest: map[uint64]int{}}, nil
}

// Show notes a picture that is on the screen from an instant on. The picture is not kept after the call returns.
func (s *Screen) Show(at time.Time, picture *image.YCbCr) {
	s.note(at, clip.Number(picture), picture, s.every)
}

// Note is Show for a system that reads its screen itself: what its codes said, and, unless nil, the picture, to be kept for the comparison
// whatever its turn. Of that the luma is enough.
func (s *Screen) Note(at time.Time, sighting clip.Sighting, picture *image.YCbCr) {
	s.note(at, sighting, picture, 1)
}

func (s *Screen) note(at time.Time, sighting clip.Sighting, picture *image.YCbCr, every int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.counts.Pictures++
	switch {
	case sighting.Torn:
		s.counts.Torn++
		return
	case !sighting.OK:
		s.counts.Unreadable++
		return
	}
	index, known := s.newest[sighting.Number]
	again := known && len(s.seen)-index <= recent
	if again {
		s.counts.Repeated++
	} else {
		index = len(s.seen)
		s.newest[sighting.Number] = index
		s.seen = append(s.seen, entry{Seen: Seen{Code: sighting.Number, At: at}})
		if index == 0 {
			close(s.first)
		}
	}
	if picture == nil || index%every != 0 {
		return
	}
	e := &s.seen[index]
	if !again {
		e.Width, e.Height = picture.Rect.Dx(), picture.Rect.Dy()
	}
	if e.kept.size == 0 {
		if e.kept = s.spool.keep(picture); e.kept.size == 0 {
			s.counts.NotKept++
		}
	}
}

// ReadY4M shows all pictures of a YUV4MPEG2 stream, each when its last byte has come, until the stream ends. That it ends within a picture
// is no error, as its writer may have been killed; that it has no header, or one of pictures larger than 4096x4096, is.
func (s *Screen) ReadY4M(r io.Reader) error {
	widenPipe(r)
	reader, err := y4m.NewReader(r)
	if err != nil {
		return fmt.Errorf("nothing was shown: %w", err)
	}
	header := reader.Header()
	if header.Width > maxSize || header.Height > maxSize {
		return fmt.Errorf("the stream says that its pictures are %dx%d, which is more than %dx%d", header.Width, header.Height, maxSize, maxSize)
	}
	picture := header.NewPicture()
	for {
		err := reader.Read(picture)
		at := time.Now()
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, y4m.ErrTruncated), errors.Is(err, fs.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		s.Show(at, picture)
	}
}

// First is closed when the first picture of the video has been seen.
func (s *Screen) First() <-chan struct{} { return s.first }

// Seen is a picture that was on the screen for the first time.
type Seen struct {
	Code          uint64 // the number in its barcodes
	At            time.Time
	Width, Height int // as the system showed it, 0 if Note got no picture; it is compared at the video's size
	Scored        bool
	Score         quality.Score // if Scored
}

// Counts is what else was on the screen.
type Counts struct {
	Pictures   int // all
	Repeated   int // the same number again
	Torn       int // two different codes
	Unreadable int // a code is not there or damaged
	NotKept    int // new pictures that were to be compared, but for which there was no room or time
}

// Seen returns the pictures seen so far, in the order in which they were noted.
func (s *Screen) Seen() []Seen {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	seen := make([]Seen, len(s.seen))
	for i, e := range s.seen {
		seen[i] = e.Seen
	}
	return seen
}

// Counts returns how many pictures of each kind there were so far.
func (s *Screen) Counts() Counts {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.counts
}

// Close removes what was kept.
func (s *Screen) Close() error { return s.spool.close() }
