package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
)

// versions tells those of the tools, by their names, and of Go.
func versions(ctx context.Context, tools map[string]string) []string {
	list := []string{
		"vpxenc " + version(ctx, `WebM Project VP8 Encoder (\S+)`, tools["vpxenc"], "--help"),
		"vpxdec " + version(ctx, `WebM Project VP8 Decoder (\S+)`, tools["vpxdec"], "--help"),
		"ffmpeg " + version(ctx, `ffmpeg version (\S+)`, tools["ffmpeg"], "-version"),
		runtime.Version(),
	}
	if _, ok := tools[govpx]; ok {
		list = append(list, "govpx "+version(ctx, `^([0-9a-f]+)\n$`, "git", "-C", os.Getenv(govpxVariable), "rev-parse", "--short", "HEAD"))
	}
	return list
}

// version finds a pattern's group in what a program prints.
func version(ctx context.Context, pattern, program string, args ...string) string {
	text, _ := exec.CommandContext(ctx, program, args...).CombinedOutput() // some exit with 1 after their help
	if found := regexp.MustCompile(pattern).FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return "of unknown version"
}

// machine tells what the bench runs on.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := bytes.Cut(info, []byte("model name")); ok {
			line, _, _ := strings.Cut(string(after), "\n")
			model = strings.TrimLeft(line, "\t :")
		}
	}
	return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), model)
}
