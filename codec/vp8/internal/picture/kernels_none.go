//go:build !amd64 || noasm

package picture

func prefetch(p *byte, stride, lines int) {}
