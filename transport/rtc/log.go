package rtc

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"log/slog"
	"sync"
	"time"

	"github.com/pion/logging"
)

// logsPerSecond bounds what pion and the HTTP server may log: both write a line for every bad datagram or connection.
const logsPerSecond = 20

// boundedLog passes lines on at the debug level, at most logsPerSecond.
type boundedLog struct {
	logger *slog.Logger

	mu      sync.Mutex
	second  time.Time // when the current second began
	lines   int       // in it
	dropped int       // in it
}

func (l *boundedLog) enabled() bool { return l.logger.Enabled(context.Background(), slog.LevelDebug) }

func (l *boundedLog) line(scope string, text func() string) {
	if !l.enabled() {
		return
	}
	l.mu.Lock()
	now, dropped := time.Now(), 0
	if now.Sub(l.second) >= time.Second {
		dropped = l.dropped
		l.second, l.lines, l.dropped = now, 0, 0
	}
	l.lines++
	pass := l.lines <= logsPerSecond
	if !pass {
		l.dropped++
	}
	l.mu.Unlock()
	if dropped > 0 {
		l.logger.Debug("more lines than are logged", "dropped", dropped)
	}
	if pass {
		l.logger.Debug(text(), "from", scope)
	}
}

// pionLog is pion's logger. Its levels say little about what matters here, so all above trace are debug.
type pionLog struct {
	scope string
	log   *boundedLog
}

func newPionLog(logger *slog.Logger) *pionLog { return &pionLog{log: &boundedLog{logger: logger}} }

// NewLogger implements logging.LoggerFactory.
func (p *pionLog) NewLogger(scope string) logging.LeveledLogger {
	return &pionLog{"pion/" + scope, p.log}
}

func (p *pionLog) print(text string) { p.log.line(p.scope, func() string { return text }) }
func (p *pionLog) printf(format string, args []any) {
	if p.log.enabled() { // before the closure takes hold of args
		p.log.line(p.scope, func() string { return fmt.Sprintf(format, args...) })
	}
}

func (p *pionLog) Trace(string)                      {}
func (p *pionLog) Tracef(string, ...any)             {}
func (p *pionLog) Debug(text string)                 { p.print(text) }
func (p *pionLog) Debugf(format string, args ...any) { p.printf(format, args) }
func (p *pionLog) Info(text string)                  { p.print(text) }
func (p *pionLog) Infof(format string, args ...any)  { p.printf(format, args) }
func (p *pionLog) Warn(text string)                  { p.print(text) }
func (p *pionLog) Warnf(format string, args ...any)  { p.printf(format, args) }
func (p *pionLog) Error(text string)                 { p.print(text) }
func (p *pionLog) Errorf(format string, args ...any) { p.printf(format, args) }

// httpLog is what net/http reports errors of connections to.
func httpLog(logger *slog.Logger) *log.Logger {
	return log.New(&lineWriter{boundedLog{logger: logger}}, "", 0)
}

type lineWriter struct{ log boundedLog }

func (w *lineWriter) Write(b []byte) (int, error) {
	w.log.line("http", func() string { return string(bytes.TrimSpace(b)) })
	return len(b), nil
}
