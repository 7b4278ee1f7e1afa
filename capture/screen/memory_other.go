//go:build !linux

package screen

import (
	"errors"

	"github.com/jezek/xgb"
	"github.com/jezek/xgb/shm"
)

// memory is shared with the server, which is done on Linux only.
type memory struct {
	bytes   []byte
	segment shm.Seg
}

func share(*xgb.Conn, int) (*memory, error) { return nil, errors.ErrUnsupported }

func (*memory) release(*xgb.Conn) {}

func (*memory) detach() {}
