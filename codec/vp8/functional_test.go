package vp8_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/ivf"
	"salsify/codec/vp8"
	"salsify/testbed/testenv"
)

// marshalled writes a State.
func marshalled(t rapid.TB, s *vp8.State) []byte {
	t.Helper()
	data, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// unmarshalled reads a State back.
func unmarshalled(t rapid.TB, data []byte) *vp8.State {
	t.Helper()
	s := new(vp8.State)
	if err := s.UnmarshalBinary(data); err != nil {
		t.Fatal(err)
	}
	return s
}

// TestEncodeTwice: the same picture and options from a State, from what it was written and read back as, and from the State of a
// decoder that followed, all give the same bytes and the same next State.
func TestEncodeTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(1, 70).Draw(t, "width"), rapid.IntRange(1, 70).Draw(t, "height")
		seed := rapid.Uint64().Draw(t, "seed")
		sc := newScene(rapid.SampledFrom(kinds).Draw(t, "kind"), width, height, seed)
		rng := rand.New(rand.NewPCG(seed, 5))
		s, decoder := newState(t, width, height), newState(t, width, height)
		for i := range rapid.IntRange(0, 4).Draw(t, "frames") {
			frame, next := encodeRandomly(t, s, sc.picture(i), rng, 6)
			s, decoder = next, follow(t, decoder, frame, next)
		}
		src, o := sc.picture(rapid.IntRange(0, 9).Draw(t, "picture")), randomOptions(rng, vp8.MaxEffort)
		want, wantNext, wantStats, wantErr := vp8.Encode(s, src, o)
		for _, same := range []*vp8.State{s, unmarshalled(t, marshalled(t, s)), decoder} {
			frame, next, stats, err := vp8.Encode(same, src, o)
			if fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%v, the first time %v", err, wantErr)
			}
			if !bytes.Equal(frame, want) || stats != wantStats {
				t.Fatalf("%d bytes, %+v; the first time %d bytes, %+v", len(frame), stats, len(want), wantStats)
			}
			if err == nil && traceOf(next) != traceOf(wantNext) {
				t.Fatal("another State than the first time")
			}
		}
	})
}

// TestTwoCandidates: two encodings of one picture, and the coding goes on from both, in turns. Neither line of descent notices
// the other: each is the same as when it is alone in the world.
func TestTwoCandidates(t *testing.T) {
	sc := newScene("squares", 80, 60, 30)
	start := newState(t, 80, 60)
	for i := range 3 {
		_, start, _ = encode(t, start, sc.picture(i), vp8.Options{Quantizer: 50})
	}
	data := marshalled(t, start)
	quantizers := [2]int{15, 90}
	// step encodes picture i in one of the two lines. Releasing is part of it: the memory is used again at once.
	step := func(s *vp8.State, line, i int) ([]byte, *vp8.State) {
		frame, next, _ := encode(t, s, sc.picture(i), vp8.Options{Quantizer: quantizers[line] + i, Effort: 4 + line, KeyFrame: i == 9})
		return frame, next
	}
	var alone [2][]trace
	for line := range alone {
		s := unmarshalled(t, data)
		for i := 3; i < 15; i++ {
			_, next := step(s, line, i)
			s.Release()
			s = next
			alone[line] = append(alone[line], traceOf(s))
		}
	}
	states := [2]*vp8.State{start, start}
	for i := 3; i < 15; i++ {
		for line := range states {
			frame, next := step(states[line], line, i)
			if got := traceOf(next); got != alone[line][i-3] {
				t.Fatalf("picture %d: line %d went another way than alone", i, line)
			}
			follow(t, states[line], frame, next).Release()
			if states[line] != start {
				states[line].Release()
			}
			states[line] = next
		}
		for line := range states {
			if got := traceOf(states[line]); got != alone[line][i-3] {
				t.Fatalf("picture %d: line %d was damaged by the other", i, line)
			}
		}
	}
	if !bytes.Equal(marshalled(t, start), data) {
		t.Error("the State that both came from changed")
	}
}

// childVariable names the folder that TestOtherProcess shares with the process it starts.
const childVariable = "SALSIFY_VP8_TEST_FOLDER"

