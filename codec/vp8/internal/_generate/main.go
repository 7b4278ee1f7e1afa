// Command _generate writes the assembly of the codec's kernels, one family a package: kernels_amd64.s and the Go declarations
// in kernels_amd64.go.
//
//	go generate ./codec/...                          all of them
//	go run -C codec/vp8/internal/_generate . quant   one
//	go run -C codec/vp8/internal/_generate . -check  fails if a file is not what would be written
//
// Kernels use SSE2 and nothing later, which every amd64 has, except those whose names end in AVX2: package simd says whether
// they may be called.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
	"github.com/mmcloughlin/avo/reg"
)

// families are the packages that have kernels, from the folder above, and what writes them.
var families = map[string]func(*kernels){
	"distortion":    (*kernels).distortion,
	"loopfilter":    (*kernels).loopfilter,
	"picture":       (*kernels).picture,
	"predict":       (*kernels).predict,
	"quant":         (*kernels).quant,
	"token":         (*kernels).token,
	"transform":     (*kernels).transform,
	"../../convert": (*kernels).convert,
}

// Names of the files that are written.
const (
	assemblyFile = "kernels_amd64.s"
	stubsFile    = "kernels_amd64.go"
)

func main() {
	check := flag.Bool("check", false, "write nothing, and fail if a file is not up to date")
	flag.Parse()
	names := flag.Args()
	if len(names) == 0 {
		for name := range families {
			names = append(names, name)
		}
		slices.Sort(names)
	}
	for _, name := range names {
		if err := do(name, *check); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
			os.Exit(1)
		}
	}
}

// do writes or checks the files of one family.
func do(name string, check bool) error {
	write, ok := families[name]
	if !ok {
		return fmt.Errorf("there is no such family of kernels")
	}
	files, err := generate(name, write)
	if err != nil {
		return err
	}
	for file, want := range files {
		path := filepath.Join("..", name, file)
		if !check {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				return err
			}
			continue
		}
		got, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s is not up to date: run go generate ./%s", file, filepath.Join("codec/vp8/internal", name))
		}
	}
	return nil
}

// generate gives the contents of a family's files by name.
func generate(name string, write func(*kernels)) (map[string][]byte, error) {
	k := &kernels{build.NewContext()}
	k.ConstraintExpr("amd64,!noasm")
	write(k)
	f, err := k.Result()
	if err != nil {
		return nil, err
	}
	if err := pass.Compile.Execute(f); err != nil {
		return nil, err
	}
	if err := checkInstructions(f); err != nil {
		return nil, err
	}
	cfg := printer.Config{Argv: []string{"go", "run", ".", name}, Pkg: filepath.Base(name)}
	files := map[string][]byte{}
	for file, p := range map[string]printer.Printer{
		assemblyFile: printer.NewGoAsm(cfg),
		stubsFile:    printer.NewStubs(cfg),
	} {
		if files[file], err = p.Print(f); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// levels are the instruction sets that kernels may use, by the ending of their names.
var levels = map[string][]string{
	"":     {"MMX+", "SSE", "SSE2"}, // of MMX+, what SSE has too
	"AVX2": {"SSE", "SSE2", "SSE3", "SSSE3", "SSE4.1", "AVX", "AVX2", "BMI", "BMI2"},
}

// checkInstructions makes sure that a CPU of its level can run each kernel, and that none of those with wide registers leaves
// their upper halves dirty: that would slow down all SSE instructions that follow.
func checkInstructions(f *ir.File) error {
	for _, fn := range f.Functions() {
		level := ""
		if strings.HasSuffix(fn.Name, "AVX2") {
			level = "AVX2"
		}
		for _, isa := range fn.ISA {
			if !slices.Contains(levels[level], isa) {
				return fmt.Errorf("%s needs %s", fn.Name, isa)
			}
		}
		var before string
		for _, i := range fn.Instructions() {
			if i.Opcode == "RET" && level != "" && before != "VZEROUPPER" {
				return fmt.Errorf("%s returns without VZEROUPPER", fn.Name)
			}
			before = i.Opcode
			for _, op := range i.Operands {
				if r, ok := op.(reg.VecPhysical); ok && r.PhysicalIndex() >= 16 {
					return fmt.Errorf("%s takes more than the 16 vector registers of AVX2", fn.Name)
				}
			}
		}
	}
	return nil
}
