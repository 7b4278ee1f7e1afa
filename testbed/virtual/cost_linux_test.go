package virtual

import (
	"bufio"
	"cmp"
	"fmt"
	"image"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"salsify/codec/vp8"
	"salsify/codec/y4m"
	"salsify/testbed/testenv"
)

// costClip is the clip that the table in cost.go was fitted to, decoded with sensor noise as of a camera in daylight.
func costClip(t testing.TB, height, pictures int) []*image.YCbCr {
	clip, ffmpeg := testenv.Shared(t, "clips", "talk_duo_1280x720p25.mkv"), testenv.Tool(t, "ffmpeg")
	path := filepath.Join(t.TempDir(), "clip.y4m")
	if out, err := exec.Command(ffmpeg, "-v", "error", "-nostdin", "-y", "-threads", "1", "-i", clip, "-map", "0:v:0", "-an",
		"-frames:v", strconv.Itoa(pictures), "-vf", fmt.Sprintf("scale=-2:%d,format=yuv420p,"+
			"noise=c0_seed=7:c0s=3:c0f=t:c1_seed=8:c1s=2:c1f=t:c2_seed=9:c2s=2:c2f=t", height), // as regrain.sh of the shared clips
		"-strict", "-1", path).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	reader, err := y4m.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	all := make([]*image.YCbCr, pictures)
	for i := range all {
		all[i] = reader.Header().NewPicture()
		if err := reader.Read(all[i]); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// threadTime is the processor time of the calling thread.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err) // every Linux has it
	}
	return time.Duration(t.Nano())
}

// BenchmarkCosts prints what vp8.Encode and vp8.Decode take on one core: the figures that the constants in cost.go are fitted to. Of each
// combination it prints the least of several rounds' medians, since other programs on the machine only add to it.
//
//	go test ./testbed/virtual -run '^$' -bench Costs -benchtime 1x
func BenchmarkCosts(b *testing.B) {
	const rounds, pictures, settled = 3, 12, 4
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	type kind struct{ height, effort, quantizer int }
	type cost struct {
		bytes, keyBytes                int
		encode, decode, key, keyDecode time.Duration
	}
	costs := map[kind]cost{}
	clips := map[int][]*image.YCbCr{720: costClip(b, 720, pictures), 360: costClip(b, 360, pictures)}
	for range rounds {
		for _, height := range []int{720, 360} {
			for effort := vp8.MinEffort; effort <= vp8.MaxEffort; effort++ {
				for _, quantizer := range []int{10, 20, 30, 45, 70, 110} {
					var encode, decode []time.Duration
					var sizes []int
					state, err := vp8.NewState(clips[height][0].Rect.Dx(), height)
					if err != nil {
						b.Fatal(err)
					}
					for _, picture := range clips[height] {
						start := threadTime()
						frame, next, _, err := vp8.Encode(state, picture, vp8.Options{Quantizer: quantizer, Effort: effort})
						encoded := threadTime()
						if err != nil {
							b.Fatal(err)
						}
						same, _, err := vp8.Decode(state, frame)
						decoded := threadTime()
						if err != nil {
							b.Fatal(err)
						}
						encode, decode, sizes = append(encode, encoded-start), append(decode, decoded-encoded), append(sizes, len(frame))
						same.Release()
						state.Release()
						state = next
					}
					now := cost{
						keyBytes: sizes[0], key: encode[0], keyDecode: decode[0],
						bytes: median(sizes[settled:]), encode: median(encode[settled:]), decode: median(decode[settled:]),
					}
					k := kind{height, effort, quantizer}
					if old, ok := costs[k]; ok {
						now.key, now.keyDecode = min(now.key, old.key), min(now.keyDecode, old.keyDecode)
						now.encode, now.decode = min(now.encode, old.encode), min(now.decode, old.decode)
					}
					costs[k] = now
				}
			}
		}
	}
	fmt.Println("height effort quantizer bytes encode-ms decode-ms key-bytes key-encode-ms key-decode-ms")
	for _, k := range slices.SortedFunc(maps.Keys(costs), func(a, b kind) int {
		return cmp.Or(cmp.Compare(b.height, a.height), cmp.Compare(a.effort, b.effort), cmp.Compare(a.quantizer, b.quantizer))
	}) {
		c := costs[k]
		fmt.Printf("%d %d %d %d %.2f %.2f %d %.2f %.2f\n", k.height, k.effort, k.quantizer, c.bytes, milliseconds(c.encode),
			milliseconds(c.decode), c.keyBytes, milliseconds(c.key), milliseconds(c.keyDecode))
	}
}

func median[T cmp.Ordered](values []T) T {
	slices.Sort(values)
	return values[len(values)/2]
}
