package core

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// Canaries: what must never be printed, and what is printed instead.
// Fewer than six digits can be in an address by chance.
var masked = []struct {
	name   string
	value  any
	raw    []string
	shown  string
	asText string // MarshalJSON
}{
	{"phone", PhoneFromE164("+8613800138000"), []string{"13800138000", "800138"}, "138****8000", `"138****8000"`},
	{"foreign phone", PhoneFromE164("+14155550123"), []string{"14155550123", "155501"}, "+14155****23", `"+14155****23"`},
	{"no phone", Phone{}, []string{"no such text"}, "", `""`},
	{"code", CodeFromDigits("042917"), []string{"042917"}, "******", `"******"`},
	{"secret", NewSecret("s3cr3t-value"), []string{"s3cr3t"}, "***", `"***"`},
}

// verbs are all that fmt knows, and one that it does not.
const verbs = "vTtbcoOdxXUeEfFgGqspwz"

// hexOf is how a value would look under %x.
func hexOf(raw string) string { return fmt.Sprintf("%x", raw) }

func TestMaskedUnderEveryVerb(t *testing.T) {
	for _, m := range masked {
		for _, verb := range verbs {
			for _, flags := range []string{"", "#", "+", "-30", "030", " ", ".3", "+#20.10"} {
				format := "%" + flags + string(verb)
				for what, v := range map[string]any{"value": m.value, "pointer": &m.value, "slice": []any{m.value}, "map": map[string]any{"k": m.value},
					"struct": struct{ V any }{m.value}, "nested": []struct{ V []any }{{[]any{m.value}}}} {
					text := fmt.Sprintf(format, v)
					for _, raw := range m.raw {
						if strings.Contains(text, raw) || strings.Contains(strings.ToLower(text), hexOf(raw)) {
							t.Errorf("%s as %s under %s: %s", m.name, what, format, text)
						}
					}
				}
			}
		}
		if text := fmt.Sprint(m.value); text != m.shown {
			t.Errorf("%s prints as %q, want %q", m.name, text, m.shown)
		}
		if text := fmt.Sprintf("%#v", m.value); strings.Contains(text, m.raw[0]) || !strings.HasPrefix(text, "core.") {
			t.Errorf("%s prints as %q under %%#v", m.name, text)
		}
	}
	// In a struct of typed fields, where fmt could look past the methods.
	type request struct {
		Phone  Phone
		Code   Code
		Secret Secret
	}
	r := request{PhoneFromE164("+8613800138000"), CodeFromDigits("042917"), NewSecret("s3cr3t-value")}
	for _, verb := range verbs {
		for _, v := range []any{r, &r, []request{r}, map[Phone]Code{r.Phone: r.Code}} {
			text := fmt.Sprintf("%"+string(verb)+"|%+"+string(verb)+"|%#"+string(verb), v, v, v)
			for _, m := range masked {
				if strings.Contains(text, m.raw[0]) || strings.Contains(text, hexOf(m.raw[0])) {
					t.Errorf("a struct under %%%c: %s", verb, text)
				}
			}
		}
	}
}

// TestHiddenFromFmt: fmt asks no method of an unexported field, nor under %p.
func TestHiddenFromFmt(t *testing.T) {
	type command struct {
		phone  Phone
		code   Code
		secret Secret
		list   []Phone
		by     map[Phone]Code
	}
	p, c := PhoneFromE164("+8613800138000"), CodeFromDigits("042917")
	v := command{p, c, NewSecret("s3cr3t-value"), []Phone{p}, map[Phone]Code{p: c}}
	for _, verb := range verbs {
		for _, x := range []any{v, &v, []command{v}, []any{v}} {
			text := fmt.Sprintf("%"+string(verb)+"|%+"+string(verb)+"|%#"+string(verb), x, x, x)
			for _, m := range masked {
				if strings.Contains(text, m.raw[0]) || strings.Contains(text, hexOf(m.raw[0])) {
					t.Errorf("under %%%c: %s", verb, text)
				}
			}
		}
	}
}

