package virtual

import (
	"fmt"
	"image"
	"runtime"
	"sync"

	"salsify/testbed/measure"
	"salsify/testbed/quality"
)

// Score compares picture n of the source with what was shown of it, which is valid until it returns. It is called from several
// goroutines at once.
type Score func(n uint64, shown *image.YCbCr) (quality.Score, error)

// Scorer scores pictures that are shown, beside what its caller does meanwhile. It serves one goroutine.
type Scorer struct {
	score Score
	every int
	count int // of pictures that were shown
	// copies has the memory of the pictures that wait to be scored. Whoever takes one when there is none waits, so that few pictures
	// are kept however slow the scoring is.
	copies chan *image.YCbCr

	working sync.WaitGroup
	lock    sync.Mutex
	scores  map[uint64]quality.Score // so far, by the picture's number
	err     error                    // the first that was found
}

// NewScorer returns a Scorer of every how many-th picture shown, from the first on; 0 counts as 1. With a nil score it does nothing.
func NewScorer(score Score, every int) *Scorer {
	s := &Scorer{score: score, every: max(every, 1), scores: map[uint64]quality.Score{}}
	if score != nil {
		s.copies = make(chan *image.YCbCr, runtime.GOMAXPROCS(0)+1)
		for range cap(s.copies) {
			s.copies <- new(image.YCbCr)
		}
	}
	return s
}

// Shown has picture n scored, if it is its turn. The picture is not used after it returns.
func (s *Scorer) Shown(n uint64, picture *image.YCbCr) {
	if s.score == nil {
		return
	}
	s.count++
	if (s.count-1)%s.every != 0 {
		return
	}
	kept := <-s.copies
	copyPicture(kept, picture)
	s.working.Go(func() {
		score, err := s.score(n, kept)
		s.copies <- kept
		s.lock.Lock()
		defer s.lock.Unlock()
		s.scores[n] = score
		if err != nil && s.err == nil {
			s.err = fmt.Errorf("picture %d cannot be scored: %w", n, err)
		}
	})
}

// Err is an error that has been found so far.
func (s *Scorer) Err() error {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.err
}

// Wait waits until nothing is being scored.
func (s *Scorer) Wait() { s.working.Wait() }

// Finish waits for all scores and returns them by the pictures' numbers. It puts them into shown too, with an SSIM of 0 for pictures
// that were not scored. Without a Score it leaves shown as it is, and returns nil.
func (s *Scorer) Finish(shown []measure.Shown) (map[uint64]quality.Score, error) {
	s.Wait()
	if s.score == nil || s.err != nil {
		return nil, s.err
	}
	for i := range shown {
		shown[i].SSIM = s.scores[shown[i].Number].SSIM
	}
	return s.scores, nil
}

// copyPicture makes dst a copy of what is visible of a picture whose upper left corner is at 0, 0, as the codec's are.
func copyPicture(dst, src *image.YCbCr) {
	pixels := [3][]byte{dst.Y, dst.Cb, dst.Cr}
	*dst = *src
	// What lies between the lines is copied too: a copy in one piece is the faster.
	dst.Y, dst.Cb, dst.Cr = copyPlane(pixels[0], src.Y, src.YStride, src.Rect.Dx(), src.Rect.Dy()),
		copyPlane(pixels[1], src.Cb, src.CStride, (src.Rect.Dx()+1)/2, (src.Rect.Dy()+1)/2),
		copyPlane(pixels[2], src.Cr, src.CStride, (src.Rect.Dx()+1)/2, (src.Rect.Dy()+1)/2)
}

func copyPlane(dst, src []byte, stride, width, height int) []byte {
	return append(dst[:0], src[:(height-1)*stride+width]...)
}
