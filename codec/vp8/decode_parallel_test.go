package vp8

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"salsify/codec/vp8/internal/header"
)

// goroutineCounts are fewer than there are stages, as many, and more.
var goroutineCounts = []int{2, 3, 4, 100}

// decodeInParallel decodes a frame with each of these numbers of goroutines, and checks that each gives what one gives, the error too. It
// returns what one gives.
func decodeInParallel(t *testing.T, s *State, frame []byte) (*State, error) {
	t.Helper()
	want, wantShown, wantErr := Decode(s, frame)
	for _, n := range goroutineCounts {
		got, shown, err := DecodeWith(s, frame, DecodeOptions{Goroutines: n})
		if fmt.Sprint(err) != fmt.Sprint(wantErr) {
			t.Fatalf("%d goroutines: error %v, one gives %v", n, err, wantErr)
		}
		if err != nil {
			if !isTyped(err) || got != nil || shown != nil {
				t.Fatalf("%d goroutines: the error %v with a State or picture", n, err)
			}
			continue
		}
		if traceOf(got) != traceOf(want) || (shown == nil) != (wantShown == nil) {
			t.Fatalf("%d goroutines decode something else than one", n)
		}
		got.Release()
	}
	return want, wantErr
}

// TestDecodeGoroutines: their number changes nothing, with any feature of the format.
func TestDecodeGoroutines(t *testing.T) {
	for version := range 4 {
		for seed := range 3 {
			t.Run(fmt.Sprintf("version=%d,seed=%d", version, seed), func(t *testing.T) {
				t.Parallel()
				s := firstState(t, 16, 16)
				for i, frame := range randomStream(uint64(100+seed), version, 30, false) {
					next, err := decodeInParallel(t, s, frame)
					if err != nil {
						t.Fatalf("frame %d: %v", i, err)
					}
					s.Release()
					s = next
				}
			})
		}
	}
}

// TestConformanceGoroutines decodes the conformance streams to the published sums with two goroutines.
func TestConformanceGoroutines(t *testing.T) {
	for _, path := range vectorNames(t) {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".ivf"), func(t *testing.T) {
			t.Parallel()
			want := wantedMD5s(t, path+".md5")
			var got []string
			s := firstState(t, 16, 16)
			for i, frame := range readIVF(t, path) {
				next, shown, err := DecodeWith(s, frame, DecodeOptions{Goroutines: 2})
				if err != nil {
					t.Fatalf("frame %d: %v", i, err)
				}
				if shown != nil {
					sum := md5.Sum(i420(shown))
					got = append(got, hex.EncodeToString(sum[:]))
				}
				s.Release()
				s = next
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("%d pictures, whose sums are not the %d published", len(got), len(want))
			}
		})
	}
}

// TestDamagedGoroutines: damage is found as by one goroutine, wherever it is, and leaves nothing behind for later frames.
func TestDamagedGoroutines(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 0))
	m := newMaker(7, 120, 200)
	m.plainCoeffs = true
	allCoded := func(f *header.Frame) { f.UseSkip, f.Partitions = false, 1 }
	s := mustDecode(t, firstState(t, 16, 16), m.frame(true, allCoded))
	before, running := traceOf(s), runtime.NumGoroutine()
	kinds := map[string]int{} // errors by the partition that ends too early
	for range 6 {
		frame := m.frame(false, allCoded)
		head := headBytes(t, frame)
		want := traceOf(mustDecode(t, s, frame))
		var damaged [][]byte
		for range 12 {
			damaged = append(damaged,
				frame[:head+rng.IntN(len(frame)-head)/40], // a short token partition: nobody needs all of a whole one
				firstSize(frame, 40+rng.IntN(400)),        // a short first one, and other tokens than there were
				patched(frame, rng.IntN(len(frame)), byte(rng.Uint32())))
		}
		for _, frame := range damaged {
			next, err := decodeInParallel(t, s, frame)
			switch {
			case err == nil:
				next.Release()
			case strings.Contains(err.Error(), "the first partition ends"):
				kinds["first"]++
			case strings.Contains(err.Error(), "a token partition ends"):
				kinds["token"]++
			}
		}
		for _, n := range goroutineCounts {
			next, _, err := DecodeWith(s, frame, DecodeOptions{Goroutines: n})
			if err != nil || traceOf(next) != want {
				t.Fatalf("after damaged frames %d goroutines decode something else (error %v)", n, err)
			}
			next.Release()
		}
	}
	if traceOf(s) != before {
		t.Error("damaged frames changed the State before them")
	}
	if kinds["first"] < 10 || kinds["token"] < 10 {
		t.Errorf("errors %v: this tests less than it seems to", kinds)
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > running; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, at first %d", runtime.NumGoroutine(), running)
		}
	}
}

// TestHugeSizeGoroutines is the part of TestHugeSize that goroutines could change: modes that end too early cost no picture of 6 MB.
func TestHugeSizeGoroutines(t *testing.T) {
	f := header.Frame{Key: true, Width: 2048, Height: 2048}
	frame, err := f.Assemble(bytes.Repeat([]byte{0x59}, 128*128*3/8), [][]byte{bytes.Repeat([]byte{1}, 1000)})
	if err != nil {
		t.Fatal(err)
	}
	s := firstState(t, 16, 16)
	n := allocated(func() { _, _, err = DecodeWith(s, frame, DecodeOptions{Goroutines: 2}) })
	if !errors.Is(err, ErrTruncated) || n > 4<<20 {
		t.Errorf("error %v, %d bytes allocated; want ErrTruncated and at most 4 MiB", err, n)
	}
	if _, err := decodeInParallel(t, s, frame); err == nil {
		t.Error("it decodes")
	}
}

// TestSteadyStateMemoryGoroutines: several goroutines take no memory a frame but for themselves.
func TestSteadyStateMemoryGoroutines(t *testing.T) {
	m := newMaker(71, 320, 240)
	m.plainCoeffs = true
	s := mustDecode(t, firstState(t, 16, 16), m.frame(true, nil))
	checkGarbage(t, s, m.frame(false, nil), DecodeOptions{Goroutines: 3})
}

func TestDecodeOptions(t *testing.T) {
	s := firstState(t, 16, 16)
	frame := newMaker(8, 16, 16).frame(true, nil)
	if _, _, err := DecodeWith(s, frame, DecodeOptions{Goroutines: -1}); !errors.Is(err, ErrOptions) {
		t.Errorf("-1 goroutines: %v, want an ErrOptions", err)
	}
}
