package picture

import (
	"bytes"
	"image"
	"runtime"
	"runtime/debug"
	"testing"

	"pgregory.net/rapid"
)

func planes(p *Picture) []*Plane { return []*Plane{&p.Y, &p.U, &p.V} }

// fill gives every byte of a picture another value, borders too.
func fill(p *Picture, seed int) {
	for n, pl := range planes(p) {
		for i := range pl.Pix {
			pl.Pix[i] = byte(i*31 + i>>8*17 + n*5 + seed)
		}
	}
}

// copies gives the bytes of the planes as they are now.
func copies(p *Picture) (all [][]byte) {
	for _, pl := range planes(p) {
		all = append(all, bytes.Clone(pl.Pix))
	}
	return all
}

func TestSizes(t *testing.T) {
	for _, test := range []struct{ width, height, planeWidth, planeHeight int }{
		{1, 1, 16, 16}, {16, 16, 16, 16}, {17, 16, 32, 16}, {175, 143, 176, 144}, {1280, 720, 1280, 720},
	} {
		p := NewPool(test.width, test.height).Get()
		for n, pl := range planes(p) {
			w, h := test.planeWidth, test.planeHeight
			if n > 0 {
				w, h = w/2, h/2
			}
			if pl.Width != w || pl.Height != h {
				t.Errorf("%dx%d: plane %d is %dx%d, want %dx%d", test.width, test.height, n, pl.Width, pl.Height, w, h)
			}
			// The corners of the border are the first and the last byte.
			if pl.At(-Border, -Border) != 0 || pl.At(w+Border-1, h+Border-1) != len(pl.Pix)-1 {
				t.Errorf("%dx%d: plane %d does not fill its memory", test.width, test.height, n)
			}
		}
		if p.Visible.Rect != image.Rect(0, 0, test.width, test.height) {
			t.Errorf("%dx%d: %v is visible", test.width, test.height, p.Visible.Rect)
		}
	}
}

// TestVisible: the visible picture is a view of the planes.
func TestVisible(t *testing.T) {
	p := NewPool(21, 19).Get()
	fill(p, 3)
	for y := range 19 {
		for x := range 21 {
			got := p.Visible.YCbCrAt(x, y)
			if got.Y != p.Y.Pix[p.Y.At(x, y)] || got.Cb != p.U.Pix[p.U.At(x/2, y/2)] || got.Cr != p.V.Pix[p.V.At(x/2, y/2)] {
				t.Fatalf("pixel %d,%d is not that of the planes", x, y)
			}
		}
	}
}

// TestPlanesAreApart: writing all of one plane leaves the others.
func TestPlanesAreApart(t *testing.T) {
	p := NewPool(33, 17).Get()
	for n, pl := range planes(p) {
		for i := range pl.Pix {
			pl.Pix[i] = byte(n + 1)
		}
	}
	for n, pl := range planes(p) {
		for i, v := range pl.Pix {
			if v != byte(n+1) {
				t.Fatalf("byte %d of plane %d was written through another", i, n)
			}
		}
		if cap(pl.Pix) != len(pl.Pix) {
			t.Errorf("plane %d can grow into the next", n)
		}
	}
}

func TestExtendBorder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := NewPool(rapid.IntRange(1, 50).Draw(t, "width"), rapid.IntRange(1, 50).Draw(t, "height")).Get()
		fill(p, rapid.Int().Draw(t, "seed"))
		before := copies(p)
		p.ExtendBorder()
		for n, pl := range planes(p) {
			for y := -Border; y < pl.Height+Border; y++ {
				for x := -Border; x < pl.Width+Border; x++ {
					inside := pl.At(min(max(x, 0), pl.Width-1), min(max(y, 0), pl.Height-1))
					if pl.Pix[pl.At(x, y)] != before[n][inside] {
						t.Fatalf("plane %d: the pixel at %d,%d is not the nearest one inside", n, x, y)
					}
				}
			}
		}
	})
}

// TestExtendRow: a row that gets its border changes nothing of the picture, nor of what is beside other rows.
func TestExtendRow(t *testing.T) {
	const rows = 4
	for row := range rows {
		p := NewPool(40, rows*16).Get()
		fill(p, row)
		before := copies(p)
		p.ExtendRow(row)
		for n, pl := range planes(p) {
			size := pl.Height / rows
			for y := -Border; y < pl.Height+Border; y++ {
				for x := -Border; x < pl.Width+Border; x++ {
					i, want := pl.At(x, y), before[n][pl.At(x, y)]
					if nearest := min(max(y, 0), pl.Height-1); nearest/size == row {
						want = before[n][pl.At(min(max(x, 0), pl.Width-1), nearest)]
					}
					if pl.Pix[i] != want {
						t.Fatalf("row %d, plane %d: %d at %d,%d, want %d", row, n, pl.Pix[i], x, y, want)
					}
				}
			}
		}
	}
}

func TestIntraEdge(t *testing.T) {
	p := NewPool(20, 40).Get()
	fill(p, 9)
	before := bytes.Clone(p.Y.Pix)
	p.IntraEdge()
	for n, pl := range planes(p) {
		for x := -1; x < pl.Width+4; x++ { // 4 pixels beyond the last macroblock are looked at
			if v := pl.Pix[pl.At(x, -1)]; v != 127 {
				t.Errorf("plane %d: %d above column %d, want 127", n, v, x)
			}
		}
		for y := range pl.Height {
			if v := pl.Pix[pl.At(-1, y)]; v != 129 {
				t.Errorf("plane %d: %d to the left of row %d, want 129", n, v, y)
			}
		}
	}
	for y := range p.Y.Height {
		for x := range p.Y.Width {
			if i := p.Y.At(x, y); p.Y.Pix[i] != before[i] {
				t.Fatalf("the pixel at %d,%d inside the picture changed", x, y)
			}
		}
	}
}

// TestPool: the memory of a picture goes back to its pool when the last holder lets it go, and not before.
func TestPool(t *testing.T) {
	// Pools lose what they hold to the garbage collector, and have a place for each processor.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))

	pool := NewPool(16, 16)
	if !pool.Fits(16, 16) || pool.Fits(16, 15) || pool.Fits(15, 16) {
		t.Error("Fits is wrong about the size")
	}
	reused := 0
	for range 50 { // with the race detector, pools forget at random
		p := pool.Get()
		if p.Hold() != p {
			t.Fatal("Hold gives another picture")
		}
		p.Hold()
		p.Drop()
		p.Drop()
		q := pool.Get()
		if q == p {
			t.Fatal("the pool handed out a picture that still has a holder")
		}
		p.Drop()
		r := pool.Get()
		if r == p {
			reused++
		}
		r.Drop()
		q.Drop()
	}
	if reused == 0 {
		t.Error("no picture was ever used again")
	}
}
