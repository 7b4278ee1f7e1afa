package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/term"

	"salsify/cmd/internal/live"
	"salsify/sender"
	"salsify/transport/rtc"
	"salsify/transport/rtc/key"
)

// dialer connects to the receiver. If that wants a key and none was given, a person at the terminal is asked for it.
type dialer struct {
	options  *options
	key      key.Key
	screen   *live.Screen
	logger   *slog.Logger
	stdin    *os.File
	terminal bool // stdin is one, and not the source
	warned   bool
}

func (d *dialer) dial(ctx context.Context) (sender.Connection, error) {
	if d.key.IsZero() && !d.options.publicCert && !d.warned {
		d.warned = true
		d.screen.Say("warning: no key was given, so nobody can tell who the receiver is; " +
			"give the one that it shows by --key or $SALSIFY_KEY")
	}
	for {
		config := rtc.DialConfig{Key: d.key, PublicCertificate: d.options.publicCert, Silent: d.options.None, Logger: d.logger}
		connection, err := rtc.Dial(ctx, d.options.destination, config)
		switch {
		case err == nil:
			return connection, nil
		case errors.Is(err, rtc.ErrNeedsKey) && d.terminal:
			if err := d.ask(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, d.advise(err)
		}
	}
}

// advise adds to an error of rtc.Dial what to do.
func (d *dialer) advise(err error) error {
	switch {
	case errors.Is(err, rtc.ErrNeedsKey):
		return fmt.Errorf("%w: give the one that salsify-recv shows by --key or $SALSIFY_KEY", err)
	case errors.Is(err, rtc.ErrWrongKey):
		return fmt.Errorf("%w: give the one that salsify-recv shows now by --key or $SALSIFY_KEY", err)
	case errors.Is(err, rtc.ErrCertificate) && d.options.publicCert:
		return fmt.Errorf("%w: check HOST, or leave out --public-cert and give --key if salsify-recv runs without --tls-cert", err)
	case errors.Is(err, rtc.ErrCertificate):
		return fmt.Errorf("%w: give the key that salsify-recv shows now; if this is it, somebody on the way plays the receiver", err)
	case errors.Is(err, rtc.ErrNotSalsify):
		return fmt.Errorf("%w: check HOST:PORT, and that both sides have the same version", err)
	case errors.Is(err, rtc.ErrBusy):
		return fmt.Errorf("%w: try again when that has ended", err)
	}
	return err
}

// ask asks for the key until it gets one. Ctrl-C ends the asking, and the terminal is left as it was.
func (d *dialer) ask(ctx context.Context) error {
	fd := int(d.stdin.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return err
	}
	type answer struct {
		text []byte
		err  error
	}
	for {
		fmt.Fprint(os.Stderr, "The receiver's key: ")
		typed := make(chan answer, 1)
		go func() {
			text, err := term.ReadPassword(fd)
			typed <- answer{text, err}
		}()
		select {
		case a := <-typed:
			fmt.Fprintln(os.Stderr)
			if a.err != nil {
				return fmt.Errorf("%w: none was typed: %w", rtc.ErrNeedsKey, a.err)
			}
			if d.key, err = key.Parse(string(a.text)); err == nil {
				return nil
			}
			d.screen.Say("%v", err)
		case <-ctx.Done():
			fmt.Fprintln(os.Stderr)
			return errors.Join(ctx.Err(), term.Restore(fd, before))
		}
	}
}
