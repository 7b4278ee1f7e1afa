package screen

import (
	"github.com/jezek/xgb"
	"github.com/jezek/xgb/shm"
	"golang.org/x/sys/unix"
)

// memory is shared with the server.
type memory struct {
	bytes   []byte
	segment shm.Seg
}

// share makes memory that the server writes into. A server that cannot see it refuses.
func share(connection *xgb.Conn, size int) (*memory, error) {
	id, err := unix.SysvShmGet(unix.IPC_PRIVATE, size, unix.IPC_CREAT|0o600)
	if err != nil {
		return nil, err
	}
	// It lives on until both of us have let go, so that nothing is left behind when we are killed.
	defer func() { _, _ = unix.SysvShmCtl(id, unix.IPC_RMID, nil) }()
	bytes, err := unix.SysvShmAttach(id, 0, 0)
	if err != nil {
		return nil, err
	}
	m := &memory{bytes: bytes}
	m.segment, err = shm.NewSegId(connection)
	if err == nil {
		err = shm.AttachChecked(connection, m.segment, uint32(id), false).Check()
	}
	if err != nil {
		m.detach()
		return nil, err
	}
	return m, nil
}

// release has the server let go of the memory, and does so too.
func (m *memory) release(connection *xgb.Conn) {
	shm.Detach(connection, m.segment)
	m.detach()
}

func (m *memory) detach() { _ = unix.SysvShmDetach(m.bytes) }
