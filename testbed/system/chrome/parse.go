package chrome

import (
	"fmt"
	"strings"

	"salsify/testbed/system"
	"salsify/testbed/system/parameters"
	"salsify/transport/bitrate"
)

// Parse reads what stands behind "chrome:" in a system's name: a codec (vp8, vp9 or h264), or
//
//	codec=vp9,max-bitrate=5M,binary=PROGRAM
func Parse(text string) (system.System, error) {
	list, err := parameters.Parse(text, "", "codec", "max-bitrate", "binary")
	if err != nil {
		return nil, fmt.Errorf("chrome: %w", err)
	}
	var c Config
	for _, p := range list {
		switch p.Name {
		case "", "codec":
			c.Codec = Codec(strings.ToUpper(p.Value))
			if c.Codec != VP8 && c.Codec != VP9 && c.Codec != H264 {
				return nil, fmt.Errorf("chrome: %w", p.Wrong("the codecs are vp8, vp9 and h264"))
			}
		case "max-bitrate":
			if c.MaxBitrate, err = bitrate.Parse(p.Value); err != nil {
				return nil, fmt.Errorf("chrome: %w", p.Wrong(err.Error()))
			}
		case "binary":
			c.Binary = p.Value
		}
	}
	return New(c), nil
}
