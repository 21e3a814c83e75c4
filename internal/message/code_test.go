package message

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
)

var code = core.CodeFromDigits("042917")

func render(t *testing.T, template CodeTemplate, life time.Duration) string {
	t.Helper()
	if err := template.Validate(); err != nil {
		t.Fatalf("%+v: %v", template, err)
	}
	s, err := RenderCode(template, code, life)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestReq38_SignatureFirst: the text is exactly what the contract prints
// (contracts/delivery.md §7).
func TestReq38_SignatureFirst(t *testing.T) {
	five := 5 * time.Minute
	for _, c := range []struct {
		template CodeTemplate
		life     time.Duration
		want     string
	}{
		{CodeTemplate{Signature: "验码"}, five, "【验码】您的验证码是042917，5分钟内有效，请勿泄露。"},
		{CodeTemplate{Signature: "验码"}, 10 * time.Minute, "【验码】您的验证码是042917，10分钟内有效，请勿泄露。"},
		{CodeTemplate{Signature: "验码"}, 119 * time.Second, "【验码】您的验证码是042917，1分钟内有效，请勿泄露。"},
		{CodeTemplate{Signature: "验码"}, 59 * time.Second, "【验码】您的验证码是042917，1分钟内有效，请勿泄露。"},
		{CodeTemplate{Signature: "验码"}, 0, "【验码】您的验证码是042917，1分钟内有效，请勿泄露。"},
		{CodeTemplate{Signature: "Yanma", Text: "Your code is {code}."}, five, "【Yanma】Your code is 042917."},
		{CodeTemplate{Signature: "验码", Domain: "example.com"}, five, "【验码】您的验证码是042917，5分钟内有效，请勿泄露。\n@example.com #042917"},
		{CodeTemplate{Signature: "验码", AppHash: "FA+9qCX9VSu"}, five, "【验码】您的验证码是042917，5分钟内有效，请勿泄露。\nFA+9qCX9VSu"},
	} {
		if got := render(t, c.template, c.life); got != c.want {
			t.Errorf("%+v: %q, want %q", c.template, got, c.want)
		}
	}
}

// TestReq38_DomainLineLast: a browser's parser of origin-bound one-time codes
// finds the domain and the code in ours, whatever the wording.
func TestReq38_DomainLineLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		template := CodeTemplate{
			Signature: rapid.StringMatching(`[验码登录A-Za-z0-9]{2,10}`).Draw(t, "signature"),
			Text:      rapid.StringMatching(`[您的码 a-z@#\n]{0,40}x\{code\}[，。a-z@#\n]{0,40}y`).Draw(t, "text"),
			Domain:    rapid.StringMatching(`[a-z0-9]([a-z0-9-]{0,8}[a-z0-9])?(\.[a-z0-9]{1,9}){0,2}\.(com|cn|xn--fiqs8s)`).Draw(t, "domain"),
		}
		template.Text = strings.TrimSpace(template.Text)
		if err := template.Validate(); err != nil {
			t.Fatalf("%+v: %v", template, err)
		}
		digits := rapid.StringMatching(`[0-9]{4,10}`).Draw(t, "digits")
		s, err := RenderCode(template, core.CodeFromDigits(digits), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		host, found, ok := parseBoundCode(s)
		if !ok || host != template.Domain || found != digits {
			t.Fatalf("%q: host %q, code %q, %v", s, host, found, ok)
		}
		if !strings.HasPrefix(s, "【"+template.Signature+"】") {
			t.Fatalf("%q does not begin with its signature", s)
		}
	})
	for _, s := range []string{"【验码】042917", "@example.com #042917 \n", "a\n@example.com  #1", "a\n@example.com #", "a\n@ #1", "a\nexample.com #1", "a\n @example.com #1"} {
		if host, found, ok := parseBoundCode(s); ok {
			t.Errorf("the parser is too kind: %q gives %q, %q", s, host, found)
		}
	}
}

// parseBoundCode reads an origin-bound one-time code message as the WICG's
// "Origin-bound one-time codes delivered via SMS" describes it:
//
//	message   = [explanatory-text LF] last-line
//	last-line = "@" host SP "#" code [SP "@" embedded-host]
//	code      = 1*(any character but white space)
func parseBoundCode(message string) (host, code string, ok bool) {
	lines := strings.Split(message, "\n")
	fields := strings.Split(lines[len(lines)-1], " ")
	if len(fields) < 2 || len(fields) > 3 || len(fields) == 3 && !strings.HasPrefix(fields[2], "@") {
		return "", "", false
	}
	host, ok = strings.CutPrefix(fields[0], "@")
	if !ok || host == "" || strings.ContainsAny(host, ":/@#?%\t") {
		return "", "", false
	}
	code, ok = strings.CutPrefix(fields[1], "#")
	return host, code, ok && code != "" && !strings.ContainsAny(code, "\t\r\f")
}

