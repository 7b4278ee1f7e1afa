package capture

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"salsify/capture/v4l2"
)

// Where a build has no cameras, the error says how to do without.
func TestNoCameras(t *testing.T) {
	_, err := v4l2.Devices()
	if !errors.Is(err, v4l2.ErrNoCameras) {
		t.Skip("skipped: this build has cameras; CGO_ENABLED=0 has none")
	}
	_, err = Open("/dev/video3", Options{})
	const want = "ffmpeg -f v4l2 -i /dev/video3 -pix_fmt yuv420p -f yuv4mpegpipe - | salsify-send -"
	if !errors.Is(err, ErrSource) || !errors.Is(err, v4l2.ErrNoCameras) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if err := PrintCameras(&bytes.Buffer{}); !errors.Is(err, v4l2.ErrNoCameras) {
		t.Errorf("%v", err)
	}
}
