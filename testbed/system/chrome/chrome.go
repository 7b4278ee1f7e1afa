// Package chrome is today's browser as a system under test: a one-way call between two headless Chromium processes with default
// settings.
//
//  1. Prepare writes the test video as a file, which the sender's browser plays in a loop as if it were a camera. It starts a
//     browser in each place's network (browser.go) and loads the page of page/page.js in both (pages.go), which open camera and
//     connection.
//  2. Run lets the sender's page note every picture of its camera, gives the description of each end to the other (outside the
//     emulated network, as it is the same for every browser), and the browsers connect to each other through it.
//  3. During the call the receiver's page notes when which picture has come out of its decoder, and keeps some, in memory. Once a
//     second both are asked for their state and statistics.
//  4. When the call is over the pages upload what they noted (upload.go), and their clocks are compared with ours (clock.go).
//  5. Close kills both browsers and removes the file.
package chrome

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/clip"
	"salsify/testbed/system"
	"salsify/transport/bitrate"
)

// Codec is what the sender encodes with.
type Codec string

// The codecs of WebRTC that a call can be made with.
const (
	VP8  Codec = "VP8"
	VP9  Codec = "VP9"
	H264 Codec = "H264"
)

// mime is the codec's name in descriptions (RFC 7741, 9628, 6184).
func (c Codec) mime() string { return "video/" + string(c) }

// Config says which browser makes what call.
type Config struct {
	Codec Codec // "": VP8
	// Binary is Chromium's program; "": chromium, chromium-browser or google-chrome, whichever is there.
	Binary string
	// MaxBitrate is given to the sender's encoder as its limit; 0: the browser's own, which is 2.5 Mbit/s for one camera.
	MaxBitrate bitrate.Bitrate
	// Loop is the least length of the file that the browser plays in a loop; 0: DefaultLoop. A picture that is delayed by more is
	// taken for one of the next round.
	Loop time.Duration
}

const (
	// DefaultLoop is beyond the delays that the longest outages of recorded cellular networks cause, 15 to 18 s.
	DefaultLoop = 30 * time.Second
	// cutLoop is how many times as long as asked a file is of a video whose own period is longer still: the loop then makes a
	// scene cut, by default after 75 s, when a call of the usual minute is over.
	cutLoop = 2.5

	// pictureBytes is how much of its memory a page may keep pictures in.
	pictureBytes = 3 << 30
	// askTime is how long a page may take for an answer, even while its browser has too much to do.
	askTime = 20 * time.Second
	// uploadTime is how long the pages may take to upload what they kept: up to pictureBytes.
	uploadTime = 3 * time.Minute
	// statusEvery is how often both ends are asked for their state and statistics.
	statusEvery = time.Second
	// clockReadings is how many times a page's clock is read, to take the one that was read fastest.
	clockReadings = 20
)

// flags are those of both browsers, but for the profile, the pipes, and the sender's file.
var flags = []string{
	"--headless", "--no-startup-window", "--no-first-run", "--no-default-browser-check",
	"--no-sandbox",  // it cannot be set up by root, nor within namespaces of a user
	"--disable-gpu", // everything in software, on every machine
	"--disable-quic", "--disable-background-networking", "--disable-component-update", "--disable-sync",
	"--disable-background-timer-throttling", "--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows",
	"--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
	"--disable-features=WebRtcHideLocalIpsWithMdns", // names of mDNS cannot be resolved across the emulated network
}

// New returns today's browser as a system under test.
func New(config Config) system.System {
	config.Codec = cmp.Or(config.Codec, VP8)
	config.Loop = cmp.Or(config.Loop, DefaultLoop)
	return &chrome{config: config}
}

type chrome struct {
	config Config

	h264Asked sync.Once
	h264      error // why this browser does not encode H.264
}

// program finds the browser.
func (c *chrome) program() (string, error) {
	names := []string{"chromium", "chromium-browser", "google-chrome"}
	if c.config.Binary != "" {
		names = []string{c.config.Binary}
	}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("chrome: no %s is installed; on Debian `apt install chromium` does it, or give the path of another",
		strings.Join(names, ", "))
}

// Missing tells whether there is a browser that encodes the codec.
func (c *chrome) Missing() error {
	switch c.config.Codec {
	case VP8, VP9, H264:
	default:
		return fmt.Errorf("chrome: unknown codec %q; it is %s, %s or %s", c.config.Codec, VP8, VP9, H264)
	}
	program, err := c.program()
	if err != nil || c.config.Codec != H264 {
		return err
	}
	// VP8 and VP9 are in every build, H.264 only in those that were made with it.
	c.h264Asked.Do(func() { c.h264 = encodesH264(program) })
	return c.h264
}

