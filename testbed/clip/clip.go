// Package clip makes a test video of any clip: as long as one likes, and with a number in each picture that survives coding.
//
//  1. Open decodes the clip to uncompressed pictures on a fast file system (decode.go; ffmpeg does it for all but .y4m), once, and
//     maps them (stored.go). The drawn scene needs none of that (drawn.go).
//  2. Picture number n of the video is a picture of the clip, forwards and then backwards without end (ping-pong), so that the loop
//     makes no scene cut; with fresh sensor noise where that was asked for (grain.go).
//  3. Both barcodes of a picture (package capture/barcode) say its number, and that it is one of ours (codes.go).
//  4. Comparer tells how much a picture that somebody saw has lost, its codes left out (score.go).
package clip

import (
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"path/filepath"
	"strings"
	"sync"

	"salsify/capture/barcode"
	"salsify/codec/y4m"
)

// ErrClip: the clip or what was asked of it cannot be used. Open's errors wrap it, and say what to do.
var ErrClip = errors.New("no usable clip")

// Grain is how much sensor noise is added, so that a clip that was compressed before does not repeat exactly where it is flat.
type Grain string

// The grains. A figure is the standard deviation of luma, in steps of 1/255; that of chroma is two thirds of it.
const (
	Clean    Grain = ""
	Light    Grain = "light" // 1.5, a camera in daylight
	LowLight Grain = "low"   // 5, a camera indoors
)

// Rates in pictures a second that a video may have. Clips of a varying rate, which claim a thousand, are not meant.
const (
	MinRate = 1
	MaxRate = 240
)

// DefaultRate is that of a clip which does not say its own, in pictures a second.
const DefaultRate = 30

// Config says which video.
type Config struct {
	// Source is a .y4m file, any other file that ffmpeg reads, or "test:" for the drawn scene (package capture).
	Source        string
	Width, Height int     // 0: the clip's own; else it is scaled
	Rate          float64 // pictures a second; 0: the clip's own. The pictures are the same, played faster or slower
	Grain         Grain
	Seed          uint64 // of the grain and of the drawn scene
	// Cache is the folder of decoded clips; "": one on a memory file system if there is one. What is there already is used.
	Cache string
}

// Video is an endless test video. It may be used by several goroutines.
type Video struct {
	name          string
	width, height int
	rate          y4m.Rate
	grain         *grain // nil: clean

	mutex    sync.RWMutex // held while a picture is copied, so that Close does not take its memory away
	pictures pictures     // nil once closed
}

// pictures are those of a clip, before they are made into a video.
type pictures interface {
	// period is after how many pictures the video begins again.
	period() int
	// draw copies picture n of the endless video. It may be called from several goroutines.
	draw(n uint64, into *image.YCbCr)
	close() error
}

// Open prepares a video. It may take a while for a clip that has to be decoded; progress is written to log, which may be nil.
func Open(ctx context.Context, config Config, log io.Writer) (*Video, error) {
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClip, err)
	}
	if log == nil {
		log = io.Discard
	}
	open := openStored
	v := &Video{name: strings.TrimSuffix(filepath.Base(config.Source), filepath.Ext(config.Source))}
	if parameters, ok := strings.CutPrefix(config.Source+":", "test:"); ok {
		v.name = "test"
		open = func(_ context.Context, c Config, _ io.Writer) (pictures, y4m.Header, error) {
			return openDrawn(strings.TrimSuffix(parameters, ":"), c)
		}
	}
	found, header, err := open(ctx, config, log)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrClip, err)
	}
	v.pictures, v.width, v.height = found, header.Width, header.Height
	v.rate, err = rateOf(config, header.Rate)
	if err == nil && (v.width < barcode.MinWidth || v.height < barcode.MinHeight) {
		err = fmt.Errorf("%s has pictures of %dx%d, and the codes in them need at least %dx%d; ask for a larger size",
			config.Source, v.width, v.height, barcode.MinWidth, barcode.MinHeight)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%w: %w", ErrClip, err), found.close())
	}
	if config.Grain != Clean {
		v.grain = newGrain(config.Grain, v.width, config.Seed)
	}
	return v, nil
}

