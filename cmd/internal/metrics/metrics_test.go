package metrics

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServe(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	value := 0.0
	address, err := Serve(ctx, "127.0.0.1:0", []Metric{
		{Name: "test_frames_total", Help: "Frames.", Count: true, Value: func() float64 { return value }},
		{Name: "test_delay_seconds", Help: "Delay.", Value: func() float64 { return 0.25 }},
	})
	if err != nil {
		t.Fatal(err)
	}
	value = 42
	response, err := http.Get("http://" + address.String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# HELP salsify_test_frames_total Frames.", "# TYPE salsify_test_frames_total counter", "salsify_test_frames_total 42",
		"# TYPE salsify_test_delay_seconds gauge", "salsify_test_delay_seconds 0.25", "go_goroutines ",
	} {
		if !strings.Contains(string(body), "\n"+line) && !strings.HasPrefix(string(body), line) {
			t.Errorf("no line %q in:\n%s", line, body)
		}
	}

	if _, err := Serve(ctx, address.String(), nil); err == nil || !strings.Contains(err.Error(), "give another address to --metrics") {
		t.Errorf("at a port that is taken: %v", err)
	}
	stop()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		r, err := client.Get("http://" + address.String() + "/metrics")
		if err != nil {
			break
		}
		r.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("still served after the context's end")
		}
	}
}

func TestAddress(t *testing.T) {
	for text, want := range map[string]bool{
		":9100": true, "localhost:0": true, "[::1]:9100": true,
		"": false, "9100": false, "localhost": false, ":70000": false, "h:web": false, "::1": false,
	} {
		if Address(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
