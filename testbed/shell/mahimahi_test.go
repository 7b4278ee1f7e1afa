//go:build linux

package shell_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"salsify/testbed/link"
	"salsify/testbed/shell"
	"salsify/testbed/testenv"
	"salsify/testbed/trace"
)

// The comparison with mahimahi: the same stream of UDP packets goes through mm-link and through a Shell with the same trace and
// queue, each from inside to outside.
//
//  1. The sender waits for an instant of the trace, the same one in both, and sends each packet soon after a whole millisecond of
//     it: opportunities are at whole ones, so that a packet which is some tenths late meets the same ones.
//  2. The kernel stamps each packet when it comes out. Compared is that instant, since the start of the trace.
//  3. What mm-link read according to its log is given to package link too, at the same milliseconds, without a clock: the departures
//     have to be exactly those of mm-link's log, however busy the machine is.
//
// What differs by nature, and is within the bounds: mahimahi's clock has whole milliseconds, so that it sends on up to 1 ms after
// the opportunity, on average half of that; and what comes within one millisecond comes at the same time for it. A packet that
// the machine sends in another millisecond than planned may meet another place in the queue; the test counts these.

const (
	mahimahiVariable = "SALSIFY_MAHIMAHI" // folder of mm-link and mm-delay; else they are looked for in $PATH
	// secondsVariable is how long each stream lasts; given, all cases are run, not only the first.
	secondsVariable = "SALSIFY_MAHIMAHI_SECONDS"
	// streamAfter is when the stream begins, on the trace. mm-link has to be ready by then, and the kernel silent: in its first 1.2 s
	// and again after some 4.3 s it looks for IPv6 routers and neighbours there, and mahimahi carries that too.
	streamAfter = 2200 * ms
	// linger is how long the sender stays, as mm-link ends with it and drops what is in the queue.
	linger = 1200 * ms
	// soonAfter is where in its millisecond a packet is sent. In each of burstLength milliseconds a burst has burst packets: as many
	// as mm-link can read within one.
	soonAfter, burstLength, burst = 100 * time.Microsecond, 4 * ms, 8
	minBytes                      = 100 // of UDP payload, in a packet
	// inTime is how late the sender and our own link may be at p99 for a comparison, of which there are so many attempts.
	inTime, attempts = 800 * time.Microsecond, 3
)

// mahimahiCases are what is compared. Losses are to be the same where the queue's decisions hang on whole packets in the queue
// alone; CoDel's and PIE's hang on times, in mahimahi on those of late wake-ups, and PIE's on its own dice.
var mahimahiCases = []struct {
	trace, queue string
	sameLosses   bool
}{
	{"Verizon-LTE-short.down", "droptail:packets=25", true},
	{"0.57mbps-poisson.up", "drophead:packets=20", true},
	{"ATT-LTE-driving.up", "droptail:packets=25", true},
	{"12mbps.up", "droptail:bytes=20000", true},
	{"Verizon-LTE-short.down", "drophead:packets=25", true},
	{"Verizon-LTE-short.down", "infinite", true},
	{"12mbps.up", "codel:packets=200,target=5ms,interval=100ms", false},
	{"Verizon-LTE-short.down", "codel:packets=200,target=20ms,interval=100ms", false},
	{"12mbps.up", "pie:packets=200,qdelay_ref=20ms,max_burst=150ms", false},
}

func TestAsMahimahi(t *testing.T) {
	mmLink := mahimahiProgram(t, "mm-link")
	needNamespaces(t)
	seconds, cases := 1.2, mahimahiCases[:1] // which takes 9 s
	if text := os.Getenv(secondsVariable); text != "" {
		var err error
		if seconds, err = strconv.ParseFloat(text, 64); err != nil {
			t.Fatalf("%s: %v", secondsVariable, err)
		}
		cases = mahimahiCases
	}
	for _, c := range cases {
		t.Run(c.trace+" "+c.queue, func(t *testing.T) {
			path := testenv.Shared(t, "traces", c.trace)
			tr, err := trace.Load(path)
			if err != nil {
				t.Fatal(err)
			}
			queue, err := link.ParseQueue(c.queue)
			if err != nil {
				t.Fatal(err)
			}
			stream := makeStream(tr, time.Duration(seconds*float64(time.Second)))
			// What lies within the same millisecond, or is the kernel's own, falls out one way or the other each time: a place more or
			// less in a short queue moves all that follows. A difference that is in the link comes again.
			var faults []string
			for range attempts {
				theirs := throughMahimahi(t, mmLink, path, queue, stream)
				replay(t, tr, queue, theirs.log, c.sameLosses)
				ours := throughShell(t, tr, queue, stream)
				if ours.late < inTime && theirs.late < inTime {
					if faults = compare(t, stream, ours, theirs, c.sameLosses); len(faults) == 0 {
						return
					}
					continue
				}
				t.Logf("late at p99: %v of our own, mahimahi's sender %v", ours.late, theirs.late)
			}
			if len(faults) > 0 {
				t.Fatal(strings.Join(faults, "; "))
			}
			t.Skipf("skipped: this machine was too busy, %d times, to be within %v of the plan", attempts, inTime)
		})
	}
}

