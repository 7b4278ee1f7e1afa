// Package metrics serves a command's counts and gauges to Prometheus.
package metrics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metric is one number, read whenever Prometheus asks.
type Metric struct {
	Name  string // without the prefix "salsify_"; a count's ends in "_total"
	Help  string
	Count bool // it only grows
	Value func() float64
}

// Address tells whether a text has the form [HOST]:PORT that Serve takes.
func Address(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

// Serve serves the metrics, and those of the Go runtime, at http://address/metrics until the context ends. It returns the
// address that it listens on.
func Serve(ctx context.Context, address string, list []Metric) (net.Addr, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, m := range list {
		if m.Count {
			registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: "salsify", Name: m.Name, Help: m.Help}, m.Value))
		} else {
			registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: "salsify", Name: m.Name, Help: m.Help}, m.Value))
		}
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("metrics cannot be served at %s: %w (give another address to --metrics, such as localhost:9100)", address, err)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go server.Serve(listener)
	context.AfterFunc(ctx, func() { server.Close() })
	return listener.Addr(), nil
}
