package endtoend

import (
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const otherKey = "zzzz-zzzz-zzzz-zzzz-zzzz-zzzz"

// Who has not the key is turned away, and both sides say why. With --open nobody needs one, and both sides warn.
func TestKeys(t *testing.T) {
	v := view(t, anywhere)
	s := send(t, v.address, otherKey)
	s.mustEnd(3*time.Second, 1)
	s.says(0, "the receiver's certificate does not match the key: give the key that salsify-recv shows now")
	s = send(t, v.address, "")
	s.mustEnd(3*time.Second, 1)
	s.says(0, "warning: no key was given")
	s.says(0, "the receiver needs a key: give the one that salsify-recv shows by --key or $SALSIFY_KEY")
	v.says(0, "it has no key")
	if len(v.pictures()) > 0 {
		t.Error("a picture was shown")
	}
	// The key may be typed in another way.
	s = send(t, v.address, "", "--key", strings.ToUpper(strings.ReplaceAll(v.key, "-", " ")), "--duration", "500ms")
	v.flows(3*time.Second, 2)
	s.mustEnd(3*time.Second, 0)

	v = view(t, anywhere, "--open", "--once")
	v.says(0, "warning: --open lets anyone who reaches this port send")
	s = send(t, v.address, "", "--duration", "500ms")
	s.mustEnd(3*time.Second, 0)
	s.says(0, "warning: no key was given")
	v.mustEnd(2*time.Second, 0)
	if len(v.pictures()) == 0 {
		t.Error("no picture was shown")
	}
}

// A second sender is refused, says so and ends; the first is not disturbed.
func TestSecondSender(t *testing.T) {
	v := view(t, anywhere)
	first := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	second := send(t, v.address, v.key)
	v.says(3*time.Second, "refused a sender at 127.0.0.1:")
	v.says(0, "busy")
	have := len(v.pictures())
	second.mustEnd(5*time.Second, 1)
	second.says(0, "the receiver is busy")
	second.says(0, "try again when that has ended")
	first.mustRun()
	if seen := len(v.pictures()) - have; seen < 15 {
		t.Errorf("%d pictures were seen while the second was refused", seen)
	}
	if strings.Count(first.stderr.String(), "connected to") != 1 {
		t.Error("the first sender was disturbed")
	}
	v.mustBeInOrder()
}

// Ctrl-C at the sender ends it at once, with a summary, and the receiver hears of it.
func TestInterruptSender(t *testing.T) {
	v := view(t, anywhere, "--once")
	s := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	s.signal(os.Interrupt)
	s.mustEnd(time.Second, 0)
	v.mustEnd(time.Second, 0)
	s.says(0, "the larger candidate left")
	v.says(0, "the other side said goodbye")
	v.says(0, "not shown: ")
}

// Ctrl-C at the receiver ends both.
func TestInterruptReceiver(t *testing.T) {
	v := view(t, anywhere)
	s := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	began := time.Now()
	v.signal(os.Interrupt)
	v.mustEnd(time.Second, 0)
	s.mustEnd(4*time.Second, 0) // it waits three in case the receiver comes back
	if took := time.Since(began); took > 4500*time.Millisecond {
		t.Errorf("both have ended after %v", took)
	}
	s.says(0, "the receiver has ended: the other side said goodbye;")
	s.says(0, "the larger candidate left")
	v.says(0, "not shown: ")
}

// Ctrl-C works before anything is there: no receiver, no input, no sender.
func TestInterruptEarly(t *testing.T) {
	waiting := send(t, "127.0.0.1:1", otherKey)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	thirsty := start(t, "salsify-send", func(c *exec.Cmd) { c.Stdin = in }, "-", "127.0.0.1:1")
	v := view(t, anywhere)
	waiting.says(3*time.Second, "waiting for the receiver")
	for _, p := range []*program{waiting, thirsty, v.program} {
		p.signal(os.Interrupt)
		p.mustEnd(time.Second, 0)
	}
}

// A sender that crashed and one that comes instead: it is shown within a second.
func TestSenderKilled(t *testing.T) {
	v := view(t, anywhere)
	s := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	s.kill()
	began := time.Now()
	send(t, v.address, v.key)
	took := within(t, time.Second, "the new sender is shown", v.capturedAfter(began))
	t.Logf("shown after %v", took)
	v.says(0, "the sender is gone: ")
	v.flows(2*time.Second, 5)
	v.mustBeInOrder()
}

// A receiver that crashed and was started again with the same key: the sender goes on by itself within a second.
func TestReceiverKilled(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	v := view(t, anywhere, "--key-file", file)
	s := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	v.kill()
	s.says(time.Second, "connecting anew")
	time.Sleep(300 * time.Millisecond)
	began := time.Now()
	again := view(t, v.address, "--key-file", file)
	took := within(t, time.Second, "the sender is shown again", again.capturedAfter(began))
	t.Logf("shown after %v", took)
	again.flows(2*time.Second, 5)
	again.mustBeInOrder()
	s.mustRun()

	// A restart as a supervisor does it: with a goodbye, and at once.
	again.signal(syscall.SIGTERM)
	again.mustEnd(time.Second, 0)
	third := view(t, v.address, "--key-file", file)
	within(t, time.Second, "the sender is shown again", third.capturedAfter(time.Now()))
	s.mustRun()
}

// The sender's address changes, as a NAT's does: pictures go on within a second, and the receiver says so.
func TestRebind(t *testing.T) {
	dir := t.TempDir()
	sent := filepath.Join(dir, "sent")
	v := view(t, anywhere)
	r, address := between(t, v, 0, 5*time.Millisecond, 0)
	s := send(t, address, v.key, "--stats", sent)
	v.flows(3*time.Second, 5)
	for range 2 {
		if err := r.Rebind(); err != nil {
			t.Fatal(err)
		}
		took := within(t, time.Second, "pictures go on", v.capturedAfter(time.Now()))
		t.Logf("went on after %v", took)
		v.flows(2*time.Second, 10)
	}
	if n := strings.Count(v.stderr.String(), "the sender's address changed from 127.0.0.1:"); n != 2 {
		t.Errorf("the receiver said %d times that the address changed", n)
	}
	s.signal(os.Interrupt)
	s.mustEnd(time.Second, 0)
	if n := keyFrames(readStats[sentLine](t, sent)); n != 1 || strings.Count(s.stderr.String(), "connected to") != 1 {
		t.Errorf("the sender began anew: %d key frames", n)
	}
	v.mustBeInOrder()
}

// The network is gone for 3 s: the sender says so, and when it is back, pictures are seen within half a second, with no key frame.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	sent, record := filepath.Join(dir, "sent"), filepath.Join(dir, "sent.ivf")
	v := view(t, anywhere)
	r, address := between(t, v, 0, 20*time.Millisecond, 0)
	s := send(t, address, v.key, "--stats", sent, "--record", record)
	v.flows(3*time.Second, 20)
	r.Cut(true)
	s.says(3*time.Second, "NETWORK SILENT")
	v.says(3*time.Second, "NO PICTURE FOR")
	time.Sleep(700 * time.Millisecond)
	have := len(v.pictures())
	r.Cut(false)
	// A probe is on its way every 400 ms. What is above half a second is for the machine.
	took := within(t, 600*time.Millisecond, "pictures go on", func() bool { return len(v.pictures()) > have })
	t.Logf("went on after %v", took)
	v.flows(2*time.Second, 20)
	s.signal(os.Interrupt)
	s.mustEnd(time.Second, 0)
	v.mustRun()
	if n := keyFrames(readStats[sentLine](t, sent)); n != 1 || strings.Count(s.stderr.String(), "connected to") != 1 {
		t.Errorf("the sender began anew: %d key frames", n)
	}
	v.mustBeInOrder()
	pictures, recorded := v.pictures(), readRecording(t, record)
	if end := pictures[len(pictures)-1].number; len(recorded) < len(pictures)*3/4 || recorded[len(recorded)-1]+5 < end {
		t.Errorf("%d pictures seen, up to %d; recorded: %v", len(pictures), end, recorded)
	}
}