// mahimahiProgram finds one of mahimahi's programs, or skips.
func mahimahiProgram(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(os.Getenv(mahimahiVariable), name)
	if os.Getenv(mahimahiVariable) == "" {
		var err error
		if path, err = exec.LookPath(name); err != nil {
			t.Skipf("skipped: the comparison with mahimahi needs its %s, in $PATH or in the folder that $%s names", name, mahimahiVariable)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&os.ModeSetuid == 0 {
		t.Skipf("skipped: %s is not there, or not setuid root as mahimahi's programs must be (%v)", path, err)
	}
	if forward, _ := os.ReadFile("/proc/sys/net/ipv4/ip_forward"); strings.TrimSpace(string(forward)) != "1" {
		t.Skip("skipped: mahimahi needs `sysctl net.ipv4.ip_forward=1`")
	}
	return path
}

// stream is what the sender sends.
type stream []streamPacket

type streamPacket struct {
	At    time.Duration // on the trace
	Bytes int           // of UDP payload
}

// makeStream makes a stream of 0.8 times what the trace carries from streamAfter on, with bursts.
func makeStream(tr *trace.Trace, length time.Duration) stream {
	random := rand.New(rand.NewPCG(1, 2))
	opportunities := tr.Before(streamAfter+length) - tr.Before(streamAfter)
	perMillisecond := 0.8 * float64(opportunities) * trace.OpportunityBytes / float64(length/ms)
	var s stream
	credit := 0.0
	for at := streamAfter + soonAfter; at < streamAfter+length; at += ms {
		add := func() {
			bytes := minBytes + random.IntN(1300)
			credit -= float64(bytes + 28 + link.TUNHeaderBytes)
			s = append(s, streamPacket{at, bytes})
		}
		for credit += perMillisecond; credit > 0; {
			add()
		}
		if phase := at.Truncate(ms) % (400 * ms); phase >= 100*ms && phase < 100*ms+burstLength { // on top of it
			before := credit
			for range burst {
				add()
			}
			credit = before
		}
	}
	return s
}

// outcome is what came of a stream, by the number of the packet.
type outcome struct {
	came map[int]time.Duration // when, on the trace
	sent map[int]time.Duration // when it was sent, of those that came
	read map[int]time.Duration // when the link read it; mm-link tells whole milliseconds
	late time.Duration         // of the sender or the link, whichever is longer, at p99
	log  string                // mm-link's
	// foreign is how many packets of the kernel's own mm-link carried since shortly before the stream.
	foreign int
}

// throughMahimahi sends a stream through mm-link.
func throughMahimahi(t *testing.T, mmLink, tracePath string, queue link.Queue, s stream) outcome {
	dir, program := copyOfThisProgram(t)
	if err := os.Chmod(dir, 0o777); err != nil { // for mm-link's log
		t.Fatal(err)
	}
	down := filepath.Join(dir, "down.trace")
	logPath := filepath.Join(dir, "up.log")
	up := filepath.Join(dir, "up.trace")
	content, err := os.ReadFile(tracePath)
	if err := errors.Join(err, os.WriteFile(up, content, 0o644), os.WriteFile(down, content, 0o644), s.write(dir)); err != nil {
		t.Fatal(err)
	}
	server, err := net.ListenPacket("udp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	arguments := []string{mmLink, "--uplink-log=" + logPath}
	if queue.Policy != link.Infinite {
		name, list, _ := strings.Cut(queue.String(), ":")
		arguments = append(arguments, "--uplink-queue="+name, "--uplink-queue-args="+strings.ReplaceAll(list, "ms", ""))
	}
	arguments = append(arguments, up, down, "--", program, "$MAHIMAHI_BASE", portOf(server), dir, logPath)
	cmd := helper("unprivileged", arguments...)
	cmd.Path = program
	o := collect(t, s, cmd, cmd.Start, server, func() time.Time {
		begin, err := mahimahiBegin(logPath)
		if err != nil {
			t.Fatal(err)
		}
		return begin
	})
	text, err := os.ReadFile(logPath)
	if err != nil {
		t.Fatal(err)
	}
	o.log = string(text)
	var foreign []time.Duration
	if o.read, foreign, err = mahimahiArrivals(logPath); err != nil || len(o.read) != len(s) {
		t.Fatalf("mm-link's log has %d packets, but %d were sent, %v", len(o.read), len(s), err)
	}
	for _, at := range foreign {
		if at >= streamAfter-linger && at <= s[len(s)-1].At {
			o.foreign++
		}
	}
	return o
}

// throughShell sends a stream through our own.
func throughShell(t *testing.T, tr *trace.Trace, queue link.Queue, s stream) outcome {
	dir := t.TempDir()
	if err := s.write(dir); err != nil {
		t.Fatal(err)
	}
	var csv strings.Builder
	sh := open(t, shell.Config{Up: link.Config{Trace: tr, Queue: queue}, PacketLog: &csv, PrivateOutside: true})
	server, err := sh.Outside().ListenPacket(t.Context(), "udp", sh.Outside().Address().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	began := sh.Begin()
	cmd := helper("hurried", "/proc/self/exe", sh.Outside().Address().String(), portOf(server), dir, strconv.FormatInt(began.UnixNano(), 10))
	o := collect(t, s, cmd, func() error { return sh.Inside().Start(cmd) }, server, func() time.Time { return began })
	stats := sh.Stats()
	if err := sh.Close(); err != nil {
		t.Error(err)
	}
	// The log is in the order of departures and drops; the packets arrived in the order of their numbers.
	var arrivals []time.Duration
	for line := range strings.Lines(csv.String()) {
		if fields := strings.Split(line, ","); fields[0] == "up" {
			at, err := time.ParseDuration(fields[1] + "ms")
			if err != nil {
				t.Fatal(err)
			}
			arrivals = append(arrivals, at)
		}
	}
	if len(arrivals) != len(s) {
		t.Fatalf("the log has %d packets, but %d were sent", len(arrivals), len(s))
	}
	slices.Sort(arrivals)
	behind := make([]time.Duration, len(s))
	for i, at := range arrivals {
		o.read[i], behind[i] = at, at-s[i].At
	}
	slices.Sort(behind)
	p99 := (len(s) - 1) * 99 / 100
	t.Logf("p99 of lateness: the sender %v, our own link reading %v, sending on %v", o.late, behind[p99], stats.LatenessP99)
	o.late = max(o.late, behind[p99], stats.LatenessP99)
	return o
}

func portOf(c net.PacketConn) string { return strconv.Itoa(c.LocalAddr().(*net.UDPAddr).Port) }

const streamFile = "stream.json"

func (s stream) write(dir string) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, streamFile), text, 0o644)
}

// collect runs the sender and takes what comes.
func collect(t *testing.T, s stream, cmd *exec.Cmd, start func() error, server net.PacketConn, began func() time.Time) outcome {
	t.Helper()
	socket := server.(*net.UDPConn)
	raw, err := socket.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 16<<20)
	}), err); err != nil {
		t.Fatal(err)
	}
	type packet struct {
		number     int
		came, sent time.Time
	}
	var packets []packet
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer, control := make([]byte, 2000), make([]byte, 200)
		for {
			n, nControl, _, _, err := socket.ReadMsgUDP(buffer, control)
			if err != nil {
				return
			}
			stamp, err := stampOf(control[:nControl])
			if n < 12 || err != nil {
				continue
			}
			packets = append(packets, packet{
				int(binary.BigEndian.Uint32(buffer)), stamp, time.Unix(0, int64(binary.BigEndian.Uint64(buffer[4:]))),
			})
		}
	}()
	if err := start(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("the sender: %v", err)
	}
	socket.Close()
	<-done
	if len(packets) == 0 {
		t.Fatal("nothing came through")
	}
	o := outcome{came: map[int]time.Duration{}, sent: map[int]time.Duration{}, read: map[int]time.Duration{}}
	var late []time.Duration
	zero := began()
	for _, p := range packets {
		if p.number >= len(s) {
			t.Fatalf("a packet with number %d", p.number)
		}
		o.came[p.number], o.sent[p.number] = p.came.Sub(zero), p.sent.Sub(zero)
		late = append(late, o.sent[p.number]-s[p.number].At)
	}
	slices.Sort(late)
	o.late = late[(len(late)-1)*99/100]
	return o
}

