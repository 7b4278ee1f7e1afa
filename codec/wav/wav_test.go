package wav_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"salsify/codec/wav"
)

func TestThereAndBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.wav")
	rapid.Check(t, func(t *rapid.T) {
		channels := rapid.IntRange(1, 2).Draw(t, "channels")
		samples := rapid.SliceOfN(rapid.Int16(), 1, 3000).Draw(t, "samples")
		samples = samples[:len(samples)/channels*channels]
		if len(samples) == 0 {
			return
		}
		file, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		w, err := wav.NewWriter(file, channels, 48000)
		if err = errors.Join(err, w.Write(samples)); err != nil {
			t.Fatal(err)
		}
		if rapid.Bool().Draw(t, "closed") { // else it is as a crash leaves it
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
		}
		info, _ := file.Stat()
		f, err := wav.Open(file, info.Size())
		if err != nil || f.Channels != channels || f.Rate != 48000 || f.Samples != int64(len(samples)/channels) {
			t.Fatalf("%+v, %v", f, err)
		}
		at := rapid.IntRange(0, len(samples)/channels-1).Draw(t, "at")
		got := make([]int16, len(samples))
		n, err := f.Read(got, int64(at))
		if err != nil || !slices.Equal(got[:n*channels], samples[at*channels:]) {
			t.Fatalf("from %d: %d samples, %v", at, n, err)
		}
		if n, err := f.Read(got, f.Samples); err == nil {
			t.Fatalf("%d samples after the end", n)
		}
	})
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\xbb\x00\x00\x00\x77\x01\x00\x02\x00\x10\x00data\x04\x00\x00\x00abcd"))
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVELIST\x03\x00\x00\x00abcdfmt \x10\x00\x00\x00\x01\x00\x02\x00\x80\xbb\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := wav.Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, wav.ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		samples := make([]int16, 100)
		for at := int64(0); at < file.Samples; {
			n, err := file.Read(samples, at)
			if err != nil || n == 0 {
				t.Fatalf("%d of %d samples: %v", at, file.Samples, err)
			}
			at += int64(n)
		}
	})
}
