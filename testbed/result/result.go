// Package result is what one cell of an evaluation leaves in its folder: one system under test, on one network, with one clip, once.
//
//	result.json   the figures and all that made them (this file)
//	frames.csv    a line for each picture of the source (frames.go)
//	link.csv      a line for each packet (written by the link)
//	series.csv    a line for each 100 ms: capacity, rate, queue, delay, quality (series.go)
//	plan.txt      what was asked for, a line each (folder.go)
//	logs/         what the programs said
package result

// Format is the version of the files; it grows when a field changes its meaning.
const Format = 1

// The files of a cell's folder.
const (
	File       = "result.json"
	FramesFile = "frames.csv"
	LinkFile   = "link.csv"
	SeriesFile = "series.csv"
	LogsFolder = "logs"
)

// Result is one cell. In JSON durations are in milliseconds, rates in kbit/s of IP packets, shares from 0 to 1, and a figure that could not be measured
// is null.
type Result struct {
	Format  int     `json:"format"`
	Cell    string  `json:"cell"`    // name of the cell in its matrix; else system-network-clip
	System  string  `json:"system"`  // as it was asked for, such as "salsify:single"
	Virtual bool    `json:"virtual"` // in virtual time
	Repeat  int     `json:"repeat"`  // from 1
	Started string  `json:"started"` // RFC 3339
	Clip    Clip    `json:"clip"`
	Network Network `json:"network"`

	DurationMs float64 `json:"duration_ms"` // of the call
	ExcludedMs float64 `json:"excluded_ms"` // of it, at the beginning, that do not count in the figures
	Figures    Figures `json:"figures"`

	Commands [][]string        `json:"commands"` // every program with its arguments, as it was started
	Versions map[string]string `json:"versions"`
	Machine  Machine           `json:"machine"`
	Warnings []string          `json:"warnings"` // what makes the figures doubtful
	// Plan is a hash of all that was asked for, which plan.txt has in words: a matrix takes a result for its own if it is the same.
	Plan string `json:"plan"`
}

// Clip is the test video.
type Clip struct {
	Name   string  `json:"name"`
	Source string  `json:"source"`
	Grain  string  `json:"grain"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Rate   float64 `json:"rate"` // pictures a second
	Seed   uint64  `json:"seed"`
}

// Network is the emulated network. The video goes over Down, what the receiver says over Up.
type Network struct {
	Name    string  `json:"name"`
	Down    Way     `json:"down"`
	Up      Way     `json:"up"`
	DelayMs float64 `json:"delay_ms"` // one way, the same for both
	Seed    uint64  `json:"seed"`
}

// Way is one direction of the network.
type Way struct {
	Trace        string  `json:"trace"` // file name, "" for no limit
	TraceSHA256  string  `json:"trace_sha256"`
	StartMs      float64 `json:"start_ms"`        // time of the trace at which the call began
	CapacityKbit float64 `json:"capacity_kbit_s"` // mean over the time that counts; 0 without a trace
	Queue        string  `json:"queue"`           // as on the command line
	Loss         float64 `json:"loss"`            // share of packets lost at random
	Outages      string  `json:"outages"`         // as on the command line
}

// Figures are what a person saw, over the time that counts.
type Figures struct {
	Captured   int     `json:"captured"` // pictures of the source
	Shown      int     `json:"shown"`    // of those, each counted once
	NeverShown int     `json:"never_shown"`
	Torn       int     `json:"torn"`       // pictures on the screen whose two codes differ (over the whole call)
	Unreadable int     `json:"unreadable"` // without a readable code (over the whole call)
	FPS        float64 `json:"fps"`        // pictures shown a second

	FrameDelay  Delay   `json:"frame_delay_ms"`  // of the pictures shown: from capture to screen
	SignalDelay Delay   `json:"signal_delay_ms"` // of every picture of the source: until it or a later one is on the screen
	Freezes     Freezes `json:"freezes"`

	Scored int      `json:"scored"`  // pictures compared with their original
	SSIMdB *float64 `json:"ssim_db"` // -10 log10(1 - mean SSIM of luma)
	SSIM   *float64 `json:"ssim"`
	PSNRdB *float64 `json:"psnr_db"` // of the mean squared error of luma

	VideoKbit     float64  `json:"video_kbit_s"`     // that entered the video's way
	DeliveredKbit float64  `json:"delivered_kbit_s"` // that came out of it
	FeedbackKbit  float64  `json:"feedback_kbit_s"`  // that entered the other way
	CapacityKbit  float64  `json:"capacity_kbit_s"`  // of the video's way; 0: no limit
	LinkUsed      *float64 `json:"link_used"`        // share of that capacity which left the queue; null: no limit
	QueueDelay    Delay    `json:"queue_delay_ms"`   // of the video's packets, from arrival at the link to departure from its queue
	Dropped       int64    `json:"dropped_packets"`  // of the video's, by the queue
	Lost          int64    `json:"lost_packets"`     // of the video's, at random or in outages
}

// Delay sums up times of one kind, in milliseconds. What was not measured is NaN, and null in JSON.
type Delay struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P95  float64 `json:"p95"`
	P99  float64 `json:"p99"`
	Max  float64 `json:"max"`
}

// Freezes are times without a new picture.
type Freezes struct {
	Count     int     `json:"count"`
	LongestMs float64 `json:"longest_ms"` // the longest time without a new picture, a freeze or not
	Share     float64 `json:"share"`      // of the time
}

// Machine is where it ran, and how busy that was.
type Machine struct {
	Processor string `json:"processor"`
	Cores     int    `json:"cores"`
	MemoryMB  int    `json:"memory_mb"`
	Kernel    string `json:"kernel"`
	Go        string `json:"go"`
	// Shares of all cores that other programs used, just before the call and during it (programs of the call and of the testbed itself left out);
	// null in virtual time.
	OthersBefore *float64 `json:"others_before"`
	OthersDuring *float64 `json:"others_during"`
	// Of all cores: what the call's programs and the testbed used.
	SystemUsed  *float64 `json:"system_used"`
	TestbedUsed *float64 `json:"testbed_used"`
	WaitedMs    float64  `json:"waited_ms"` // for the machine to become quiet
	// LinkLatenessP99Ms is how late the emulated link sent packets on.
	LinkLatenessP99Ms *float64 `json:"link_lateness_p99_ms"`
}
