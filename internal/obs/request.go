package obs

import (
	"errors"
	"log/slog"
	"strconv"
	"sync"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// Requests is the facade.Observer: one line of the log and the counters of
// each request. It is on the path of every request, so the line is appended by
// hand into a buffer that is used again.
type Requests struct {
	out     *Writer
	level   slog.Leveler
	metrics *Metrics
	lines   sync.Pool
}

// NewRequests observes into a log, from level on, and into metrics.
func NewRequests(out *Writer, level slog.Leveler, m *Metrics) *Requests {
	return &Requests{out: out, level: level, metrics: m, lines: sync.Pool{New: func() any {
		line := make([]byte, 0, 1024)
		return &line
	}}}
}

// keptLine is the largest buffer that is kept for another line, in bytes.
const keptLine = 16 << 10

// Observe logs and counts one request.
func (r *Requests) Observe(e facade.Event) {
	r.metrics.observe(&e)
	level := levelOf(e.Err)
	if level < r.level.Level() {
		return
	}
	buffer := r.lines.Get().(*[]byte)
	line := appendEvent((*buffer)[:0], &e, level)
	_, _ = r.out.Write(ScrubNumbers(line)) // lost lines are counted
	if level >= slog.LevelWarn {
		r.out.Urgent()
	}
	if cap(line) <= keptLine {
		*buffer = line
		r.lines.Put(buffer)
	}
}

// levelOf is ERROR for what is our fault, WARN for what an operator should
// know, INFO for everything that a caller can bring about.
func levelOf(err *core.Error) slog.Level {
	if err == nil {
		return slog.LevelInfo
	}
	switch err.Kind {
	case core.KindInternal:
		return slog.LevelError
	case core.KindOverloaded, core.KindProvisioningUnreachable, core.KindProvisioningRefused:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// appendEvent appends the line. Members whose value is not known are left out.
func appendEvent(b []byte, e *facade.Event, level slog.Level) []byte {
	b = append(b, `{"time":"`...)
	b = appendTime(b, e.Time)
	b = append(b, `","level":"`...)
	b = append(b, level.String()...)
	b = append(b, `","msg":"request"`...)
	b = appendText(b, "request_id", e.RequestID)
	b = appendText(b, "facade", e.Facade)
	b = appendText(b, "route", e.Route)
	if e.App != 0 {
		b = appendNumber(b, "app", int64(e.App))
	}
	if !e.Phone.IsZero() {
		b = appendText(b, "phone", e.Phone.Masked())
	}
	if e.Source.IsValid() {
		b = append(b, `,"source":"`...)
		b = e.Source.WithZone("").AppendTo(b)
		b = append(b, '"')
	}
	b = appendNumber(b, "status", int64(e.Status))
	b = appendText(b, "code", e.Code)
	b = appendNumber(b, "duration_us", e.Duration.Microseconds())
	if e.Err != nil {
		b = appendError(b, e.Err, level)
	}
	b = appendText(b, "stack", string(e.Stack))
	return append(b, "}\n"...)
}

// appendError says why. The cause is for what is not the caller's doing: it
// may be another system's text.
func appendError(b []byte, err *core.Error, level slog.Level) []byte {
	b = appendText(b, "kind", err.Kind.String())
	b = appendText(b, "field", err.Field)
	b = appendText(b, "detail", err.Detail)
	if err.RetryAfter > 0 {
		b = appendNumber(b, "retry_after_s", err.RetrySeconds())
	}
	if cause := errors.Unwrap(err); cause != nil && level >= slog.LevelWarn {
		b = appendText(b, "cause", cause.Error())
	}
	return b
}

func appendText(b []byte, name, value string) []byte {
	if value == "" {
		return b
	}
	b = appendName(b, name)
	return facade.AppendString(b, value)
}

func appendNumber(b []byte, name string, value int64) []byte {
	return strconv.AppendInt(appendName(b, name), value, 10)
}

func appendName(b []byte, name string) []byte {
	b = append(b, `,"`...)
	b = append(b, name...)
	return append(b, `":`...)
}