// encodesH264 asks a browser whether it offers H.264.
func encodesH264(program string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	b, err := startBrowser(ctx, "Chromium", program, flags, system.Host{}, io.Discard, nil)
	if err != nil {
		return err
	}
	defer b.close()
	codecs, err := evaluate[string](ctx, b, `RTCRtpSender.getCapabilities('video').codecs.map((c) => c.mimeType).join()`)
	if err != nil {
		return err
	}
	if !strings.Contains(codecs, H264.mime()) {
		return fmt.Errorf("%s was built without an encoder for H.264: it offers %s", program, codecs)
	}
	return nil
}

// Versions tells the browser's.
func (c *chrome) Versions(ctx context.Context) map[string]string {
	program, err := c.program()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	out, _ := exec.CommandContext(ctx, program, "--version").Output()
	return parseVersion(string(out))
}

var versionLine = regexp.MustCompile(`^([A-Za-z ]+) ([0-9][0-9.]*)`)

// parseVersion reads a line such as "Chromium 156.0.8078.79 built on Debian GNU/Linux 12".
func parseVersion(line string) map[string]string {
	found := versionLine.FindStringSubmatch(line)
	if found == nil {
		return nil
	}
	return map[string]string{strings.ReplaceAll(strings.ToLower(found[1]), " ", "-"): found[2]}
}

// session is a call between two browsers.
type session struct {
	codec            Codec
	call             *system.Call
	folder           *clip.TemporaryFolder // of the camera's file
	sender, receiver *end
}

// end is one browser with its page.
type end struct {
	browser *browser
	pages   *pages
	log     io.WriteCloser // what the browser says
	stats   io.WriteCloser // a line of JSON each second
	before  tick
}

// Prepare writes the camera's file and starts both browsers, all but the call itself.
func (c *chrome) Prepare(ctx context.Context, call *system.Call) (_ system.Session, err error) {
	program, err := c.program()
	if err != nil {
		return nil, err
	}
	s := &session{codec: c.config.Codec, call: call}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()

	file, err := s.writeVideo(ctx, c.config.Loop)
	if err != nil {
		return nil, fmt.Errorf("the file for the browser's camera: %w", err)
	}
	if s.sender, err = s.start(ctx, "sender", program, call.Sender, "--use-file-for-fake-video-capture="+file); err != nil {
		return nil, err
	}
	if s.receiver, err = s.start(ctx, "receiver", program, call.Receiver); err != nil {
		return nil, err
	}

	width, height := call.Video.Size()
	rate := call.Video.Rate()
	asked := float64(rate.Num) / float64(rate.Den)
	wanted, err := json.Marshal(map[string]any{
		"codec": s.codec.mime(), "width": width, "height": height, "rate": asked, "maxBitrate": int64(c.config.MaxBitrate),
	})
	if err != nil {
		return nil, err
	}
	var got float64
	if err := s.sender.ask(ctx, &got, "prepareSender(%s)", wanted); err != nil {
		return nil, err
	}
	if math.Abs(got-asked) > 0.001*asked {
		fmt.Fprintf(s.sender.log, "testbed: the browser plays the video at %g pictures a second, not %.5g: it knows whole rates\n", got, asked)
	}
	if err := s.receiver.tell(ctx, "prepareReceiver(%d, %d)", max(call.Keep, 0), int64(pictureBytes)); err != nil {
		return nil, err
	}
	return s, nil
}

// writeVideo writes the file that the sender's browser plays, and returns its path.
func (s *session) writeVideo(ctx context.Context, loop time.Duration) (path string, err error) {
	if s.folder, err = clip.NewTemporaryFolder(cameraPrefix); err != nil {
		return "", err
	}
	free, err := clip.FreeBytes(s.folder.Path)
	if err != nil {
		return "", err
	}
	width, height := s.call.Video.Size()
	rate := s.call.Video.Rate()
	header := y4m.Header{Width: width, Height: height, Rate: rate}
	room := free / 2 / int64(header.FrameBytes()) // the other half is for what the browsers and the screen keep
	count, err := loopPictures(s.call.Video.Period(), float64(rate.Num)/float64(rate.Den), loop, room)
	if err != nil {
		return "", fmt.Errorf("%s: %w", s.folder.Path, err)
	}
	path = filepath.Join(s.folder.Path, "camera.y4m")
	if err := s.call.Video.WriteFile(ctx, path, count); err != nil {
		return "", err
	}
	s.call.Camera.SetLoop(count)
	return path, nil
}

