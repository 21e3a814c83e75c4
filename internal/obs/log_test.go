package obs

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/core"
)

func TestLoggerLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out, time.Now, WriterOptions{})
		log := NewLogger(w, slog.LevelInfo).With("node", 3)
		log.Debug("not at this level")
		log.Info("outbox: taken up", "messages", 7)
		closed(t, w)
		want := `{"time":"2000-01-01T00:00:00.000Z","level":"INFO","msg":"outbox: taken up","node":3,"messages":7}` + "\n"
		if got := out.String(); got != want {
			t.Errorf("got\n%swant\n%s", got, want)
		}
	})
}

func TestLoggerWritesWarningsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		w := NewWriter(out, time.Now, WriterOptions{})
		defer closed(t, w)
		log := NewLogger(w, slog.LevelInfo)
		log.WithGroup("g").Info("waits")
		synctest.Wait()
		if out.String() != "" {
			t.Fatal("an information did not wait")
		}
		log.WithGroup("g").Warn("does not wait")
		synctest.Wait()
		if got := strings.Count(out.String(), "\n"); got != 2 {
			t.Fatalf("%d lines, want 2", got)
		}
	})
}

// The canaries of requirement row 14.
const (
	canaryPhone = "13800138000"
	canaryCode  = "836452"
	canaryKey   = "kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z"
)

func checkNoCanary(t *testing.T, log string) {
	t.Helper()
	for _, canary := range []string{canaryPhone, canaryCode, canaryKey} {
		if strings.Contains(log, canary) {
			t.Errorf("the log shows %s:\n%s", canary, log)
		}
	}
}

func TestReq14_LoggerShowsNoNumberCodeOrSecret(t *testing.T) {
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{})
	phone, code, key := core.PhoneFromE164("+86"+canaryPhone), core.CodeFromDigits(canaryCode), core.NewSecret(canaryKey)
	log := NewLogger(w, slog.LevelDebug).With("phone", phone)
	log.Info("typed values", "phone", phone, "code", code, "key", key)
	log.Info("in a struct", "row", struct {
		Phone core.Phone
		Code  core.Code
		Key   core.Secret
	}{phone, code, key})
	log.Info(fmt.Sprintf("formatted %v %+v %#v %x %s", phone, code, key, phone, code))
	log.Warn("a carrier's own words", "error", errors.New("no route to +86"+canaryPhone+" via 86"+canaryPhone))
	log.Warn("an error about "+canaryPhone, "list", []string{canaryPhone})
	log.Error("group", slog.Group("g", "detail", "dest=0086"+canaryPhone))
	closed(t, w)
	checkNoCanary(t, out.String())
	if got := strings.Count(out.String(), "138****8000"); got < 8 {
		t.Errorf("%d masked numbers, want at least 8:\n%s", got, out.String())
	}
}

func TestReq14_LoggerLineCannotBeBroken(t *testing.T) {
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{})
	NewLogger(w, slog.LevelInfo).Info("a\r\n{\"level\":\"ERROR\"}", "k\ney", "v\r\n\u2028alue", "error", errors.New("two\nlines"))
	closed(t, w)
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\r") {
		t.Errorf("%q", out.String())
	}
	var line map[string]any
	if err := json.Unmarshal([]byte(out.String()), &line); err != nil || line["level"] != "INFO" || line["error"] != "two\nlines" {
		t.Errorf("%v %v", line, err)
	}
}
