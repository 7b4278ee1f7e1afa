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
	if d.key.IsZero() && !d.warned {
		d.warned = true
		d.screen.Say("warning: no key was given, so nobody can tell who the receiver is; give the one that it shows by --key or $SALSIFY_KEY")
	}
	for {
		config := rtc.DialConfig{Key: d.key, PublicCertificate: d.options.publicCert, Logger: d.logger}
		connection, err := rtc.Dial(ctx, d.options.destination, config)
		switch {
		case err == nil:
			return connection, nil
		case errors.Is(err, rtc.ErrNeedsKey) && d.terminal:
			if err := d.ask(); err != nil {
				return nil, err
			}
		case errors.Is(err, rtc.ErrNeedsKey):
			return nil, fmt.Errorf("%w: give the one that salsify-recv shows by --key or $SALSIFY_KEY", err)
		default:
			return nil, err
		}
	}
}

func (d *dialer) ask() error {
	fmt.Fprint(os.Stderr, "The receiver's key: ")
	typed, err := term.ReadPassword(int(d.stdin.Fd()))
	fmt.Fprintln(os.Stderr)
	if err != nil {
		return err
	}
	d.key, err = key.Parse(string(typed))
	return err
}