// loopPictures returns how many pictures the file has: whole periods of the video that last at least as long as asked; or if
// there is only room for less, a part of the video, with a scene cut each time it begins again.
func loopPictures(period int, rate float64, asked time.Duration, room int64) (int, error) {
	least := math.Ceil(asked.Seconds() * rate)
	longest := min(math.Ceil(cutLoop*asked.Seconds()*rate), float64(room))
	whole := math.Ceil(least/float64(period)) * float64(period)
	switch {
	case longest < least:
		return 0, fmt.Errorf("there is room for %d pictures, but %.0f are needed; free memory, or take a smaller video", room, least)
	case whole <= longest:
		return int(whole), nil
	}
	return int(longest), nil
}

// start starts the browser of one end and loads its page.
func (s *session) start(ctx context.Context, name, program string, place system.Place, more ...string) (e *end, err error) {
	e = &end{}
	defer func() {
		if err != nil {
			e.close()
			e = nil
		}
	}()
	if e.log, err = s.call.Log("chrome-" + name + ".log"); err != nil {
		return e, err
	}
	if e.stats, err = s.call.Log("chrome-" + name + "-stats.jsonl"); err != nil {
		return e, err
	}
	if e.pages, err = servePages(ctx, place); err != nil {
		return e, err
	}
	arguments := append(flags[:len(flags):len(flags)], more...)
	if place.Address().IsLoopback() {
		arguments = append(arguments, "--allow-loopback-in-peer-connection")
	}
	if e.browser, err = startBrowser(ctx, "the "+name+"'s Chromium", program, arguments, place, e.log, s.call.Ran); err != nil {
		return e, err
	}
	return e, e.browser.open(ctx, e.pages.url)
}

