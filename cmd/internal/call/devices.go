package call

import (
	"fmt"
	"io"

	"salsify/capture"
	"salsify/capture/mic"
	"salsify/display/speaker"
	"salsify/sounddevice"
)

// ListDevices lists cameras, microphones and speakers.
func ListDevices(w io.Writer) {
	fmt.Fprintln(w, "Cameras, for SOURCE:")
	if err := capture.PrintCameras(w); err != nil {
		fmt.Fprintln(w, err)
	}
	for _, kind := range []struct {
		title   string
		devices func() ([]sounddevice.Info, error)
	}{{"Microphones, for --mic:", mic.Devices}, {"Speakers, for --speaker:", speaker.Devices}} {
		fmt.Fprintf(w, "\n%s\n", kind.title)
		devices, err := kind.devices()
		if err != nil {
			fmt.Fprintf(w, "  %v\n", err)
			continue
		}
		for _, d := range devices {
			mark := ""
			if d.Default {
				mark = " (default)"
			}
			fmt.Fprintf(w, "  %d  %s%s\n", d.Number, d.Name, mark)
		}
	}
}