// TestReq38_Retriever: Android's message has at most 140 bytes and its hash
// stands at the end; a longer wording is refused when it is configured.
func TestReq38_Retriever(t *testing.T) {
	s := render(t, CodeTemplate{Signature: "验码", AppHash: "FA+9qCX9VSu"}, 5*time.Minute)
	if len(s) > 140 || 2*len(utf16.Encode([]rune(s))) > 140 || !strings.HasSuffix(s, "\nFA+9qCX9VSu") {
		t.Fatalf("%d bytes: %q", len(s), s)
	}
	for _, wording := range []string{strings.Repeat("验", 36) + "{code}", strings.Repeat("a", 60) + "{code}"} {
		err := CodeTemplate{Signature: "验码", Text: wording, AppHash: "FA+9qCX9VSu"}.Validate()
		if err == nil || !strings.Contains(err.Error(), "Android reads 140") {
			t.Errorf("%q: %v", wording, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		template CodeTemplate
		field    string // "" = valid
	}{
		{CodeTemplate{Signature: "验码"}, ""},
		{CodeTemplate{Signature: "一二三四五六七八九十"}, ""},
		{CodeTemplate{Signature: "A 1"}, ""},
		{CodeTemplate{}, "signature"},
		{CodeTemplate{Signature: "验"}, "signature"},
		{CodeTemplate{Signature: "一二三四五六七八九十零"}, "signature"},
		{CodeTemplate{Signature: "【验码】"}, "signature"},
		{CodeTemplate{Signature: "验】码"}, "signature"},
		{CodeTemplate{Signature: " 验码"}, "signature"},
		{CodeTemplate{Signature: "验\n码"}, "signature"},
		{CodeTemplate{Signature: "验\u202e码"}, "signature"},
		{CodeTemplate{Signature: "验\xff码"}, "signature"},
		{CodeTemplate{Signature: "验码", Text: "no placeholder"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code} {code}"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code} {name}"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "【x】{code}"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code}\n"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "a\x00{code}"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code}" + strings.Repeat("a", 445)}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{code}，回T退订"}, "text"},
		{CodeTemplate{Signature: "验码", Text: "{minutes}分钟\n{code}"}, ""},
		{CodeTemplate{Signature: "验码", Domain: "sub.example.com"}, ""},
		{CodeTemplate{Signature: "验码", Domain: "example"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "Example.com"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "例子.中国"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "https://example.com"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "example.com:443"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "example.com."}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "-a.com"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "192.0.2.1"}, "domain"},
		{CodeTemplate{Signature: "验码", Domain: "example.com #1"}, "domain"},
		{CodeTemplate{Signature: "验码", AppHash: "FA+9qCX9VS"}, "app_hash"},
		{CodeTemplate{Signature: "验码", AppHash: "FA+9qCX9VS="}, "app_hash"},
		{CodeTemplate{Signature: "验码", AppHash: "FA+9qCX9VSu", Domain: "example.com"}, "app_hash"},
	} {
		err := c.template.Validate()
		var e *core.Error
		switch {
		case c.field == "" && err != nil:
			t.Errorf("%+v: %v", c.template, err)
		case c.field != "" && (!errors.As(err, &e) || e.Kind != core.KindBadField || e.Field != c.field || e.Detail == ""):
			t.Errorf("%+v: %v, want bad_field %s", c.template, err, c.field)
		}
	}
}

func TestRenderRefuses(t *testing.T) {
	for _, digits := range []string{"", "123", "12345678901", "12a456", "１２３４"} {
		if s, err := RenderCode(CodeTemplate{Signature: "验码"}, core.CodeFromDigits(digits), time.Minute); err == nil {
			t.Errorf("%q rendered as %q", digits, s)
		}
	}
	if _, err := RenderCode(CodeTemplate{}, code, time.Minute); err == nil {
		t.Error("a message without a signature")
	}
}

// TestReq38_Segments: to CN 70 characters are one message and 67 each of
// several, signature included; elsewhere GSM-7 counts (contracts/delivery.md §7).
func TestReq38_Segments(t *testing.T) {
	cn, us := core.PhoneFromE164("+8613800138000"), core.PhoneFromE164("+14155550123")
	for _, c := range []struct {
		to   core.Phone
		text string
		want int
	}{
		{cn, strings.Repeat("验", 70), 1}, {cn, strings.Repeat("验", 71), 2}, {cn, strings.Repeat("验", 134), 2},
		{cn, strings.Repeat("验", 135), 3}, {cn, strings.Repeat("验", 201), 3}, {cn, strings.Repeat("验", 202), 4},
		{cn, strings.Repeat("a", 70), 1}, {cn, strings.Repeat("a", 71), 2},
		{us, strings.Repeat("a", 160), 1}, {us, strings.Repeat("a", 161), 2}, {us, strings.Repeat("a", 71) + "验", 2},
		{cn, "【验码】您的验证码是042917，5分钟内有效，请勿泄露。", 1},
	} {
		if got := SegmentCount(c.to, c.text); got != c.want {
			t.Errorf("%s, %d bytes: %d segments, want %d", c.to, len(c.text), got, c.want)
		}
		if _, parts := text.Segments(c.text, ForceUCS2(c.to)); len(parts) != c.want {
			t.Errorf("%s, %d bytes: %d are sent, %d are charged", c.to, len(c.text), len(parts), c.want)
		}
	}
}

func BenchmarkRenderCode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := RenderCode(CodeTemplate{Signature: "验码"}, code, 5*time.Minute); err != nil {
			b.Fatal(err)
		}
	}
}