// stampOf returns when the kernel got a packet.
func stampOf(control []byte) (time.Time, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return time.Time{}, err
	}
	for _, m := range messages {
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS && len(m.Data) >= 16 {
			return time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))), nil
		}
	}
	return time.Time{}, errors.New("no time stamp")
}

// mahimahiBegin reads from mm-link's log when the trace began.
func mahimahiBegin(path string) (time.Time, error) {
	file, err := os.Open(path)
	if err != nil {
		return time.Time{}, err
	}
	defer file.Close()
	milliseconds, found := int64(0), 0
	for lines := bufio.NewScanner(file); lines.Scan() && found < 2; {
		for _, key := range []string{"# init timestamp: ", "# base timestamp: "} {
			if text, ok := strings.CutPrefix(lines.Text(), key); ok {
				n, err := strconv.ParseInt(text, 10, 64)
				if err != nil {
					return time.Time{}, err
				}
				milliseconds, found = milliseconds+n, found+1
			}
		}
	}
	if found < 2 {
		return time.Time{}, errors.New("mm-link has not written its log yet")
	}
	return time.UnixMilli(milliseconds), nil
}

// mahimahiArrivals reads from mm-link's log when it read each packet of ours, on the trace, and when the kernel's, which are shorter.
func mahimahiArrivals(path string) (arrivals map[int]time.Duration, foreign []time.Duration, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, err
	}
	arrivals = map[int]time.Duration{}
	base := 0
	for line := range strings.Lines(string(text)) {
		var at, size int
		if n, _ := fmt.Sscanf(line, "# base timestamp: %d", &at); n == 1 {
			base = at
		} else if n, _ := fmt.Sscanf(line, "%d + %d", &at, &size); n == 2 && size > minBytes {
			arrivals[len(arrivals)] = time.Duration(at-base) * ms
		} else if n == 2 {
			foreign = append(foreign, time.Duration(at-base)*ms)
		}
	}
	return arrivals, foreign, nil
}

