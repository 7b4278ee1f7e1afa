package emulator_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"salsify/testbed/emulator"
	"salsify/testbed/link"
	"salsify/testbed/trace"
)

const (
	ms = time.Millisecond
	// patience is how long a test waits for what must come, and silence how long for what must not.
	patience = 5 * time.Second
	silence  = 100 * ms
)

type delivered struct {
	way  emulator.Way
	data string
	tag  any
	at   time.Time
}

// start starts an emulator, and returns what comes out of it.
func start(t *testing.T, config emulator.Config) (*emulator.Emulator, <-chan delivered) {
	t.Helper()
	out := make(chan delivered, 100_000)
	e, err := emulator.New(config, func(way emulator.Way, data []byte, tag any) error {
		out <- delivered{way, string(data), tag, time.Now()}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e, out
}

func send(e *emulator.Emulator, way emulator.Way, text string) {
	e.Send(way, time.Now(), len(text), []byte(text), nil)
}

// next returns the next packet, or false if none comes in time.
func next(out <-chan delivered, within time.Duration) (delivered, bool) {
	select {
	case d := <-out:
		return d, true
	case <-time.After(within):
		return delivered{}, false
	}
}

func TestBeforeBeginNothingIsLost(t *testing.T) {
	slow, err := trace.Read(strings.NewReader("60000\n"))
	if err != nil {
		t.Fatal(err)
	}
	tail := link.Queue{Policy: link.DropTail, Packets: 1}
	e, out := start(t, emulator.Config{
		Up:   link.Config{Trace: slow, Delay: 20 * ms, Queue: tail},
		Down: link.Config{Loss: 1, Delay: 40 * ms, Outages: []link.Outage{{To: time.Hour}}},
	})
	began := time.Now()
	for i := range 10 {
		send(e, emulator.Up, fmt.Sprint(i))
		send(e, emulator.Down, fmt.Sprint(i))
	}
	for i := range 20 {
		d, ok := next(out, patience)
		want, delay := emulator.Up, 20*ms
		if i >= 10 {
			want, delay = emulator.Down, 40*ms
		}
		if took := d.at.Sub(began); !ok || d.way != want || d.data != fmt.Sprint(i%10) || took < delay {
			t.Fatalf("%d: %+v after %v, want %d of way %v after %v", i, d, took, i%10, want, delay)
		}
	}
	if stats := e.Stats(); stats.Up.Sent.Packets != 0 || stats.Up.OfferedBytes != 0 {
		t.Errorf("%+v is counted before Begin", stats)
	}
	e.Begin()
	for range 3 {
		send(e, emulator.Up, "x")
		send(e, emulator.Down, "x")
	}
	if d, ok := next(out, silence); ok {
		t.Errorf("after Begin %+v came out", d)
	}
	if stats := e.Stats(); stats.Up.Sent.Packets != 3 || stats.Up.Dropped.Packets != 2 || stats.Down.Sent.Packets != 3 {
		t.Errorf("%+v, want 3 packets each way, and 2 of them dropped by the uplink", stats)
	}
}

func TestBeginKeepsWhatIsOnItsWay(t *testing.T) {
	var csv bytes.Buffer
	e, out := start(t, emulator.Config{Up: link.Config{Delay: 60 * ms}, PacketLog: &csv})
	sent := time.Now()
	send(e, emulator.Up, "before")
	time.Sleep(30 * ms)
	began := e.Begin()
	again := e.Begin()
	send(e, emulator.Up, "after")
	for i, want := range []string{"before", "after"} {
		d, ok := next(out, patience)
		if !ok || d.data != want {
			t.Fatalf("%d: %+v, want %q", i, d, want)
		}
		if took := d.at.Sub(sent); i == 0 && took > 85*ms {
			t.Errorf("Begin held a packet up: it took %v", took)
		}
	}
	if began != again {
		t.Errorf("two beginnings: %v, %v", began, again)
	}
	if stats := e.Stats(); stats.Up.Delivered.Packets != 1 || stats.Up.DelayP50 != 60*ms || stats.Up.DelayMax != 60*ms {
		t.Errorf("%+v, want one packet with a delay of 60ms", stats.Up)
	}
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(csv.String()), "\n")
	var arrival, departure float64
	if len(lines) != 2 {
		t.Fatalf("log %q, want one packet", lines)
	}
	n, err := fmt.Sscanf(lines[1], "up,%f,%f,5,", &arrival, &departure)
	if n != 2 || arrival < 0 || arrival > 20 {
		t.Errorf("line %q: %v, want the arrival soon after Begin", lines[1], err)
	}
}

// TestPayloads sends many packets of all lengths, whose memory is used again and again, by several goroutines.
func TestPayloads(t *testing.T) {
	for name, config := range map[string]link.Config{
		"":                 {Delay: 3 * ms},
		"reordered":        {Delay: ms, Reorder: 0.3, ReorderDelay: 5 * ms},
		"doubled":          {Delay: ms, Duplicate: 0.5},
		"doubled and lost": {Duplicate: 0.5, Loss: 0.3},
		"dropped":          {Trace: constant(t), Queue: link.Queue{Policy: link.DropTail, Packets: 10}},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			seen := map[uint32]int{}
			faults := 0
			e, err := emulator.New(emulator.Config{Up: config, Down: config}, func(way emulator.Way, data []byte, tag any) error {
				mu.Lock()
				defer mu.Unlock()
				number := binary.BigEndian.Uint32(data)
				if !bytes.Equal(data, payload(number)) || tag != way {
					faults++
				}
				seen[number]++
				return errors.New("counted")
			})
			if err != nil {
				t.Fatal(err)
			}
			e.Begin()
			var senders sync.WaitGroup
			for s := range uint32(4) {
				senders.Go(func() {
					for i := range uint32(2000) {
						number := s<<16 | i
						way := emulator.Way(s % 2)
						data := payload(number)
						e.Send(way, time.Now(), len(data), data, way)
						if i%100 == 0 {
							time.Sleep(ms)
						}
					}
				})
			}
			senders.Wait()
			inside := func(d emulator.Direction) int64 {
				return d.Sent.Packets - d.Dropped.Packets - d.Lost.Packets + d.Duplicated.Packets - d.Delivered.Packets
			}
			for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(ms) {
				if s := e.Stats(); inside(s.Up)+inside(s.Down) == 0 {
					break
				}
			}
			if err := e.Close(); err != nil {
				t.Fatal(err)
			}
			stats, total := e.Stats(), 0
			for _, n := range seen {
				total += n
			}
			if want := stats.Up.Delivered.Packets + stats.Down.Delivered.Packets; int64(total) != want || stats.WriteErrors != want || want < 100 {
				t.Errorf("%d packets came out, %d were refused, %d were counted", total, stats.WriteErrors, want)
			}
			if faults != 0 {
				t.Errorf("%d packets came out with what is another's", faults)
			}
		})
	}
}

