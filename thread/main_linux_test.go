package thread

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { os.Exit(Main(m.Run)) }

func TestOnMain(t *testing.T) {
	for range 3 {
		id := 0
		OnMain(func() { id = unix.Gettid() })
		if id != os.Getpid() {
			t.Errorf("it ran on thread %d, the first one is %d", id, os.Getpid())
		}
	}
}
