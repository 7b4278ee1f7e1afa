package main

import . "github.com/mmcloughlin/avo/operand"

// picture writes the kernels of package picture.
func (k *kernels) picture() {
	k.function("prefetch", "func(p *byte, stride, lines int)",
		"prefetch asks for the cache lines of a pixel and of those below it, so many in all: a multiple of 4.")
	lines := k.param("lines")
	r := k.rows("p", "stride")
	k.Label("four")
	for y := range 4 {
		k.PREFETCHT0(r.row(y, 0))
	}
	k.LEAQ(Mem{Base: r.at, Index: r.stride, Scale: 4}, r.at)
	k.SUBQ(Imm(4), lines)
	k.JNZ(LabelRef("four"))
	k.RET()
}
