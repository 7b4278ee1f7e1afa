package main

import (
	"context"
	"os"
	"sync"

	"salsify/capture"
	"salsify/cmd/internal/call"
	"salsify/cmd/internal/live"
	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/rtc"
)

// answer is what goes back to the sender, by --send: the pictures of one source, to one sender after another.
type answer struct {
	source capture.Source // nil: nothing goes back
	config sender.Config
	way    call.Return
}

// openAnswer opens the source of --send, if there is one.
func openAnswer(ctx context.Context, o *options, stdin *os.File, screen *live.Screen) (*answer, error) {
	if o.Source == "" {
		return &answer{}, nil
	}
	source, err := o.Filming.Open(ctx, stdin, screen)
	if err != nil {
		return nil, err
	}
	return &answer{source: source, config: o.Config(source)}, nil
}

// feed gives the source's pictures to whoever is connected, until the context ends. That the source ends is told to the user; what
// comes is shown all the same.
func (a *answer) feed(ctx context.Context, say func(format string, arguments ...any)) {
	if a.source == nil {
		return
	}
	err := call.Feed(ctx, a.source, a.way.Feed)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		say("nothing more is sent: %v", err)
	default:
		say("the source has ended; nothing more is sent")
	}
}

// receive shows what comes over a connection, and answers meanwhile, until the connection or the context ends.
func (a *answer) receive(ctx context.Context, c *rtc.Incoming, session *receiver.Session, sound *call.Sound) error {
	ctx, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer stop()
	if a.source == nil || !c.Sends() {
		beside.Go(func() { sound.Run(ctx, c, nil) })
		return session.Run(ctx, c)
	}
	telling := &call.Telling{}
	back, err := sender.NewSession(a.config, telling.Observe)
	if err != nil {
		return err
	}
	beside.Go(func() { _ = a.way.Run(ctx, c, back) }) // its end is the connection's
	beside.Go(func() { telling.Run(ctx, c, back) })
	beside.Go(func() { sound.Run(ctx, c, back) })
	return session.Run(ctx, call.Reporting{Connection: c, Session: back})
}

func (a *answer) close() {
	if a.source != nil {
		a.source.Close()
	}
}
