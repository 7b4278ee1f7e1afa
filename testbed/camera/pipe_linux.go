package camera

import (
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// pipe is the writing end of one, or nothing.
type pipe struct{ raw syscall.RawConn }

// pipeBytes is the size asked for a pipe's buffer: what the system grants every user. With the ordinary 64 KB both ends take turns 22
// times for a picture of 720p.
const pipeBytes = 1 << 20

// pipeOf returns the pipe that w is, or an empty one.
func pipeOf(w io.Writer) pipe {
	if conn, ok := w.(syscall.Conn); ok {
		if raw, err := conn.SyscallConn(); err == nil {
			return pipe{raw}
		}
	}
	return pipe{}
}

// widen gives it a larger buffer, if the system lets it.
func (p pipe) widen() {
	if p.raw != nil {
		_ = p.raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
	}
}

// unread tells whether bytes are in the pipe. What is no pipe has none.
func (p pipe) unread() bool {
	bytes := 0
	if p.raw != nil {
		_ = p.raw.Control(func(fd uintptr) {
			if size, err := unix.FcntlInt(fd, unix.F_GETPIPE_SZ, 0); err == nil && size > 0 {
				bytes, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) // also named FIONREAD
			}
		})
	}
	return bytes > 0
}
