//go:build !linux

package kerneltest

import "testing"

// atEnd gives n bytes. Only on Linux can nothing behind them be touched.
func atEnd(t testing.TB, n int) []byte { return make([]byte, n) }

// atStart gives n bytes. Only on Linux can nothing before them be touched.
func atStart(t testing.TB, n int) []byte { return make([]byte, n) }
