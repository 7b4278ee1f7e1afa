package cell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"salsify/codec/y4m"
	"salsify/testbed/camera"
	"salsify/testbed/link"
	"salsify/testbed/measure"
	"salsify/testbed/result"
	"salsify/testbed/screen"
	"salsify/testbed/shell"
	"salsify/testbed/system"
	"salsify/testbed/virtual"
)

// inRealTime runs a system under test.
func (r *run) inRealTime(ctx context.Context, s system.System) error {
	if err := s.Missing(); err != nil {
		return err
	}
	if err := shell.Missing(); err != nil {
		return err
	}
	quiet, waited, err := r.awaitQuiet(ctx)
	if err != nil {
		return err
	}
	r.result.Machine.OthersBefore, r.result.Machine.WaitedMs = &quiet, milliseconds(waited)
	maps.Copy(r.result.Versions, versionsOf(ctx, s, r.config))

	// 1. The network, still without its traces.
	packets, err := os.Create(filepath.Join(r.config.Out, result.LinkFile))
	if err != nil {
		return err
	}
	defer packets.Close()
	down, up := r.network.down, r.network.up
	down.Log = func(p link.Record) { r.seen.downPackets = append(r.seen.downPackets, p) }
	up.Log = func(p link.Record) { r.seen.upPackets = append(r.seen.upPackets, p) }
	network, err := shell.Open(ctx, shell.Config{Up: up, Down: down, PacketLog: packets, PrivateOutside: true})
	if err != nil {
		return err
	}
	defer network.Close()

	// 2. The system, made ready.
	seen, err := screen.New(screen.Config{Every: r.config.Every})
	if err != nil {
		return err
	}
	defer seen.Close()
	eye := camera.New(r.video)
	var mu sync.Mutex
	session, err := s.Prepare(ctx, &system.Call{
		Video: r.video, Camera: eye, Screen: seen, Sender: network.Outside(), Receiver: network.Inside(), Keep: r.config.Every,
		Log: func(name string) (io.WriteCloser, error) {
			return os.Create(filepath.Join(r.config.Out, result.LogsFolder, filepath.Base(name)))
		},
		Ran: func(cmd *exec.Cmd) {
			mu.Lock()
			defer mu.Unlock()
			r.result.Commands = append(r.result.Commands, slices.Clone(cmd.Args))
		},
	})
	if err != nil {
		return err
	}

	// 3. The call.
	before, err := readUsage()
	if err != nil {
		return errors.Join(err, session.Close())
	}
	begin := network.Begin()
	call, cancel := context.WithDeadline(ctx, begin.Add(r.config.Duration))
	defer cancel()
	var during usage
	var watching sync.WaitGroup
	watching.Go(func() { during = r.watch(call, begin) })
	runErr := session.Run(call)
	early := call.Err() == nil
	cancel()
	watching.Wait()
	stats := network.Stats()
	if err := errors.Join(runErr, session.Close(), network.Close()); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if early {
		return fmt.Errorf("cell: %s ended by itself before the call was over; its logs are in %s", r.config.System, filepath.Join(r.config.Out, result.LogsFolder))
	}

	// 4. What the machine did meanwhile.
	used := during.since(before)
	r.result.Machine.OthersDuring, r.result.Machine.SystemUsed, r.result.Machine.TestbedUsed = &used.others, &used.system, &used.testbed
	late := milliseconds(stats.LatenessP99)
	r.result.Machine.LinkLatenessP99Ms = &late
	if used.others > DefaultMaxLoad { // whatever was allowed
		r.warn("other programs used more than %.0f %% of the processors during the call", 100*DefaultMaxLoad)
	}
	if stats.LatenessP99 > maxLateness {
		r.warn("the link sent one packet in a hundred more than %v late", maxLateness)
	}

	// 5. What was seen, compared with its source.
	if err := seen.Score(ctx, r.video, nil); err != nil {
		return err
	}
	r.seen.begin = begin
	end := begin.Add(r.config.Duration)
	r.seen.captured = goOn(eye.Captured(end), r.video.Rate(), end)
	r.seen.counts = seen.Counts()
	captured := map[uint64]time.Time{}
	for _, c := range r.seen.captured {
		captured[c.Number] = c.At
	}
	for _, p := range seen.Seen() {
		number, ok := eye.Resolve(p.Code, p.At)
		at, known := captured[number]
		if !ok || !known {
			continue // before the call, or after it
		}
		r.seen.shown = append(r.seen.shown, measure.Shown{
			Number: number, Captured: at, At: p.At, Scored: p.Scored, SSIM: p.Score.SSIM, MSE: p.Score.MSE,
		})
	}
	return nil
}

// goOn adds the pictures that the source had until the end, at its rate, after the last that is known of: a system that notes its own
// pictures may have stopped before the source does.
func goOn(captured []camera.Captured, rate y4m.Rate, end time.Time) []camera.Captured {
	if len(captured) == 0 {
		return nil
	}
	last := captured[len(captured)-1]
	for n := uint64(1); ; n++ {
		// Both times are of the nanosecond below: without one more, what is due at the end would be before it.
		at := last.At.Add(virtual.Due(n, rate) + time.Nanosecond)
		if !at.Before(end) {
			return captured
		}
		captured = append(captured, camera.Captured{Number: last.Number + n, At: at})
	}
}

// maxLateness is what the link may add of its own: less than what the testbed's figures are rounded to by those who read them.
const maxLateness = 2 * time.Millisecond

// watch follows the call until its end, and returns how much the machine was used by then, while the programs still live.
func (r *run) watch(call context.Context, begin time.Time) usage {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	last, _ := readUsage()
	for {
		select {
		case <-call.Done():
			return last
		case now := <-ticks.C:
			if u, err := readUsage(); err == nil {
				last = u
			}
			if r.config.Second != nil {
				r.config.Second(now.Sub(begin))
			}
		}
	}
}
