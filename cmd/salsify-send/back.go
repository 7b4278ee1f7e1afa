package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"salsify/cmd/internal/call"
	"salsify/receiver"
	"salsify/sender"
	"salsify/transport/bitrate"
	"salsify/transport/rtc"
)

// back is what goes beside the video, in one session after another: sound, and what the receiver sends back.
type back struct {
	shown   *call.View
	sound   *call.Sound
	telling call.Telling

	lock    sync.Mutex
	session *receiver.Session // nil: none
	last    receiver.Stats    // of it, when the line was written
}

// run does all that over a connection, until its context ends.
func (b *back) run(ctx context.Context, c sender.Connection, forth *sender.Session) {
	connection, ok := c.(*rtc.Outgoing)
	if !ok {
		return
	}
	var all sync.WaitGroup
	all.Go(func() { b.telling.Run(ctx, connection, forth) })
	all.Go(func() { b.sound.Run(ctx, connection, forth) })
	if connection.Receives() {
		all.Go(func() { b.show(ctx, connection, forth) })
	}
	all.Wait()
}

// show shows what comes over a connection.
func (b *back) show(ctx context.Context, connection *rtc.Outgoing, forth *sender.Session) {
	session := b.shown.Session(connection, nil)
	b.lock.Lock()
	b.session, b.last = session, receiver.Stats{}
	b.lock.Unlock()
	_ = session.Run(ctx, call.Reporting{Connection: connection, Session: forth}) // its end is the connection's
	b.lock.Lock()
	b.session = nil
	b.lock.Unlock()
}

// line tells of the last second; empty where nothing comes.
func (b *back) line() string {
	b.lock.Lock()
	defer b.lock.Unlock()
	if b.session == nil {
		return ""
	}
	now, last := b.session.Stats(), b.last
	b.last = now
	if now.Packets == 0 {
		return ""
	}
	return fmt.Sprintf(" | back: %v, %d fps%s", bitrate.Of(int(now.WireBytes-last.WireBytes), time.Second), now.Shown-last.Shown, b.sound.Line())
}