// replay gives what mm-link read to package link, and compares what left.
func replay(t *testing.T, tr *trace.Trace, queue link.Queue, log string, exact bool) {
	t.Helper()
	type departure struct{ at, cost int } // in ms of the trace
	var theirs, ours []departure
	zero, base := time.Unix(0, 0), 0
	l := link.New(link.Config{Trace: tr, Queue: queue, Log: func(r link.Record) {
		if r.Fate == link.Delivered {
			ours = append(ours, departure{int(r.Departure.Sub(zero) / ms), r.Size + link.TUNHeaderBytes})
		}
	}}, zero)
	end := 0
	for line := range strings.Lines(log) {
		var at, cost int
		if n, _ := fmt.Sscanf(line, "# base timestamp: %d", &at); n == 1 {
			base = at
		} else if n, _ := fmt.Sscanf(line, "%d + %d", &at, &cost); n == 2 {
			l.Send(zero.Add(time.Duration(at-base)*ms), cost-link.TUNHeaderBytes, nil)
		} else if n, _ := fmt.Sscanf(line, "%d - %d", &at, &cost); n == 2 {
			theirs = append(theirs, departure{at - base, cost})
			end = at - base
		}
	}
	l.Deliver(zero.Add(time.Duration(end) * ms))
	same := len(ours) == len(theirs)
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			same = false
			t.Logf("departure %d of package link is %+v, of mm-link %+v (ms, bytes)", i, ours[i], theirs[i])
			break
		}
	}
	t.Logf("from the arrivals of mm-link's log: %d departures, of package link %d, %d dropped; the same: %v", len(theirs),
		len(ours), l.Counters().Dropped.Packets, same)
	if exact && !same {
		t.Errorf("package link and mm-link make different things of the same arrivals")
	}
}

