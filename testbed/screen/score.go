package screen

import (
	"context"
	"fmt"
	"image"
	"math"
	"runtime"
	"sync"

	"salsify/testbed/clip"
	"salsify/testbed/quality"
)

// Score compares the pictures that were kept with the video's, on all processors. progress, which may be nil, is told how far it is. The
// error is ctx's, or that of reading a picture back; what was compared until then counts.
func (s *Screen) Score(ctx context.Context, video *clip.Video, progress func(done, total int)) error {
	s.mutex.Lock()
	var jobs []int // of seen
	entries := append([]entry(nil), s.seen...)
	for i, e := range entries {
		if e.kept.size > 0 && !e.Scored {
			jobs = append(jobs, i)
		}
	}
	s.mutex.Unlock()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	next := make(chan int)
	var workers sync.WaitGroup
	var progressing sync.Mutex
	done := 0
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		workers.Go(func() {
			var comparer clip.Comparer
			var luma []byte
			original := video.NewPicture()
			for index := range next {
				var score quality.Score
				var err error
				score, luma, err = s.compare(&comparer, video, entries[index], original, luma)
				if err != nil {
					stop(fmt.Errorf("picture %d of the screen cannot be compared: %w", entries[index].Code, err))
					continue // next until it is closed
				}
				s.mutex.Lock()
				s.seen[index].Score, s.seen[index].Scored = score, !math.IsNaN(score.SSIM) && !math.IsNaN(score.MSE)
				s.mutex.Unlock()
				progressing.Lock()
				done++
				if progress != nil {
					progress(done, len(jobs))
				}
				progressing.Unlock()
			}
		})
	}
feeding:
	for _, index := range jobs {
		select {
		case next <- index:
		case <-ctx.Done():
			break feeding
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

func (s *Screen) compare(
	c *clip.Comparer, video *clip.Video, e entry, original *image.YCbCr, luma []byte,
) (quality.Score, []byte, error) {
	picture, luma, err := s.spool.read(e.kept, luma)
	if err != nil {
		return quality.Score{}, luma, err
	}
	video.Picture(e.Code, original)
	score, err := c.Compare(original, picture)
	return score, luma, err
}