func constant(t *testing.T) *trace.Trace {
	tr, err := trace.Constant(80_000_000, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// payload returns the contents of a packet, by which it is known.
func payload(number uint32) []byte {
	length := []int{4, 100, 256, 257, 1500, 1536, 1537, 9000}[number%8]
	data := bytes.Repeat([]byte{byte(number)}, length)
	binary.BigEndian.PutUint32(data, number)
	return data
}

func TestCut(t *testing.T) {
	e, out := start(t, emulator.Config{Up: link.Config{Delay: 30 * ms}})
	e.Begin()
	send(e, emulator.Up, "on its way")
	e.Cut(true)
	send(e, emulator.Up, "into the gap")
	if d, ok := next(out, silence); ok || !e.IsCut() {
		t.Errorf("%+v passed a cut wire", d)
	}
	e.Cut(false)
	if got := e.Stats().CutPackets; got != 2 || e.IsCut() {
		t.Errorf("%d packets were dropped, want 2", got)
	}
	send(e, emulator.Up, "after")
	if d, ok := next(out, patience); !ok || d.data != "after" {
		t.Errorf("%+v came after the cut", d)
	}
}

func TestAfterClose(t *testing.T) {
	e, out := start(t, emulator.Config{Up: link.Config{Delay: 20 * ms}})
	e.Begin()
	send(e, emulator.Up, "on its way")
	if err := errors.Join(e.Close(), e.Close()); err != nil {
		t.Fatal(err)
	}
	send(e, emulator.Up, "late")
	if d, ok := next(out, silence/2); ok {
		t.Errorf("%+v came out of a closed emulator", d)
	}
}

func TestNewRefuses(t *testing.T) {
	for want, config := range map[string]emulator.Config{
		"uplink":   {Up: link.Config{Loss: 2}},
		"downlink": {Down: link.Config{Delay: -1}},
	} {
		if e, err := emulator.New(config, nil); err == nil {
			e.Close()
			t.Errorf("a bad %s was accepted", want)
		} else if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q, want one with %q", err, want)
		}
	}
}
