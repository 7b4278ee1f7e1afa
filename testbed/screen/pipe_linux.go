package screen

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// pipeBytes is the size asked for a pipe's buffer: what the system grants every user. The ordinary 64 KB make both ends take turns 22
// times for a picture of 720p.
const pipeBytes = 1 << 20

// widenPipe gives a pipe a larger buffer, if r is one and the system lets it.
func widenPipe(r io.Reader) {
	if file, ok := r.(*os.File); ok {
		if raw, err := file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, pipeBytes) })
		}
	}
}