// Run makes the call.
func (s *session) Run(ctx context.Context) error {
	for _, e := range []*end{s.sender, s.receiver} {
		var err error
		if e.before, err = e.readClock(); err != nil {
			return err
		}
	}
	// The end of the call is not an error, whatever it interrupts.
	if err := s.live(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return s.collect()
}

// live sends live video until ctx ends.
func (s *session) live(ctx context.Context) error {
	if err := s.sender.tell(ctx, "watch()"); err != nil {
		return err
	}
	if err := s.connect(ctx); err != nil {
		return err
	}
	return s.observe(ctx)
}

// connect gives each end the description of the other. A description has all of its end's addresses, so nothing is left to be
// said later.
func (s *session) connect(ctx context.Context) error {
	offer, err := s.sender.describe(ctx, s.call.Sender, "offer()")
	if err != nil {
		return err
	}
	answer, err := s.receiver.describe(ctx, s.call.Receiver, "answer(%s)", quoted(offer))
	if err != nil {
		return err
	}
	return s.sender.tell(ctx, "accept(%s)", quoted(answer))
}

// status is what page.js says about its connection.
type status struct {
	State string // "new", "connecting", "connected", "disconnected", "failed" or "closed"
	Codec string // of what is sent; "" before
	Line  string // statistics, a line of JSON
}

// observe looks at both ends once a second until the call is over.
func (s *session) observe(ctx context.Context) error {
	seconds := time.NewTicker(statusEvery)
	defer seconds.Stop()
	connected := false
	for {
		for _, e := range []*end{s.sender, s.receiver} {
			var now status
			if err := e.ask(ctx, &now, "status()"); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(e.stats, now.Line); err != nil {
				return err
			}
			connected = connected || now.State == "connected"
			// Once connected, failing is what the browser makes of an outage: a person sees the last picture stand still, and so
			// do we.
			if !connected && now.State == "failed" {
				return fmt.Errorf("%s cannot reach the other end (ICE failed); the file of its statistics has the addresses", e.browser.name)
			}
			if now.Codec != "" && !strings.EqualFold(now.Codec, s.codec.mime()) {
				return fmt.Errorf("%s sends %s, not %s", e.browser.name, now.Codec, s.codec.mime())
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.sender.browser.exited:
		case <-s.receiver.browser.exited:
		case <-seconds.C:
		}
	}
}

// collect takes what both pages noted during the call.
func (s *session) collect() error {
	ctx, cancel := context.WithTimeout(context.Background(), uploadTime)
	defer cancel()
	for _, e := range []*end{s.sender, s.receiver} { // both, before anything is uploaded
		if err := e.tell(ctx, "stop()"); err != nil {
			return err
		}
	}
	senderClock, err := s.sender.clock()
	if err != nil {
		return err
	}
	receiverClock, err := s.receiver.clock()
	if err != nil {
		return err
	}

	var captured []sighting
	if err := s.sender.upload(ctx, func(seen sighting, _ *image.YCbCr) { captured = append(captured, seen) }); err != nil {
		return err
	}
	toPage := captureToPage(captured)
	unreadable := 0
	for _, seen := range captured {
		if seen.code.OK {
			s.call.Camera.Note(seen.code.Number, senderClock.at(seen.capturedMs+toPage))
		} else {
			unreadable++
		}
	}
	fmt.Fprintf(s.sender.log, "testbed: %d pictures from the camera, %d of them unreadable\n", len(captured), unreadable)

	return s.receiver.upload(ctx, func(seen sighting, picture *image.YCbCr) {
		s.call.Screen.Note(receiverClock.at(seen.pageMs), seen.code, picture)
	})
}

// captureToPage returns what turns a camera's times into the page's, in milliseconds. The camera's clock began at another
// instant, so it takes the picture that was fastest on its way to the page for one that was there at once. (It took 0.7 ms, by a
// look at the browser's clock from outside; the median picture takes 1 to 3 ms, and one in a hundred on a busy machine some tens,
// which are not to be taken from the system's delay.)
func captureToPage(captured []sighting) (ms float64) {
	ms = math.Inf(1)
	for _, seen := range captured {
		ms = min(ms, seen.pageMs-seen.capturedMs)
	}
	return ms
}

// clock compares the page's clock with ours a second time, after the call.
func (e *end) clock() (c clock, err error) {
	c.before = e.before
	if c.after, err = e.readClock(); err != nil {
		return c, err
	}
	fmt.Fprintf(e.log, "testbed: the page's clock is known within %v before and %v after the call, with a drift of %v\n",
		c.before.within, c.after.within, c.drift())
	if err := c.check(); err != nil {
		return c, fmt.Errorf("%s: %w", e.browser.name, err)
	}
	return c, nil
}

// upload lets the page upload what it noted.
func (e *end) upload(ctx context.Context, take func(sighting, *image.YCbCr)) error {
	e.pages.expect(take)
	if _, err := evaluate[struct{}](ctx, e.browser, "upload()"); err != nil {
		return err
	}
	e.pages.uploaded()
	return nil
}

// readClock compares the page's clock with ours.
func (e *end) readClock() (tick, error) {
	ctx, cancel := context.WithTimeout(context.Background(), askTime)
	defer cancel()
	var best tick
	for i := range clockReadings {
		asked := time.Now()
		ms, err := evaluate[float64](ctx, e.browser, "now()")
		if err != nil {
			return tick{}, err
		}
		within := time.Since(asked) / 2
		if i == 0 || within < best.within {
			best = tick{pageMs: ms, here: asked.Add(within), within: within}
		}
	}
	return best, nil
}

// describe lets the page make its description of the connection, without addresses other than the place's.
func (e *end) describe(ctx context.Context, place system.Place, format string, a ...any) (string, error) {
	var sdp string
	if err := e.ask(ctx, &sdp, format, a...); err != nil {
		return "", err
	}
	sdp, candidates := onlyFrom(sdp, place.Address().String())
	if candidates == 0 {
		return "", fmt.Errorf("%s does not offer the address %v of its network", e.browser.name, place.Address())
	}
	return sdp, nil
}

// onlyFrom removes the candidates (RFC 8839, section 5.1) of other addresses, such as those of a machine's real network: the call
// is to go over the emulated one. It returns how many are left.
func onlyFrom(sdp, address string) (kept string, candidates int) {
	var lines strings.Builder
	for line := range strings.Lines(sdp) {
		if candidate, is := strings.CutPrefix(line, "a=candidate:"); is {
			// foundation component transport priority address port ...
			if fields := strings.Fields(candidate); len(fields) < 6 || fields[4] != address {
				continue
			}
			candidates++
		}
		lines.WriteString(line)
	}
	return lines.String(), candidates
}

// ask calls a function of page.js and reads what it returns into answer.
func (e *end) ask(ctx context.Context, answer any, format string, a ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	said, err := evaluate[json.RawMessage](ctx, e.browser, fmt.Sprintf(format, a...))
	if err != nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(said)).Decode(answer)
}

// tell calls a function of page.js that returns nothing.
func (e *end) tell(ctx context.Context, format string, a ...any) error {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	_, err := evaluate[struct{}](ctx, e.browser, fmt.Sprintf(format, a...))
	return err
}

// quoted is a string as a script has it.
func quoted(s string) string {
	literal, _ := json.Marshal(s) // a string always can be
	return string(literal)
}

// Close ends both browsers and removes the camera's file.
func (s *session) Close() error {
	err := errors.Join(s.sender.close(), s.receiver.close())
	if s.folder != nil {
		err = errors.Join(err, s.folder.Remove())
	}
	return err
}

func (e *end) close() error {
	if e == nil {
		return nil
	}
	var errs []error
	if e.browser != nil {
		errs = append(errs, e.browser.close())
	}
	if e.pages != nil {
		errs = append(errs, e.pages.close())
	}
	for _, file := range []io.Closer{e.log, e.stats} {
		if file != nil {
			errs = append(errs, file.Close())
		}
	}
	return errors.Join(errs...)
}
