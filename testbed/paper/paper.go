// Package paper is the evaluation of the Salsify paper (Fouladi et al., NSDI 2018) as a matrix: its five networks, our four modes, which
// take its ideas away one by one, and the other systems that are installed; and its published figures.
//
// What differs from the paper's: calls of a minute instead of ten, at 30 pictures a second instead of 60; signalling crosses the same
// network; and pictures are read where a system hands them to the screen, not from a cable behind a graphics card.
package paper

import (
	"cmp"
	"path/filepath"
	"time"

	"salsify/testbed/cell"
	"salsify/testbed/link"
	"salsify/testbed/matrix"
	"salsify/testbed/report"
)

// Config says what the paper's evaluation is run with.
type Config struct {
	Traces string // folder with the traces of Networks
	Clip   matrix.Clip
	// Systems are what is measured; nil: RealSystems, or OurModes in virtual time.
	Systems  []string
	Duration time.Duration // of each call, the part that does not count included
	Exclude  time.Duration // of it, at its beginning, what does not count
	Repeats  int           // 0: 1
	Virtual  bool
	NoOracle bool
	MaxLoad  float64 // as cell.Config has it
	Bin      string  // folder of our programs
}

// OurModes are the endpoint as it is, and with its ideas taken away: one candidate a picture, a codec that is aimed at one size, and
// a codec that is told a rate once a second.
var OurModes = []string{"salsify", "salsify:single", "salsify:conventional-codec", "salsify:conventional"}

// RealSystems are OurModes and the others that the testbed knows.
var RealSystems = append(OurModes[:len(OurModes):len(OurModes)], "chrome", "chrome:vp9", "gstreamer")

// Defaults of calls: the first seconds, in which systems find their rate, are left out, as a person who talks would do.
const (
	DefaultDuration = 70 * time.Second
	DefaultExclude  = 10 * time.Second
	// Rate is what most cameras give, and twice what the paper's encoder reached.
	Rate = 30
)

// The paper's links: 20 ms each way, and a queue of 256 packets that drops what comes when it is full.
const (
	delay        = 20 * time.Millisecond
	queuePackets = 256
)

// The names of the networks.
const (
	Verizon      = "Verizon LTE"
	ATT          = "AT&T LTE"
	TMobile      = "T-Mobile UMTS"
	Intermittent = "intermittent 12 Mbit/s"
	WiFi         = "Wi-Fi 0.57 Mbit/s"
)

// networks are the paper's five: name, base name of the traces, and the outages of the video's way.
var networks = []struct {
	name, trace string
	outages     link.OnOff
}{
	{Verizon, "Verizon-LTE-short", link.OnOff{}},
	{ATT, "ATT-LTE-driving", link.OnOff{}},
	{TMobile, "TMobile-UMTS-driving", link.OnOff{}},
	{Intermittent, "12mbps", link.OnOff{On: 5 * time.Second, Off: 200 * time.Millisecond, Random: true}},
	{WiFi, "0.57mbps-poisson", link.OnOff{}},
}

// Matrix describes the evaluation.
func Matrix(c Config) (*matrix.Matrix, error) {
	wait := delay
	start := time.Duration(0)
	queue := matrix.Queue{Queue: link.Queue{Policy: link.DropTail, Packets: queuePackets}}
	m := &matrix.Matrix{
		Title: "The networks of the Salsify paper", Duration: c.Duration, Exclude: c.Exclude, Repeats: cmp.Or(c.Repeats, 1), Virtual: c.Virtual,
		Traces: c.Traces, MaxLoad: cmp.Or(c.MaxLoad, cell.DefaultMaxLoad), Every: cell.DefaultEvery, NoOracle: c.NoOracle, Clips: []matrix.Clip{c.Clip}, Seed: 1, Bin: c.Bin,
	}
	systems := c.Systems
	if systems == nil && c.Virtual {
		systems = OurModes
	} else if systems == nil {
		systems = RealSystems
	}
	for _, name := range systems {
		m.Systems = append(m.Systems, matrix.System{Name: name})
	}
	for _, n := range networks {
		m.Networks = append(m.Networks, matrix.Network{
			Name: n.name, Down: n.trace + ".down", Up: n.trace + ".up", Delay: &wait, Start: &start, Queue: &queue,
			OutagesDown: matrix.Outages{OnOff: n.outages},
		})
	}
	folder, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	return m, m.Complete(folder)
}

