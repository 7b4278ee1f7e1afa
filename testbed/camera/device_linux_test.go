package camera

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"salsify/testbed/testenv"
)

// The kernel's own header says the same of sizes, places and numbers.
func TestHeader(t *testing.T) {
	cc := testenv.Tool(t, "cc")
	const header = "/usr/include/linux/videodev2.h"
	if _, err := os.Stat(header); err != nil {
		t.Skipf("skipped: %v (Debian's linux-libc-dev has it)", err)
	}
	var format v4l2Format
	var parm v4l2StreamParm
	var has v4l2Capability
	values := []struct {
		c    string
		ours uintptr
	}{
		{"sizeof(struct v4l2_capability)", unsafe.Sizeof(has)},
		{"offsetof(struct v4l2_capability, capabilities)", unsafe.Offsetof(has.capabilities)},
		{"offsetof(struct v4l2_capability, device_caps)", unsafe.Offsetof(has.deviceCaps)},
		{"sizeof(struct v4l2_format)", unsafe.Sizeof(format)},
		{"offsetof(struct v4l2_format, fmt)", unsafe.Offsetof(format.union)},
		{"sizeof(struct v4l2_pix_format)", unsafe.Sizeof(v4l2PixFormat{})},
		{"offsetof(struct v4l2_pix_format, pixelformat)", unsafe.Offsetof(v4l2PixFormat{}.pixelFormat)},
		{"offsetof(struct v4l2_pix_format, field)", unsafe.Offsetof(v4l2PixFormat{}.field)},
		{"offsetof(struct v4l2_pix_format, bytesperline)", unsafe.Offsetof(v4l2PixFormat{}.bytesPerLine)},
		{"offsetof(struct v4l2_pix_format, sizeimage)", unsafe.Offsetof(v4l2PixFormat{}.sizeImage)},
		{"sizeof(struct v4l2_streamparm)", unsafe.Sizeof(parm)},
		{"offsetof(struct v4l2_streamparm, parm.output.timeperframe)", unsafe.Offsetof(parm.output) + unsafe.Offsetof(parm.output.timePerFrame)},
		{"VIDIOC_QUERYCAP", vidiocQueryCap},
		{"VIDIOC_S_FMT", vidiocSetFormat},
		{"VIDIOC_S_PARM", vidiocSetParm},
		{"V4L2_BUF_TYPE_VIDEO_OUTPUT", bufferVideoOutput},
		{"V4L2_FIELD_NONE", fieldNone},
		{"V4L2_PIX_FMT_YUV420", pixelFormatYUV420},
		{"V4L2_CAP_VIDEO_OUTPUT", capVideoOutput},
		{"V4L2_CAP_READWRITE", capReadWrite},
		{"V4L2_CAP_DEVICE_CAPS", capDeviceCaps},
	}
	program := "#include <stddef.h>\n#include <linux/videodev2.h>\n"
	for i, v := range values {
		program += fmt.Sprintf("_Static_assert((unsigned long)(%s) == %dUL, \"%d\");\n", v.c, v.ours, i)
	}
	source := filepath.Join(t.TempDir(), "check.c")
	if err := os.WriteFile(source, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(cc, "-fsyntax-only", source).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestNoDevice(t *testing.T) {
	for path, says := range map[string]string{
		"/dev/nothing": "v4l2loopback",
		"/dev/null":    "no V4L2 device",
	} {
		c := newCamera(t, 25)
		if err := c.FeedDevice(t.Context(), time.Now(), path); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