func (c Config) check() error {
	if c.Source == "" {
		return errors.New("none was named; give a file, or test: for the drawn scene")
	}
	if (c.Width != 0 || c.Height != 0) &&
		(c.Width < barcode.MinWidth || c.Height < barcode.MinHeight || c.Width > y4m.MaxSize || c.Height > y4m.MaxSize) {
		return fmt.Errorf("a size of %dx%d was asked for; give %dx%d to %dx%d, or leave it out",
			c.Width, c.Height, barcode.MinWidth, barcode.MinHeight, y4m.MaxSize, y4m.MaxSize)
	}
	if c.Rate != 0 && !(c.Rate >= MinRate && c.Rate <= MaxRate) {
		return fmt.Errorf("%v pictures a second were asked for; give %d to %d, or leave it out", c.Rate, MinRate, MaxRate)
	}
	switch c.Grain {
	case Clean, Light, LowLight:
		return nil
	}
	return fmt.Errorf("there is no grain %q; give %q, %q or none", string(c.Grain), Light, LowLight)
}

// rateOf returns the rate that was asked for, else the clip's own, else DefaultRate.
func rateOf(c Config, own y4m.Rate) (y4m.Rate, error) {
	if c.Rate != 0 {
		return ratio(c.Rate), nil
	}
	if own.Num == 0 || own.Den == 0 { // unknown
		return y4m.Rate{Num: DefaultRate, Den: 1}, nil
	}
	if perSecond := float64(own.Num) / float64(own.Den); perSecond < MinRate || perSecond > MaxRate {
		return own, fmt.Errorf("%s says that it has %.3g pictures a second; ask for a rate of %d to %d", c.Source, perSecond, MinRate, MaxRate)
	}
	// Containers that keep times in milliseconds make 19001/317 of 60000/1001.
	perSecond := float64(own.Num) / float64(own.Den)
	for _, usual := range []y4m.Rate{{Num: int(math.Round(perSecond)), Den: 1}, {Num: int(math.Round(perSecond*1.001)) * 1000, Den: 1001}} {
		const near = 1e-4 // of the rate
		if off := float64(usual.Num)/float64(usual.Den)/perSecond - 1; math.Abs(off) < near {
			return usual, nil
		}
	}
	return own, nil
}

// ratio returns the ratio that is meant by a rate: a whole number, one of those slowed by 1000/1001 as television does, of which two
// decimals are commonly said (23.98, 29.97, 59.94), or thousandths.
func ratio(rate float64) y4m.Rate {
	if whole := math.Round(rate); whole == rate {
		return y4m.Rate{Num: int(whole), Den: 1}
	}
	const said = 0.005 // pictures a second by which two decimals may be off
	if whole := math.Round(rate * 1.001); math.Abs(whole/1.001-rate) <= said {
		return y4m.Rate{Num: int(whole) * 1000, Den: 1001}
	}
	return y4m.Rate{Num: int(math.Round(rate * 1000)), Den: 1000}
}

// Close lets go of the clip's memory. Pictures that were drawn stay valid; none can be drawn any more.
func (v *Video) Close() error {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.pictures == nil {
		return nil
	}
	err := v.pictures.close()
	v.pictures = nil
	return err
}

// Name is the clip's name without folder, ending and parameters, for tables.
func (v *Video) Name() string { return v.name }

// Size returns width and height in pixels.
func (v *Video) Size() (width, height int) { return v.width, v.height }

// Rate returns pictures a second.
func (v *Video) Rate() y4m.Rate { return v.rate }

// Period is after how many pictures the video, but for its grain and numbers, begins again. The drawn scene never does, and says
// math.MaxInt32.
func (v *Video) Period() int {
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	return v.open().period()
}

// open returns the pictures, which a closed video has not.
func (v *Video) open() pictures {
	if v.pictures == nil {
		panic("clip: the video was closed")
	}
	return v.pictures
}

// NewPicture returns memory for a picture.
func (v *Video) NewPicture() *image.YCbCr {
	return image.NewYCbCr(image.Rect(0, 0, v.width, v.height), image.YCbCrSubsampleRatio420)
}

// Picture draws picture n, with its codes, into one that NewPicture made. The same n gives the same bytes. It panics for a picture
// of another kind, and after Close.
func (v *Video) Picture(n uint64, picture *image.YCbCr) {
	if picture.Rect != image.Rect(0, 0, v.width, v.height) || picture.SubsampleRatio != image.YCbCrSubsampleRatio420 ||
		picture.YStride != v.width || picture.CStride != (v.width+1)/2 {
		panic(fmt.Sprintf("clip: a picture of %v %v; take one of NewPicture, %dx%d", picture.Rect, picture.SubsampleRatio, v.width, v.height))
	}
	v.clean(n, picture)
	if v.grain != nil {
		v.grain.add(picture, n)
	}
	stamp(picture, n)
}

// clean copies the clip's picture.
func (v *Video) clean(n uint64, picture *image.YCbCr) {
	v.mutex.RLock()
	defer v.mutex.RUnlock()
	v.open().draw(n, picture)
}