// TestOtherProcess: a State that was written goes on in another process with the same bytes.
func TestOtherProcess(t *testing.T) {
	if folder := os.Getenv(childVariable); folder != "" {
		goOn(t, unmarshalled(t, readFile(t, folder, "state")), folder)
		return
	}
	sc := newScene("pan", 130, 70, 31)
	s, decoder := newState(t, 130, 70), newState(t, 130, 70)
	for i := range 14 { // long enough that the references differ
		frame, next, _ := encode(t, s, sc.picture(i), vp8.Options{Quantizer: 35})
		s, decoder = next, follow(t, decoder, frame, next)
	}
	here := t.TempDir()
	goOn(t, s, here)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, there := range []struct {
		name, environment string
		state             *vp8.State
	}{
		{"encoder's State", "GOMAXPROCS=1", s},
		{"decoder's State", "GOMAXPROCS=3", decoder},
		{"without the processor's extensions", "GODEBUG=cpu.all=off", s},
	} {
		t.Run(there.name, func(t *testing.T) {
			folder := t.TempDir()
			writeFile(t, folder, "state", marshalled(t, there.state))
			child := exec.Command(self, "-test.run=^TestOtherProcess$")
			child.Env = append(os.Environ(), childVariable+"="+folder, there.environment)
			if out, err := child.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, name := range []string{"frames.ivf", "next"} {
				if !bytes.Equal(readFile(t, folder, name), readFile(t, here, name)) {
					t.Errorf("the other process made another %s", name)
				}
			}
		})
	}
}

// goOn encodes the next pictures, and leaves the frames and the last State in a folder.
func goOn(t *testing.T, s *vp8.State, folder string) {
	width, height := s.Size()
	sc := newScene("pan", width, height, 31)
	var frames [][]byte
	for i := range 6 {
		o := vp8.Options{Quantizer: 10 + 20*i, Effort: 3 + i, TokenPartitions: 2, Goroutines: 2, KeyFrame: i == 4}
		if i == 2 {
			o.FrameBytes = 1500
		}
		frame, next, _ := encode(t, s, sc.picture(14+i), o)
		frames = append(frames, frame)
		s = next
	}
	writeFile(t, folder, "frames.ivf", ivfOf(t, width, height, frames))
	writeFile(t, folder, "next", marshalled(t, s))
}