func TestHiddenTextsCompare(t *testing.T) {
	built := strings.Join([]string{"+86138", "00138000"}, "")
	if PhoneFromE164("+8613800138000") != PhoneFromE164(built) || PhoneFromE164(built) == PhoneFromE164("+8613800138001") {
		t.Error("two numbers are equal when their texts are")
	}
	if PhoneFromE164("") != (Phone{}) || CodeFromDigits("") != (Code{}) || NewSecret("") != (Secret{}) || (Code{}).Digits() != "" {
		t.Error("the empty text is the zero value")
	}
}

func BenchmarkPhone(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = PhoneFromE164("+861380013" + string([]byte{'0' + byte(i/1000%10), '0' + byte(i/100%10), '0' + byte(i/10%10), '0' + byte(i%10)})).E164()
	}
}

func TestMaskedInLogs(t *testing.T) {
	// Without the time, whose digits can be anything.
	options := &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"json": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, options) },
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, options) },
	} {
		var out bytes.Buffer
		log := slog.New(handler(&out))
		for _, m := range masked {
			log.Info("event", "v", m.value, "list", []any{m.value}, slog.Group("g", "v", m.value))
			log.With("v", m.value).Info("event")
			log.Info("event", "error", fmt.Errorf("about %v: %w", m.value, errors.New("x")))
		}
		for _, m := range masked {
			for _, raw := range m.raw {
				if strings.Contains(out.String(), raw) {
					t.Errorf("%s log shows the %s: %s", name, m.name, out.String())
				}
			}
			if !strings.Contains(out.String(), m.shown) {
				t.Errorf("%s log does not show %q", name, m.shown)
			}
		}
	}
}

func TestMaskedInJSON(t *testing.T) {
	for _, m := range masked {
		for what, v := range map[string]any{"value": m.value, "pointer": &m.value, "struct": struct{ V any }{m.value}, "map": map[string]any{"k": m.value}} {
			b, err := json.Marshal(v)
			if err != nil || !strings.Contains(string(b), m.asText) {
				t.Errorf("%s as %s: %s, %v, want %s in it", m.name, what, b, err, m.asText)
			}
		}
	}
}

func TestRawNeedsACallThatSaysSo(t *testing.T) {
	p := PhoneFromE164("+8613800138000")
	if p.E164() != "+8613800138000" || p.National() != "13800138000" || p.IsZero() || !(Phone{}).IsZero() {
		t.Error("phone")
	}
	if foreign := PhoneFromE164("+14155550123"); foreign.National() != "14155550123" {
		t.Error("a foreign number keeps its country's digits")
	}
	if CodeFromDigits("042917").Digits() != "042917" {
		t.Error("code")
	}
	var s Secret
	if !s.IsZero() || s.UnmarshalText([]byte("x")) != nil || s.Reveal() != "x" || s.IsZero() || NewSecret("y").Reveal() != "y" {
		t.Error("secret")
	}
}

// TestMaskNumber: contracts/README.md §4, and literals of callers that are no
// numbers.
func TestMaskNumber(t *testing.T) {
	for in, want := range map[string]string{
		"":                "",
		"+8613800138000":  "138****8000",
		"13800138000":     "138****8000",
		"12345678910":     "123****8910",
		"+14155550123":    "+14155****23",
		"123456":          "****",
		"1":               "****",
		"+861":            "****",
		"1234567":         "1****67",
		"008613800138000": "008613800****00",
	} {
		if got := MaskNumber(in); got != want {
			t.Errorf("MaskNumber(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestValidCodeDigits: contracts/yunbox.md §4.1 step 8 and §9 row 7.
func TestValidCodeDigits(t *testing.T) {
	for in, want := range map[string]bool{"1234": true, "0000": true, "12345": true, "1234567890": true, "123": false, "12345678901": false,
		"": false, "１２３４５６": false, "12 456": false, " 123456": false, "+12345": false, "-1234": false, "12345a": false, "1234\x00": false} {
		if got := ValidCodeDigits(in); got != want {
			t.Errorf("ValidCodeDigits(%q) = %v", in, got)
		}
	}
}
