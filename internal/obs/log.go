package obs

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// timeFormat of every line: UTC, to the millisecond.
const timeFormat = "2006-01-02T15:04:05.000Z"

// NewLogger logs JSON lines to w from level on. Warnings and errors are
// written out at once. A carriage return or line feed in a value stays inside
// its JSON string, and what looks like a telephone number is masked.
func NewLogger(w *Writer, level slog.Leveler) *slog.Logger {
	json := slog.NewJSONHandler(scrubbing{w}, &slog.HandlerOptions{Level: level, ReplaceAttr: utcTime})
	return slog.New(&handler{json: json, writer: w})
}

func utcTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
		return slog.String(slog.TimeKey, a.Value.Time().UTC().Format(timeFormat))
	}
	return a
}

// handler is the JSON handler that does not let warnings wait.
type handler struct {
	json   slog.Handler
	writer *Writer
}

// Enabled is the JSON handler's.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.json.Enabled(ctx, level)
}

// Handle writes the record.
func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	err := h.json.Handle(ctx, r)
	if r.Level >= slog.LevelWarn {
		h.writer.Urgent()
	}
	return err
}

// WithAttrs keeps the attributes for every record.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{json: h.json.WithAttrs(attrs), writer: h.writer}
}

// WithGroup keeps the group for every record.
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{json: h.json.WithGroup(name), writer: h.writer}
}

// scrubbing masks numbers in lines on their way.
type scrubbing struct{ out io.Writer }

// Write masks and writes one line.
func (s scrubbing) Write(line []byte) (int, error) { return s.out.Write(ScrubNumbers(line)) }

func appendTime(dst []byte, t time.Time) []byte { return t.UTC().AppendFormat(dst, timeFormat) }