func writeFile(t *testing.T, folder, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(folder, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, folder, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// ivfOf puts frames into an IVF file.
func ivfOf(t testing.TB, width, height int, frames [][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := ivf.NewWriter(&out, ivf.Header{Width: width, Height: height, Rate: 30, Scale: 1})
	if err != nil {
		t.Fatal(err)
	}
	for i, frame := range frames {
		if err := w.Write(frame, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	return out.Bytes()
}

// node is a frame in a tree of choices, with the States that encoder and decoder came to with it.
type node struct {
	parent           *node
	frame            []byte
	encoder, decoder *vp8.State
	trace            trace
	leaf, released   bool
}

func (n *node) release() {
	n.encoder.Release()
	n.decoder.Release()
	n.released = true
}

// path gives the nodes from the first frame to n. The root, which has no frame, is not among them.
func (n *node) path() (nodes []*node) {
	for ; n.parent != nil; n = n.parent {
		nodes = append(nodes, n)
	}
	slices.Reverse(nodes)
	return nodes
}

// kept is how many States back from the present one are kept to go back to.
const kept = 12

// choices makes a tree of random choices, as a sender makes them: which of two candidates to send, to send none, or to go back
// to a State of five frames ago. What is surely not needed any more is released, some of it at once and some later. Each frame
// is decoded from the decoder's own States. It returns all nodes and counts how often each choice was made.
func choices(t testing.TB, root *node, sc *scene, rng *rand.Rand, count int) (nodes []*node, made map[string]int) {
	made = map[string]int{}
	now, quantizer := root, 50
	// candidate encodes a picture from the present State.
	candidate := func(time, quantizer int) *node {
		o := randomOptions(rng, 6)
		o.FrameBytes, o.Quantizer = 0, min(max(quantizer, 0), 127)
		o.KeyFrame = o.KeyFrame && rng.IntN(4) == 0
		frame, next, _ := encode(t, now.encoder, sc.picture(time), o)
		n := &node{parent: now, frame: frame, encoder: next, decoder: follow(t, now.decoder, frame, next), leaf: true}
		n.trace = traceOf(next)
		nodes = append(nodes, n)
		return n
	}
	for time := range count {
		better, worse := candidate(time, quantizer-8), candidate(time, quantizer+8)
		switch choice := rng.IntN(12); {
		case choice < 5:
			made["better"]++
			now, quantizer = better, max(quantizer-8, 10)
			if choice < 2 {
				worse.release()
			}
		case choice < 9:
			made["worse"]++
			now, quantizer = worse, min(quantizer+8, 110)
			if choice < 7 {
				better.release()
			}
		case choice < 11:
			made["drop"]++
			if time%2 == 0 {
				worse.release()
				better.release()
			}
		default:
			made["back"]++
			for range 5 {
				if now.parent != nil && !now.parent.released {
					now = now.parent
				}
			}
		}
		if now.parent != nil {
			now.parent.leaf = false
		}
		// What lies too far back is released, except for the root, which others use; so is one that was left aside.
		old := now
		for range kept {
			if old.parent != nil {
				old = old.parent
			}
		}
		for ; old.parent != nil && !old.released; old = old.parent {
			old.release()
		}
		if n := nodes[rng.IntN(len(nodes))]; !n.released && !slices.Contains(now.path(), n) {
			n.release()
		}
	}
	return nodes, made
}

// TestTreeOfChoices: a tree of 100 random choices decodes without a mismatch along every path. Several trees grow from the same
// first State in parallel.
func TestTreeOfChoices(t *testing.T) {
	const width, height = 52, 40
	first := newState(t, width, height)
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			sc := newScene([]string{"texture", "squares", "pan", "cuts"}[seed], width, height, seed)
			root := &node{encoder: first, decoder: first, trace: traceOf(first)}
			nodes, made := choices(t, root, sc, rand.New(rand.NewPCG(seed, 6)), 100)
			for _, choice := range []string{"better", "worse", "drop", "back"} {
				if made[choice] < 3 {
					t.Errorf("the choice %q was made %d times", choice, made[choice])
				}
			}
			leaves, alive := 0, 0
			var longest []*node
			for _, n := range nodes {
				if !n.released {
					alive++
					if traceOf(n.encoder) != n.trace || traceOf(n.decoder) != n.trace {
						t.Fatal("a State changed after it was made")
					}
				}
				if !n.leaf {
					continue
				}
				leaves++
				path := n.path()
				decodePath(t, first, path)
				if len(path) > len(longest) {
					longest = path
				}
			}
			if leaves < 50 || alive < 10 || alive == len(nodes) || len(longest) < 10 {
				t.Errorf("%d leaves, %d of %d States alive, longest path %d: not much of a tree", leaves, alive, len(nodes), len(longest))
			}
			t.Run("vpxdec", func(t *testing.T) { decodeElsewhere(t, testenv.Tool(t, "vpxdec"), width, height, longest) })
		})
	}
}

// decodePath decodes a path from its beginning, and releases each State once the next is there.
func decodePath(t *testing.T, first *vp8.State, path []*node) {
	t.Helper()
	s := first
	for i, n := range path {
		next, _, err := vp8.Decode(s, n.frame)
		if err != nil {
			t.Fatalf("frame %d of %d: %v", i, len(path), err)
		}
		if i > 0 {
			s.Release()
		}
		s = next
		if got := traceOf(s); got != n.trace {
			t.Fatalf("frame %d of %d: the path decodes to %x, its encoder came to %x", i, len(path), got.fingerprint, n.trace.fingerprint)
		}
	}
}

// decodeElsewhere compares a path's last picture with that of libvpx.
func decodeElsewhere(t *testing.T, vpxdec string, width, height int, path []*node) {
	var frames [][]byte
	for _, n := range path {
		frames = append(frames, n.frame)
	}
	pictures := runVpxdec(t, vpxdec, ivfOf(t, width, height, frames))
	s := newState(t, width, height)
	for i, frame := range frames {
		next, shown, err := vp8.Decode(s, frame)
		if err != nil {
			t.Fatal(err)
		}
		want := i420(shown)
		if len(pictures) < len(want) || !bytes.Equal(pictures[:len(want)], want) {
			t.Fatalf("frame %d of %d differs", i, len(frames))
		}
		pictures = pictures[len(want):]
		s = next
	}
}
