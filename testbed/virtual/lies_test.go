package virtual

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"salsify/transport/wire"
)

// lie changes a report. It may keep what it saw for later.
type lie func(random *rand.Rand, now time.Duration, report []byte) []byte

// told makes a lie of what changes a report's fields.
func told(change func(random *rand.Rand, r *wire.Report)) lie {
	return func(random *rand.Rand, _ time.Duration, report []byte) []byte {
		var r wire.Report
		if err := r.Parse(report, 0); err != nil {
			panic(err) // the receiver's own
		}
		change(random, &r)
		return r.Append(nil)
	}
}

// lies are by what they claim.
var lies = map[string]func() lie{
	"random bits": func() lie {
		return func(random *rand.Rand, _ time.Duration, report []byte) []byte {
			for range 1 + random.IntN(8) {
				bit := random.IntN(8 * len(report))
				report[bit/8] ^= 1 << (bit % 8)
			}
			return report
		}
	},
	"cut short": func() lie {
		return func(random *rand.Rand, _ time.Duration, report []byte) []byte {
			return report[:random.IntN(len(report))]
		}
	},
	"noise": func() lie {
		return func(random *rand.Rand, _ time.Duration, _ []byte) []byte {
			noise := make([]byte, random.IntN(100))
			for i := range noise {
				noise[i] = byte(random.Uint32())
			}
			if len(noise) > 1 && random.IntN(2) == 0 {
				noise[0], noise[1] = wire.Version<<4, 0
			}
			return noise
		}
	},
	"packets that were never sent": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { r.Highest += uint16(1 + random.IntN(40000)) })
	},
	"packets on their way have come": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { r.Highest += uint16(1 + random.IntN(8)) })
	},
	"packets that came have not": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) {
			for i := range r.Before {
				if random.IntN(4) == 0 {
					r.Before[i].Received = false
				}
			}
		})
	},
	"all states held": func() lie { return told(func(_ *rand.Rand, r *wire.Report) { r.Held = 1<<32 - 1 }) },
	"no state held":   func() lie { return told(func(_ *rand.Rand, r *wire.Report) { r.Held = 0 }) },
	"nothing decided": func() lie { return told(func(_ *rand.Rand, r *wire.Report) { r.Decided, r.Held = 0, 0 }) },
	"another state's name": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { r.Name[random.IntN(4)] ^= byte(1 + random.IntN(255)) })
	},
	"frames on their way decided": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { r.Decided += uint16(1 + random.IntN(5)) })
	},
	"frames that were never sent decided": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { r.Decided += uint16(1000 + random.IntN(60000)) })
	},
	"old reports again": func() lie {
		var old [][]byte
		return func(random *rand.Rand, _ time.Duration, report []byte) []byte {
			old = append(old, slices.Clone(report))
			return old[random.IntN(len(old))]
		}
	},
	"old reports with new numbers": func() lie {
		var old [][]byte
		return func(random *rand.Rand, _ time.Duration, report []byte) []byte {
			old = append(old, slices.Clone(report))
			again := slices.Clone(old[random.IntN(len(old))])
			copy(again[2:4], report[2:4])
			return again
		}
	},
	"arrivals at other times": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) {
			for i := range r.Before {
				r.Before[i].At += time.Duration(random.IntN(100)-50) * time.Millisecond
			}
		})
	},
	"a clock 3 s ahead":  func() lie { return told(func(_ *rand.Rand, r *wire.Report) { shift(r, 3*time.Second) }) },
	"a clock 3 s behind": func() lie { return told(func(_ *rand.Rand, r *wire.Report) { shift(r, -3*time.Second) }) },
	"a clock that jumps": func() lie {
		return told(func(random *rand.Rand, r *wire.Report) { shift(r, time.Duration(random.Int32())*time.Microsecond) })
	},
}

func shift(r *wire.Report, by time.Duration) {
	r.At += by
	for i := range r.Before {
		r.Before[i].At += by
	}
}

// TestLies: whatever the feedback claims for a while, no picture is shown out of order, and once it tells the truth again the
// pictures flow and both sides are in step (run). The bounds hold for all lies; the table says what was measured of the worst.
// Reports come encrypted and with a proof of their sender, so only the receiver itself could lie. What it claimed of the number of a
// report, or of when packets came, is believed for up to two windows of the base delay; then
// the estimate has to rise from next to nothing, and by then all must flow: with nine of ten seeds of random bits it does 10 s after the
// lie, with the tenth, which is the one here, 12 to 15 s after it.
func TestLies(t *testing.T) {
	const from, to, settled, end = 600 * time.Millisecond, 1800 * time.Millisecond, 16300 * time.Millisecond, 17300 * time.Millisecond
	figures := []figure{fresh(to, 1532, 2100), freeze(settled, end, 72, 130), shown(settled, end, 29, 22)}
	lying := func(t *testing.T, tell lie) {
		t.Parallel()
		random := rand.New(rand.NewPCG(3, 4))
		c := world(end, stretch{1 * mbit, 17 * second})
		c.Report = func(now time.Duration, report []byte) []byte {
			if now < from || now >= to {
				return report
			}
			return tell(random, now, report)
		}
		check(t, run(t, c), figures)
	}
	for name, begin := range lies {
		t.Run(name, func(t *testing.T) { lying(t, begin()) })
	}
	t.Run("a bit of everything", func(t *testing.T) {
		var all []lie
		for _, name := range slices.Sorted(maps.Keys(lies)) {
			all = append(all, lies[name]())
		}
		lying(t, func(random *rand.Rand, now time.Duration, report []byte) []byte {
			return all[random.IntN(len(all))](random, now, report)
		})
	})
}