// compare is the judgement.
func compare(t *testing.T, s stream, ours, theirs outcome, sameLosses bool) (faults []string) {
	t.Helper()
	var apart []time.Duration
	onlyOurs, onlyTheirs, late := 0, 0, 0
	for i, p := range s {
		a, cameOurs := ours.came[i]
		b, cameTheirs := theirs.came[i]
		switch {
		case cameOurs && cameTheirs:
			apart = append(apart, (b - a).Abs())
		case cameOurs:
			onlyOurs++
		case cameTheirs:
			onlyTheirs++
		}
		if its := p.At.Truncate(ms); ours.read[i]-its >= ms || theirs.read[i] > its {
			late++
		}
	}
	if len(apart) == 0 {
		t.Fatal("nothing came through both")
	}
	slices.Sort(apart)
	at := func(share float64) time.Duration {
		return apart[int(share*float64(len(apart)-1))].Round(10 * time.Microsecond)
	}
	t.Logf("%d packets: %d came through both, apart by p50 %v, p99 %v, max %v; lost by both %d, by mahimahi alone %d, by ours alone %d; "+
		"%d sent or read in a later millisecond than planned, %d of the kernel's own", len(s), len(apart), at(0.5), at(0.99), at(1),
		len(s)-len(apart)-onlyOurs-onlyTheirs, onlyOurs, onlyTheirs, late, theirs.foreign)
	if !sameLosses {
		return nil
	}
	if at(0.99) > 2*ms {
		faults = append(faults, fmt.Sprintf("departures are %v apart at p99, want 2ms at most", at(0.99)))
	}
	// A late packet may find one more place in the queue, and another one then finds it missing; so may one of the kernel's.
	if differ, explained := max(onlyOurs, onlyTheirs), late+theirs.foreign; differ > explained {
		faults = append(faults, fmt.Sprintf("mahimahi alone lost %d packets, ours alone %d, of which lateness explains %d", onlyOurs, onlyTheirs, explained))
	}
	return faults
}

// copyOfThisProgram returns a folder that all users may read, with this program in it.
func copyOfThisProgram(t *testing.T) (dir, program string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "salsify-shell-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	program = filepath.Join(dir, "program")
	binary, err := os.ReadFile("/proc/self/exe")
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(program, binary, 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir, program
}

const nobody = 65534

func init() {
	// The helper "hurried" becomes the command in its arguments, with the real-time priority that the Shell's threads have too;
	// "unprivileged" does so not as root, as mahimahi wants it. Either is or starts "pace", to which a $MAHIMAHI_BASE is left.
	hurried := func() error {
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		environment := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, helperVariable+"=") })
		return syscall.Exec(os.Args[1], os.Args[1:], append(environment, helperVariable+"=pace"))
	}
	helpers["hurried"] = func() error {
		runtime.LockOSThread()
		return hurried()
	}
	helpers["unprivileged"] = func() error {
		runtime.LockOSThread()
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		if os.Geteuid() == 0 {
			if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)); err != nil {
				return err
			}
		}
		return hurried()
	}

	// The helper "pace" sends the stream to an address and a port, from a folder, on a trace that began at an instant (in ns) or
	// when mm-link's log says.
	helpers["pace"] = func() error {
		runtime.LockOSThread()
		// Not to round up wake-ups; the priority is there already.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		address, port, dir := os.ExpandEnv(os.Args[1]), os.Args[2], os.Args[3]
		text, err := os.ReadFile(filepath.Join(dir, streamFile))
		if err != nil {
			return err
		}
		var s stream
		if err := json.Unmarshal(text, &s); err != nil {
			return err
		}
		var zero time.Time
		if ns, err := strconv.ParseInt(os.Args[4], 10, 64); err == nil {
			zero = time.Unix(0, ns)
		} else {
			for deadline := time.Now().Add(patience); ; time.Sleep(ms) {
				if zero, err = mahimahiBegin(os.Args[4]); err == nil {
					break
				}
				if time.Now().After(deadline) {
					return err
				}
			}
		}
		socket, err := net.Dial("udp", net.JoinHostPort(address, port))
		if err != nil {
			return err
		}
		if time.Since(zero) > streamAfter {
			return fmt.Errorf("mm-link was ready only %v after its trace began", time.Since(zero))
		}
		data := make([]byte, 2000)
		for i, p := range s {
			if wait := unix.NsecToTimespec(time.Until(zero.Add(p.At)).Nanoseconds()); wait.Nano() > 0 {
				_ = unix.Nanosleep(&wait, nil)
			}
			binary.BigEndian.PutUint32(data, uint32(i))
			binary.BigEndian.PutUint64(data[4:], uint64(time.Now().UnixNano()))
			if _, err := socket.Write(data[:p.Bytes]); err != nil {
				return err
			}
		}
		time.Sleep(linger)
		return nil
	}
}