// Anybody can throw packets at the port. The session goes on.
func TestGarbage(t *testing.T) {
	v := view(t, anywhere)
	s := send(t, v.address, v.key)
	v.flows(3*time.Second, 5)
	attacker, err := net.Dial("udp", v.address)
	if err != nil {
		t.Fatal(err)
	}
	defer attacker.Close()
	random := rand.NewChaCha8([32]byte{7})
	const datagrams, longest = 100_000, 1400
	b := make([]byte, longest)
	began, have := time.Now(), len(v.pictures())
	// What the first byte stands for (RFC 7983): STUN, DTLS, RTP, RTCP; or nothing.
	first := []byte{0, 1, 20, 22, 23, 63, 128, 144, 191}
	for i := range datagrams {
		n := 1 + int(random.Uint64()%longest)
		random.Read(b[:n])
		if i%2 == 0 {
			b[0] = first[i/2%len(first)]
		}
		if _, err := attacker.Write(b[:n]); err != nil {
			time.Sleep(time.Millisecond)
		}
		if i%100 == 99 { // it is the receiver that is tested, not the kernel's buffer
			time.Sleep(time.Millisecond)
		}
	}
	t.Logf("%d datagrams in %v, %d pictures meanwhile", datagrams, time.Since(began), len(v.pictures())-have)
	within(t, time.Second, "pictures go on", v.capturedAfter(time.Now()))
	if n := len(v.pictures()) - have; n < 10 {
		t.Errorf("%d pictures were seen meanwhile", n)
	}
	s.mustRun()
	v.mustRun()
	if strings.Contains(v.stderr.String(), "is gone") || strings.Contains(v.stderr.String(), "address changed") ||
		strings.Count(s.stderr.String(), "connected to") != 1 {
		t.Error("the session was disturbed")
	}
	v.mustBeInOrder()
}

// Whoever looked at the pictures closes the window: the receiver ends as by Ctrl-C.
func TestNobodyLooks(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	v := &viewer{}
	v.program = start(t, "salsify-recv", func(c *exec.Cmd) { c.Stdout = out }, "--listen", anywhere, "--display", "-")
	out.Close()
	v.ready()
	s := send(t, v.address, v.key)
	if _, err := in.Read(make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	in.Close()
	v.mustEnd(time.Second, 0)
	v.says(0, "nothing is shown any more")
	v.says(0, "not shown: ")
	s.mustEnd(4*time.Second, 0)
}
