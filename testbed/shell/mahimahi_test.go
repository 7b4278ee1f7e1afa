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
	"salsify/thread"
)

// The comparison with mahimahi: the same stream of UDP packets goes through mm-link and through a Shell with the same trace and
// queue, each from inside to outside.
//
//  1. The sender waits for an instant of the trace, the same one in both, and sends each packet soon after a whole millisecond of
//     it: opportunities are at whole ones, so that a packet which is some tenths late meets the same ones.
//  2. Each link tells in its log when it read which packet. What mm-link read is given to package link, at the same milliseconds, without
//     a clock: the departures have to be exactly those of mm-link's log, however busy the machine is (replay).
//  3. The kernel stamps each packet when it comes out. What left the queue has to come, and nothing else, of our own however busy the
//     machine is. Compared is the instant, since the start of the trace (compare).
//  4. A packet that the machine sent, or a link read, in another millisecond than planned meets another place in the queue, and where
//     a packet takes 50 ms, all that follow come 50 ms later. So what the two links make of different arrivals, by step 2, does not count
//     as a difference between them.
//  5. Instants are right only as far as the machine wakes in time whoever waits for one. Threads that do nothing else tell how late that
//     is: the senders, and one beside our own link. Where they are late, differences in time say nothing, and the attempt is repeated.
//
// What differs by nature, and is within the bounds: mahimahi's clock has whole milliseconds, so that it sends on up to 1 ms after
// the opportunity, on average half of that; and what comes within one millisecond comes at the same time for it.

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
	udpHeaders                    = 28  // bytes of IP and UDP
	// inTime is how late wake-ups of the machine may be at p99, for differences in time to be held against a link.
	inTime = 800 * time.Microsecond
	// apart is how far the instants may be apart at p99.
	apart = 2 * ms
	// A difference that is in the link comes again: of so many attempts, so many must show one.
	attempts, proofs = 3, 2
	// probeEvery is how often wake-ups are measured beside our own link.
	probeEvery = 2 * ms
)

