package obs

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

func observed(t *testing.T, level slog.Level, events ...facade.Event) string {
	t.Helper()
	out := &sink{}
	w := NewWriter(out, time.Now, WriterOptions{})
	r := NewRequests(w, level, NewMetrics())
	for _, e := range events {
		r.Observe(e)
	}
	closed(t, w)
	return out.String()
}

func getCode() facade.Event {
	return facade.Event{Time: time.Date(2026, 3, 1, 8, 0, 0, 123_000_000, time.FixedZone("", 8*3600)), Duration: 1234567 * time.Nanosecond,
		RequestID: "00041061050r3gg28a1c60t3gf", Facade: "yunbox", Route: "get-code", App: 7,
		Phone: core.PhoneFromE164("+8613800138000"), Source: netip.MustParseAddr("203.0.113.9"), Status: 200}
}

func TestRequestLine(t *testing.T) {
	refused := getCode()
	refused.Status, refused.Code = 429, "0074"
	refused.Err = core.RetryIn(core.KindRateLimited, 59_100*time.Millisecond, "number_app")
	broken := getCode()
	broken.Status, broken.Code, broken.Stack = 500, "-1", []byte("goroutine 1\n\tmain.go:1")
	broken.Err = core.Wrap(core.KindInternal, errors.New("disk \"full\""), "the store failed")
	unknown := facade.Event{Time: getCode().Time, Facade: facade.NativeFacade, Status: 404, Code: "not_found",
		Err: core.E(core.KindUnknownPath, ""), Source: netip.MustParseAddr("fe80::1%eth0")}
	bad := facade.Event{Time: getCode().Time, Facade: "yunbox", Route: "get-code", Status: 200, Code: "0072",
		Err: core.Wrap(core.KindMissingField, errors.New("not shown"), "")}
	bad.Err.Field = "phone_no"

	for _, c := range []struct {
		name  string
		event facade.Event
		want  string
	}{
		{"success", getCode(), `{"time":"2026-03-01T00:00:00.123Z","level":"INFO","msg":"request","request_id":"00041061050r3gg28a1c60t3gf","facade":"yunbox","route":"get-code","app":7,"phone":"138****8000","source":"203.0.113.9","status":200,"duration_us":1234}`},
		{"refused", refused, `{"time":"2026-03-01T00:00:00.123Z","level":"INFO","msg":"request","request_id":"00041061050r3gg28a1c60t3gf","facade":"yunbox","route":"get-code","app":7,"phone":"138****8000","source":"203.0.113.9","status":429,"code":"0074","duration_us":1234,"kind":"rate_limited","detail":"number_app","retry_after_s":60}`},
		{"ours", broken, `{"time":"2026-03-01T00:00:00.123Z","level":"ERROR","msg":"request","request_id":"00041061050r3gg28a1c60t3gf","facade":"yunbox","route":"get-code","app":7,"phone":"138****8000","source":"203.0.113.9","status":500,"code":"-1","duration_us":1234,"kind":"internal","detail":"the store failed","cause":"disk \"full\"","stack":"goroutine 1\n\tmain.go:1"}`},
		{"unknown path", unknown, `{"time":"2026-03-01T00:00:00.123Z","level":"INFO","msg":"request","facade":"native","source":"fe80::1","status":404,"code":"not_found","duration_us":0,"kind":"unknown_path"}`},
		{"the caller's mistake", bad, `{"time":"2026-03-01T00:00:00.123Z","level":"INFO","msg":"request","facade":"yunbox","route":"get-code","status":200,"code":"0072","duration_us":0,"kind":"missing_field","field":"phone_no"}`},
	} {
		if got := observed(t, slog.LevelInfo, c.event); got != c.want+"\n" {
			t.Errorf("%s:\n%swant\n%s", c.name, got, c.want)
		}
	}
}

func TestRequestLevels(t *testing.T) {
	var events []facade.Event
	for _, kind := range core.Kinds() {
		e := getCode()
		e.Err = core.E(kind, "")
		events = append(events, e)
	}
	got := observed(t, slog.LevelWarn, append(events, getCode())...)
	var kinds []string
	for line := range strings.Lines(got) {
		var v struct{ Level, Kind string }
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, v.Level+" "+v.Kind)
	}
	want := "ERROR internal, WARN provisioning_unreachable, WARN provisioning_refused, WARN overloaded"
	if strings.Join(kinds, ", ") != want {
		t.Errorf("from warnings on: %v, want %s", kinds, want)
	}
}

func TestReq14_RequestShowsNoNumberFromUpstream(t *testing.T) {
	e := getCode()
	e.Err = core.Wrap(core.KindInternal, errors.New("SMSC: dest +86"+canaryPhone+" refused"), "dest 86"+canaryPhone)
	e.RequestID = canaryPhone // a trusted proxy's choice
	checkNoCanary(t, observed(t, slog.LevelDebug, e))
	e.Err = nil
	checkNoCanary(t, observed(t, slog.LevelDebug, e))
}

func FuzzRequestLine(f *testing.F) {
	f.Add("id\r\n", "code", "detail\x00", "cause\xff\u2028")
	f.Fuzz(func(t *testing.T, id, code, detail, cause string) {
		e := getCode()
		e.RequestID, e.Code, e.Err = id, code, core.Wrap(core.KindInternal, errors.New(cause), detail)
		line := ScrubNumbers(appendEvent(nil, &e, slog.LevelError))
		if n := strings.Count(string(line), "\n"); n != 1 || strings.Contains(string(line), "\r") {
			t.Fatalf("%q", line)
		}
		var v struct {
			Level, Msg, Cause string
			Status            int
		}
		if err := json.Unmarshal(line, &v); err != nil || v.Level != "ERROR" || v.Msg != "request" || v.Status != 200 {
			t.Fatalf("%q: %v", line, err)
		}
	})
}

func TestRequestAllocations(t *testing.T) {
	w := NewWriter(io.Discard, time.Now, WriterOptions{})
	defer closed(t, w)
	r, e := NewRequests(w, slog.LevelInfo, NewMetrics()), getCode()
	r.Observe(e)
	if n := testing.AllocsPerRun(200, func() { r.Observe(e) }); n > 2 {
		t.Errorf("%v allocations a request, want at most 2", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	w := NewWriter(io.Discard, time.Now, WriterOptions{})
	defer closed(b, w)
	r, e := NewRequests(w, slog.LevelInfo, NewMetrics()), getCode()
	b.ReportAllocs()
	for b.Loop() {
		r.Observe(e)
	}
}
