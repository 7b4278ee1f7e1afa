package assembly_test

import (
	"testing"
	"time"

	"salsify/transport/assembly"
)

func TestFirstArrival(t *testing.T) {
	var a assembly.Assembler
	packets := cut(1, dataOf(1, 2000), 1000)
	a.Add(start, &packets[1])
	if f := a.Add(start.Add(time.Second), &packets[0]); f == nil || !f.First.Equal(start) {
		t.Errorf("the first packet came at %v, not %v", f.First, start)
	}
}

func TestWholeOnceAfterAJump(t *testing.T) {
	var a assembly.Assembler
	old, packets := cut(5, dataOf(5, 2000), 1000), cut(5+1024, []byte{1}, 1)
	a.Add(start, &old[0])
	if a.Add(start, &packets[0]) == nil {
		t.Fatal("not whole")
	}
	a.GiveUp(6)
	if a.Add(start, &packets[0]) != nil {
		t.Error("the frame is whole twice")
	}
}