// mahimahiCases are what is compared. The same arrivals give exactly the same departures where the queue's decisions hang on whole packets in
// the queue alone; CoDel's and PIE's hang on times, in mahimahi on those of late wake-ups, and PIE's on its own dice.
var mahimahiCases = []struct {
	trace, queue string
	exact        bool
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
			different, faults := 0, []string(nil)
			for range attempts {
				theirs := throughMahimahi(t, mmLink, path, queue, stream)
				same := theirs.replay(t, tr, queue)
				if c.exact && !same {
					t.Fatal("package link and mm-link make different things of the same arrivals")
				}
				ours := throughShell(t, tr, queue, stream)
				if wrong := ours.wrong(stream); wrong > 0 {
					t.Fatalf("%d packets came through our own link though its log says that they did not leave, or the other way round", wrong)
				}
				verdict := compare(t, stream, ours, theirs, c.exact)
				if len(verdict) == 0 {
					return
				}
				late := max(ours.late, theirs.late)
				if c.exact {
					late = max(late, theirs.onward()-ms) // a millisecond is its clock's
				}
				if late >= inTime {
					t.Logf("this machine wakes threads up to %v late (p99), so this does not count: %s", late, strings.Join(verdict, "; "))
					continue
				}
				different, faults = different+1, verdict
			}
			if different >= proofs {
				t.Fatalf("%d times of %d: %s", different, attempts, strings.Join(faults, "; "))
			}
			t.Skipf("skipped: this machine was too busy in %d of %d attempts to tell", attempts-different, attempts)
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
			credit -= float64(bytes + udpHeaders + link.TUNHeaderBytes)
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

// outcome is what came of a stream, by the number of the packet. Instants are on the trace.
type outcome struct {
	came map[int]time.Duration // out of the link
	sent map[int]time.Duration // of those that came
	read []time.Duration       // when the link read each; mm-link tells whole milliseconds
	left map[int]time.Duration // when those that were not dropped left the queue
	late time.Duration         // wake-ups of this machine meanwhile, at p99
	log  mahimahiLog           // of mm-link
}

// wrong counts the packets that did not come though they left the queue, or came though they did not.
func (o *outcome) wrong(s stream) (count int) {
	for i := range s {
		_, came := o.came[i]
		if _, left := o.left[i]; came != left {
			count++
		}
	}
	return count
}

// onward is how long after their departure from the queue packets came out, at p99.
func (o *outcome) onward() time.Duration {
	var took []time.Duration
	for i, came := range o.came {
		took = append(took, came-o.left[i])
	}
	return percentile(took, 99)
}

// percentile returns the value that so many of a hundred do not exceed; 0 if there are none.
func percentile(values []time.Duration, p int) time.Duration {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[(len(values)-1)*p/100].Round(time.Microsecond)
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
	if o.log, err = readMahimahiLog(logPath); err != nil {
		t.Fatal(err)
	}
	for _, p := range o.log.read {
		if !p.foreign() {
			o.read = append(o.read, p.at)
		}
	}
	if len(o.read) != len(s) {
		t.Fatalf("mm-link's log has %d packets, but %d were sent", len(o.read), len(s))
	}
	return o
}

// throughShell sends a stream through our own.
func throughShell(t *testing.T, tr *trace.Trace, queue link.Queue, s stream) outcome {
	dir := t.TempDir()
	if err := s.write(dir); err != nil {
		t.Fatal(err)
	}
	var records []link.Record
	up := link.Config{Trace: tr, Queue: queue, Log: func(r link.Record) { records = append(records, r) }}
	sh := open(t, shell.Config{Up: up, PrivateOutside: true})
	server, err := sh.Outside().ListenPacket(t.Context(), "udp", sh.Outside().Address().String()+":0")
	if err != nil {
		t.Fatal(err)
	}
	began := sh.Begin()
	probed := probe()
	cmd := helper("hurried", "/proc/self/exe", sh.Outside().Address().String(), portOf(server), dir, strconv.FormatInt(began.UnixNano(), 10))
	o := collect(t, s, cmd, func() error { return sh.Inside().Start(cmd) }, server, func() time.Time { return began })
	wakeUps := probed()
	if err := sh.Close(); err != nil {
		t.Error(err)
	}
	if len(records) != len(s) {
		t.Fatalf("the log has %d packets, but %d were sent", len(records), len(s))
	}
	// The log is in the order of departures and drops; the packets arrived in the order of their numbers.
	slices.SortStableFunc(records, func(a, b link.Record) int { return a.Arrival.Compare(b.Arrival) })
	for i, p := range s {
		for j := i + 1; j < len(records) && records[j].Arrival.Equal(records[i].Arrival) && records[i].Size != p.Bytes+udpHeaders; j++ {
			records[i], records[j] = records[j], records[i]
		}
		o.read = append(o.read, records[i].Arrival.Sub(began))
		if records[i].Fate == link.Delivered {
			o.left[i] = records[i].Departure.Sub(began)
		}
	}
	t.Logf("wake-ups beside our own link are late by %v, its sender by %v (p99)", wakeUps, o.late)
	o.late = max(o.late, wakeUps)
	return o
}

// probe measures from now on how late this machine wakes a thread in the same hurry as those of the link. What it returns ends that, and tells
// by how much at p99.
func probe() (end func() time.Duration) {
	stop, result := make(chan struct{}), make(chan time.Duration)
	go func() {
		runtime.LockOSThread() // the thread ends with it
		thread.Hurry()
		var late []time.Duration
		for next := time.Now(); ; {
			select {
			case <-stop:
				result <- percentile(late, 99)
				return
			default:
			}
			next = next.Add(probeEvery)
			thread.Sleep(time.Until(next))
			late = append(late, time.Since(next))
		}
	}()
	return func() time.Duration {
		close(stop)
		return <-result
	}
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
	o := outcome{came: map[int]time.Duration{}, sent: map[int]time.Duration{}, left: map[int]time.Duration{}}
	var late []time.Duration
	zero := began()
	for _, p := range packets {
		if p.number >= len(s) {
			t.Fatalf("a packet with number %d", p.number)
		}
		o.came[p.number], o.sent[p.number] = p.came.Sub(zero), p.sent.Sub(zero)
		late = append(late, o.sent[p.number]-s[p.number].At)
	}
	o.late = percentile(late, 99)
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

// mahimahiLog is what mm-link read and what left its queue, in order.
type mahimahiLog struct{ read, departed []mahimahiPacket }

type mahimahiPacket struct {
	at   time.Duration // on the trace, whole milliseconds
	cost int           // bytes, with those of the TUN device
}

// foreign tells whether it is none of ours, but of the kernel's own, which are shorter.
func (p mahimahiPacket) foreign() bool { return p.cost <= minBytes }

func readMahimahiLog(path string) (log mahimahiLog, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return log, err
	}
	base := 0
	for line := range strings.Lines(string(text)) {
		var at, cost int
		if n, _ := fmt.Sscanf(line, "# base timestamp: %d", &at); n == 1 {
			base = at
		} else if n, _ := fmt.Sscanf(line, "%d + %d", &at, &cost); n == 2 {
			log.read = append(log.read, mahimahiPacket{time.Duration(at-base) * ms, cost})
		} else if n, _ := fmt.Sscanf(line, "%d - %d", &at, &cost); n == 2 {
			log.departed = append(log.departed, mahimahiPacket{time.Duration(at-base) * ms, cost})
		}
	}
	return log, nil
}

// replay gives what mm-link read to package link, and tells whether the same left. It notes when each packet of ours did.
func (o *outcome) replay(t *testing.T, tr *trace.Trace, queue link.Queue) (same bool) {
	t.Helper()
	const foreign = -1
	zero := time.Unix(0, 0)
	l := link.New(link.Config{Trace: tr, Queue: queue}, zero)
	number := 0
	for _, p := range o.log.read {
		payload := foreign
		if !p.foreign() {
			payload = number
			number++
		}
		l.Send(zero.Add(p.at), p.cost-link.TUNHeaderBytes, payload)
	}
	theirs := o.log.departed
	if len(theirs) == 0 {
		t.Fatal("nothing left mm-link")
	}
	var ours []mahimahiPacket
	for _, d := range l.Deliver(zero.Add(theirs[len(theirs)-1].at)) {
		ours = append(ours, mahimahiPacket{d.At.Sub(zero), d.Size + link.TUNHeaderBytes})
		if n := d.Payload.(int); n != foreign {
			o.left[n] = d.At.Sub(zero)
		}
	}
	same = slices.Equal(ours, theirs)
	for i := range min(len(ours), len(theirs)) {
		if ours[i] != theirs[i] {
			t.Logf("departure %d of package link is %+v, of mm-link %+v", i, ours[i], theirs[i])
			break
		}
	}
	t.Logf("from the arrivals of mm-link's log: %d departures, of package link %d, %d dropped; the same: %v", len(theirs),
		len(ours), l.Counters().Dropped.Packets, same)
	return same
}

// compare is the judgement of instants. exact tells whether it is known when packets left mm-link's queue.
func compare(t *testing.T, s stream, ours, theirs outcome, exact bool) (faults []string) {
	t.Helper()
	var distance, beyond, reading []time.Duration
	onlyOurs, onlyTheirs, moved := 0, 0, 0
	for i, p := range s {
		a, cameOurs := ours.came[i]
		b, cameTheirs := theirs.came[i]
		if cameOurs {
			reading = append(reading, ours.read[i]-ours.sent[i])
		}
		switch {
		case cameOurs && cameTheirs:
			distance = append(distance, (b - a).Abs())
			beyond = append(beyond, ((b - theirs.left[i]) - (a - ours.left[i])).Abs())
		case cameOurs:
			onlyOurs++
		case cameTheirs:
			onlyTheirs++
		}
		if ours.read[i].Truncate(ms) != theirs.read[i] || theirs.read[i] != p.At.Truncate(ms) {
			moved++
		}
	}
	if len(distance) == 0 {
		t.Fatal("nothing came through both")
	}
	t.Logf("%d packets: %d came through both, apart by p50 %v, p99 %v, max %v; lost by both %d, by mahimahi alone %d, by ours alone %d; "+
		"%d sent or read in another millisecond than planned", len(s), len(distance), percentile(distance, 50), percentile(distance, 99),
		percentile(distance, 100), len(s)-len(distance)-onlyOurs-onlyTheirs, onlyOurs, onlyTheirs, moved)
	read, sent := percentile(reading, 99), ours.onward()
	t.Logf("our own link read %v after the sending and sent on %v after the departure (p99)", read, sent)
	if max(read, sent) > apart {
		faults = append(faults, fmt.Sprintf("our own link reads %v and sends on %v late at p99, want %v at most", read, sent, apart))
	}
	if !exact {
		return faults
	}
	t.Logf("apart beyond what the arrivals explain by p50 %v, p99 %v; mm-link sent on %v after the departure (p99)", percentile(beyond, 50),
		percentile(beyond, 99), theirs.onward())
	if is := percentile(beyond, 99); is > apart {
		faults = append(faults, fmt.Sprintf("departures are %v apart at p99 beyond what the arrivals explain, want %v at most", is, apart))
	}
	return faults
}

// TestComparison judges made-up outcomes: what different arrivals explain is no fault, all else is.
func TestComparison(t *testing.T) {
	const packets = 300
	var s stream
	for i := range packets {
		s = append(s, streamPacket{At: time.Duration(i)*ms + soonAfter, Bytes: minBytes})
	}
	// made returns an outcome in which packets from the 100th on leave so much later than 10 ms after their sending, and come so much later
	// than they leave.
	made := func(leaveLater, comeLater time.Duration) outcome {
		o := outcome{came: map[int]time.Duration{}, sent: map[int]time.Duration{}, left: map[int]time.Duration{}}
		for i, p := range s {
			o.sent[i], o.read = p.At, append(o.read, p.At)
			o.left[i] = p.At + 10*ms
			if i >= 100 {
				o.left[i] += leaveLater
			}
			o.came[i] = o.left[i] + soonAfter
			if i >= 100 {
				o.came[i] += comeLater
			}
		}
		return o
	}
	good := made(0, 0)
	lost, ghost, slow := made(0, 0), made(0, 0), made(0, 0)
	delete(lost.came, 7)
	delete(ghost.left, 8)
	for i := range slow.read {
		slow.read[i] += 3 * ms
	}
	if good.wrong(s) != 0 || lost.wrong(s) != 1 || ghost.wrong(s) != 1 {
		t.Errorf("wrong counts %d, %d, %d", good.wrong(s), lost.wrong(s), ghost.wrong(s))
	}
	for name, c := range map[string]struct {
		ours, theirs outcome
		says         string // "": no fault
	}{
		"the same":                      {good, good, ""},
		"a place more in a slow queue":  {good, made(50*ms, 0), ""},
		"a place less in a slow queue":  {made(50*ms, 0), good, ""},
		"ours later than its queue":     {made(0, 3*ms), good, "sends on 3.1ms late"},
		"mahimahi later than its queue": {good, made(0, 3*ms), "3ms apart"},
		"ours reads late":               {slow, good, "reads 3ms"},
	} {
		if got := strings.Join(compare(t, s, c.ours, c.theirs, true), "; "); (got != "") != (c.says != "") || !strings.Contains(got, c.says) {
			t.Errorf("%s: %q, want %q", name, got, c.says)
		}
	}
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
