// Package rtc is the shell around pion: it carries wire.Packets from a sender to a receiver, and reports back, encrypted, through
// one open port of the receiver.
//
// HOST:PORT stands for two things at the receiver: WHIP (RFC 9725) over HTTPS, by which the two sides agree, and UDP on the same
// port number for all media. The receiver is ICE-lite and never begins a conversation, so a NAT at the sender is no obstacle. A
// session goes so:
//
//  1. Dial (dial.go) makes a PeerConnection, and posts its offer to https://HOST:PORT/whip. The receiver's certificate is made
//     from the key that both sides have, and the bearer token of the request is derived from it too (package key).
//  2. The receiver (whip.go) checks the token, sees that its one place is free (admit.go), and answers 201 with its session
//     description and the URL of the session.
//  3. ICE, DTLS and SRTP run between the two PeerConnections. Towards pion each session has fixed addresses (path.go); beneath,
//     the receiver notes for each datagram the kernel's time stamp and the sender's real address (socket.go, notes.go).
//  4. Listener.Accept and Dial return. Packets go by Outgoing.Send and Incoming.Read, reports by Incoming.SendReport and
//     Outgoing.ReadReport.
//  5. When the sender's address changes, its next packet that decrypts moves the session there (incoming.go); there is no
//     signalling for it.
//  6. The sender holds a GET open, which the receiver answers when the session ends; so each side learns at once when the other
//     goes, also without a goodbye (outgoing.go, whip.go). A network that is silent does not end a session for a minute.
//
// Standard WebRTC senders have neither our header extension nor our feedback. Both are negotiated in the session descriptions
// (description.go), and for now an offer without them is turned away.
package rtc

import (
	"errors"
	"log/slog"
	"time"
)

// Errors that say why there is no session, from Dial. They are wrapped, with what is known beyond them.
var (
	// ErrUnreachable: nothing answers at that address, or UDP does not get through. Trying again may help.
	ErrUnreachable = errors.New("the receiver cannot be reached")
	// ErrBusy: the receiver shows another sender. Trying again may help.
	ErrBusy = errors.New("the receiver is busy")
	// ErrNeedsKey: the receiver wants a key, and none was given.
	ErrNeedsKey = errors.New("the receiver needs a key")
	// ErrWrongKey: the receiver does not accept the key.
	ErrWrongKey = errors.New("the key is wrong")
	// ErrCertificate: the receiver's certificate is not the one that goes with the key (or, with a public certificate, not
	// valid for the host). Either the key is of another receiver, or somebody on the path plays the receiver. Nothing that
	// depends on the key has been sent.
	ErrCertificate = errors.New("the receiver's certificate does not match the key")
	// ErrNotSalsify: what answers there is no Salsify receiver, or one of another version.
	ErrNotSalsify = errors.New("not a Salsify receiver")
)

// Errors that say why a session ended, from Incoming.Err and Outgoing.Err. They are wrapped, with what is known beyond them.
var (
	// ErrGoodbye: the other side ended the session.
	ErrGoodbye = errors.New("the other side said goodbye")
	// ErrGone: the other side went without a goodbye: it crashed, was restarted or was silent for a minute.
	ErrGone = errors.New("the other side is gone")
	// ErrReplaced: the session was silent, and another sender came.
	ErrReplaced = errors.New("replaced by another sender")
	// ErrClosed: it was closed on this side.
	ErrClosed = errors.New("closed")
)

const (
	// silenceLimit ends a session of which nothing is heard. An outage of half a minute must not.
	silenceLimit = 60 * time.Second
	// silenceCheck is how often that is looked at.
	silenceCheck = time.Second
)

func orDiscard(logger *slog.Logger) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return logger
}
