package main

import (
	"path/filepath"
	"strings"
	"testing"

	"salsify/codec/y4m"
)

func TestCompareIdentical(t *testing.T) {
	video := writeVideo(t, t.TempDir(), "v.y4m", 33, 17, 0, 2)
	want := " frame  PSNR dB      SSIM  SSIM dB\n" +
		"     1      inf  1.000000      inf\n" +
		"     2      inf  1.000000      inf\n" +
		"   all      inf  1.000000      inf\n"
	if got := succeed(t, "compare", video, video).stdout; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if o := call(string(readFile(t, video)), "compare", video, "-"); o.stdout != want {
		t.Errorf("with standard input: exit %d, %s\n%s", o.code, o.stderr, o.stdout)
	}
}

// TestCompareByHand compares flat pictures: luma 0 with 10, and 0 with 0.
func TestCompareByHand(t *testing.T) {
	dir := t.TempDir()
	flat := func(name string, lumas ...byte) string {
		var file strings.Builder
		w, err := y4m.NewWriter(&file, y4m.Header{Width: 16, Height: 16, Rate: y4m.Rate{Num: 25, Den: 1}})
		if err != nil {
			t.Fatal(err)
		}
		for _, luma := range lumas {
			p := y4m.Header{Width: 16, Height: 16}.NewPicture()
			for i := range p.Y {
				p.Y[i] = luma
			}
			if err := w.Write(p); err != nil {
				t.Fatal(err)
			}
		}
		return writeFile(t, dir, name, []byte(file.String()))
	}
	a, b := flat("a.y4m", 0, 0), flat("b.y4m", 10, 0)
	// MSE 100 is 28.13 dB, the mean of 100 and 0 is 31.14 dB. SSIM is C/(100+C) with C = 416/4096, which is 0.001015.
	want := " frame  PSNR dB      SSIM  SSIM dB\n" +
		"     1    28.13  0.001015     0.00\n" +
		"     2      inf  1.000000      inf\n" +
		"   all    31.14  0.500507     3.01\n"
	if got := succeed(t, "compare", a, b).stdout; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestCompareTiny(t *testing.T) {
	video := writeVideo(t, t.TempDir(), "v.y4m", 7, 7, 0, 1)
	if got := succeed(t, "compare", video, video).stdout; !strings.Contains(got, "   all      inf       n/a      n/a\n") {
		t.Errorf("a picture without a window:\n%s", got)
	}
}

func TestCompareRefuses(t *testing.T) {
	dir := t.TempDir()
	three := writeVideo(t, dir, "three.y4m", 32, 16, 0, 3)
	two := writeVideo(t, dir, "two.y4m", 32, 16, 0, 2)
	none := writeVideo(t, dir, "none.y4m", 32, 16, 0, 0)
	big := writeVideo(t, dir, "big.y4m", 32, 18, 0, 3)
	whole := readFile(t, three)
	cut := writeFile(t, dir, "cut.y4m", whole[:len(whole)-1])
	tests := []struct {
		a, b  string
		says  []string
		lines int // on stdout
	}{
		{three, big, []string{"three.y4m has 32x16", "big.y4m has 32x18"}, 0},
		{three, two, []string{"two.y4m ends after 2 frames", "three.y4m goes on"}, 3},
		{two, three, []string{"two.y4m ends after 2 frames", "three.y4m goes on"}, 3},
		{none, none, []string{"no frames"}, 1},
		{three, cut, []string{"cut.y4m", "frame 3 is cut short"}, 3},
		{cut, three, []string{"cut.y4m", "frame 3 is cut short"}, 3},
		{cut, two, []string{"cut.y4m", "frame 3 is cut short"}, 3},
		{two, cut, []string{"cut.y4m", "frame 3 is cut short"}, 3},
		{two, filepath.Join(dir, "absent.y4m"), []string{"absent.y4m"}, 0},
	}
	for _, test := range tests {
		o := mustFail(t, exitFailed, test.says, "compare", test.a, test.b)
		if n := strings.Count(o.stdout, "\n"); n != test.lines || strings.Contains(o.stdout, "all") {
			t.Errorf("%s with %s: stdout has %d lines, want %d and no total:\n%s", test.a, test.b, n, test.lines, o.stdout)
		}
	}
}