// Published are the figures of the paper's own result files: 1280x720, 60 pictures a second, 10 minutes, two cores where not said
// otherwise ("2c"). The last three of Verizon LTE are its ablations, for which frame delays were not given.
var Published = []report.Published{
	row(Verizon, "Salsify-2c", 497, 1257, 15.60, 15.5, 139, 256),
	row(Verizon, "Salsify-1c", 517, 684, 15.53, 10.9, 200, 317),
	row(Verizon, "FaceTime", 659, 2044, 13.94, 11.9, 236, 545),
	row(Verizon, "Hangouts", 561, 1719, 10.36, 21.6, 134, 651),
	row(Verizon, "Skype", 1183, 6600, 14.12, 21.6, 139, 2672),
	row(Verizon, "WebRTC (Chrome)", 973, 4977, 13.66, 39.9, 189, 973),
	row(Verizon, "WebRTC VP9-SVC", 1196, 5412, 14.06, 32.9, 141, 499),
	row(Verizon, "Salsify, no grace period", 442, 539, 8.05, 0, 0, 0),
	row(Verizon, "Salsify, conventional codec", 481, 963, 11.40, 0, 0, 0),
	row(Verizon, "Salsify, conventional codec and transport", 789, 4293, 12.22, 0, 0, 0),
	row(ATT, "Salsify-2c", 282, 362, 15.37, 15.6, 146, 262),
	row(ATT, "Salsify-1c", 349, 449, 15.41, 11.0, 198, 315),
	row(ATT, "FaceTime", 469, 1024, 13.29, 11.6, 242, 838),
	row(ATT, "Hangouts", 846, 1862, 11.20, 21.5, 511, 1429),
	row(ATT, "Skype", 322, 557, 8.55, 7.3, 106, 328),
	row(ATT, "WebRTC (Chrome)", 935, 4730, 13.35, 45.6, 359, 1911),
	row(ATT, "WebRTC VP9-SVC", 775, 3547, 14.05, 39.0, 261, 611),
	row(TMobile, "Salsify-2c", 803, 4129, 13.28, 15.0, 143, 376),
	row(TMobile, "Salsify-1c", 840, 3907, 13.23, 10.8, 203, 570),
	row(TMobile, "FaceTime", 1207, 5700, 10.50, 8.2, 278, 2231),
	row(TMobile, "Hangouts", 1012, 7097, 9.38, 13.5, 107, 507),
	row(TMobile, "Skype", 1452, 5746, 11.77, 19.4, 1028, 2211),
	row(TMobile, "WebRTC (Chrome)", 1796, 8686, 11.54, 20.0, 128, 728),
	row(TMobile, "WebRTC VP9-SVC", 2585, 18215, 12.77, 17.9, 132, 499),
	row(Intermittent, "Salsify-2c", 182, 263, 16.57, 17.3, 147, 197),
	row(Intermittent, "Salsify-1c", 265, 374, 16.67, 11.4, 207, 257),
	row(Intermittent, "FaceTime", 280, 416, 14.70, 12.3, 219, 265),
	row(Intermittent, "Hangouts", 437, 1771, 9.27, 28.8, 103, 1705),
	row(Intermittent, "Skype", 128, 230, 15.65, 28.1, 94, 159),
	row(Intermittent, "WebRTC (Chrome)", 156, 169, 16.12, 55.1, 136, 152),
	row(WiFi, "Salsify-2c", 235, 429, 9.56, 10.5, 162, 279),
	row(WiFi, "Salsify-1c", 318, 594, 9.57, 7.3, 194, 310),
	row(WiFi, "FaceTime", 610, 1080, 8.78, 5.5, 415, 718),
	row(WiFi, "Hangouts", 514, 980, 8.45, 14.0, 347, 647),
	row(WiFi, "Skype", 251, 495, 7.78, 6.7, 147, 288),
	row(WiFi, "WebRTC (Chrome)", 315, 721, 10.20, 14.1, 221, 254),
}

// row is a published line: delays in milliseconds, pictures a second; 0: not given.
func row(network, system string, signalMean, signalP95 float64, ssimDB, fps, frameP50, frameP95 float64) report.Published {
	ms := func(v float64) time.Duration { return time.Duration(v * float64(time.Millisecond)) }
	return report.Published{
		Network: network, System: system, SignalMean: ms(signalMean), SignalP95: ms(signalP95), SSIMdB: ssimDB, FPS: fps,
		FrameP50: ms(frameP50), FrameP95: ms(frameP95),
	}
}
