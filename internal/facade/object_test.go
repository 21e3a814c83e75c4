package facade

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

const hotBody = `{"key":"kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z","phone_no":"13800138000","user_input_code":"042917"}`

func TestParseObjectMembers(t *testing.T) {
	o, err := ParseObject([]byte(" \r\n\t{\"a\" : \"x\", \"A\":1 ,\"n\":null,\"e\":\"\",\"u\":\"\\u9a8c\\n\\\"\\ud83d\\ude00\",\"\\u0061b\":true,\"deep\":{\"a\":[1,{\"b\":\"}]\"}]},\"a\":\"last\"} \n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"a": `"last"`, "A": "1", "n": "null", "e": `""`, "ab": "true", "deep": `{"a":[1,{"b":"}]"}]}`, "none": "",
	} {
		if got := o.Get(name).Literal(); got != want {
			t.Errorf("Get(%q) = %q, want %q", name, got, want)
		}
	}
	if text, ok := o.Get("u").Text(); !ok || text != "验\n\"😀" {
		t.Errorf("escaped text = %q, %v", text, ok)
	}
	if _, ok := o.Get("A").Text(); ok {
		t.Error("a number is read as text")
	}
	if literal, ok := o.Get("A").Number(); !ok || literal != "1" {
		t.Errorf("number = %q, %v", literal, ok)
	}
	for name, missing := range map[string]bool{"a": false, "n": true, "e": false, "none": true} {
		if got := o.Get(name).IsMissing(); got != missing {
			t.Errorf("IsMissing(%q) = %v", name, got)
		}
	}
}

func TestNumbersStayLiterals(t *testing.T) {
	o, err := ParseObject([]byte(`{"a":13800138000123456789.0e+2,"b":-0}`))
	if err != nil {
		t.Fatal(err)
	}
	if n, ok := o.Get("a").Number(); !ok || n != "13800138000123456789.0e+2" {
		t.Errorf("number = %q", n)
	}
	if n, ok := o.Get("b").Number(); !ok || n != "-0" {
		t.Errorf("number = %q", n)
	}
}

// Every line is contracts/README.md §3.1.
func TestParseObjectRefuses(t *testing.T) {
	for name, body := range map[string]string{
		"empty":                     "",
		"only a byte order mark":    byteOrderMark,
		"blank":                     "  \n",
		"cut short":                 "{",
		"array":                     `[]`,
		"array of objects":          `[{"a":1}]`,
		"string":                    `"a"`,
		"number":                    "1",
		"null":                      "null",
		"form":                      "a=b",
		"two values":                `{}{}`,
		"text after":                `{} x`,
		"NUL after":                 "{}\x00",
		"trailing comma":            `{"a":1,}`,
		"single quotes":             `{'a':1}`,
		"comment":                   `{/**/}`,
		"NaN":                       `{"a":NaN}`,
		"leading zero":              `{"a":01}`,
		"UTF-16":                    "\xff\xfe{\x00}\x00",
		"invalid UTF-8 in value":    "{\"a\":\"\xff\"}",
		"invalid UTF-8 in name":     "{\"\xc3\":1}",
		"overlong NUL":              "{\"a\":\"\xc0\x80\"}",
		"overlong slash":            "{\"a\":\"\xe0\x80\xaf\"}",
		"surrogate in UTF-8":        "{\"a\":\"\xed\xa0\x80\"}",
		"raw NUL":                   "{\"a\":\"\x00\"}",
		"escaped NUL":               `{"a":"\u0000"}`,
		"escaped NUL in name":       `{"\u0000":1}`,
		"escaped NUL nested":        `{"a":[{"b":"x\u0000"}]}`,
		"escaped NUL nested name":   `{"a":[{"x\u0000":1}]}`,
		"raw control":               "{\"a\":\"\n\"}",
		"half surrogate":            `{"a":"\ud800"}`,
		"half surrogate, text":      `{"a":"\ud83dx"}`,
		"two high halves":           `{"a":"\ud83d\ud83d"}`,
		"low half alone":            `{"a":"\ude00"}`,
		"high half, other escape":   `{"a":"\ud83d\n"}`,
		"nested 33 deep, arrays":    `{"a":` + strings.Repeat("[", 32) + strings.Repeat("]", 32) + `}`,
		"nested 33 deep, objects":   strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33),
		"nested 60,000 deep":        `{"a":` + strings.Repeat("[", 30000) + strings.Repeat("]", 30000) + `}`,
		"two byte order marks":      byteOrderMark + byteOrderMark + "{}",
		"byte order mark in middle": "{" + byteOrderMark + "}",
	} {
		if _, err := ParseObject([]byte(body)); !errors.Is(err, core.E(core.KindMalformed, "")) {
			t.Errorf("%s: error = %v, want KindMalformed", name, err)
		}
	}
}

func TestParseObjectTakes(t *testing.T) {
	for name, body := range map[string]string{
		"empty object":          "{}",
		"byte order mark":       byteOrderMark + "{}",
		"space around":          " \t\r\n{ } \n",
		"nested 32 deep":        `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		"nested 32 deep, twice": `{"a":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `,"b":` + strings.Repeat("[", 31) + strings.Repeat("]", 31) + `}`,
		"escaped backslash, u":  `{"a":"\\u0000"}`,
		"escaped U+0001":        `{"a":"\u0001"}`,
		"upper-case pair":       `{"a":"\uD83D\uDE00"}`,
		"noncharacter":          `{"a":"\uffff"}`,
	} {
		if _, err := ParseObject([]byte(body)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzParseObject holds the walker to encoding/json.
func FuzzParseObject(f *testing.F) {
	f.Add(hotBody)
	f.Add(`{"a":"\u0000","\ud83d\ude00":[{"b":[]},-1.5e3,true,null,"\\\""],"":{}}`)
	f.Add(`{"a":{"a":{}},"a":[[[]]]} `)
	f.Add(byteOrderMark + `{"\ud800":"\udc00"}`)
	f.Fuzz(func(t *testing.T, body string) {
		got, err := ParseObject([]byte(body))
		want, ok := oracle(body)
		if (err == nil) != ok {
			t.Fatalf("ParseObject error = %v, the oracle says ok = %v", err, ok)
		}
		if err != nil {
			return
		}
		for name, raw := range want {
			if v := got.Get(name); v.Literal() != string(raw) {
				t.Fatalf("member %q = %q, want %q", name, v.Literal(), raw)
			}
			var s string
			isText := raw[0] == '"' && json.Unmarshal(raw, &s) == nil
			if text, ok := got.Get(name).Text(); ok != isText || text != s {
				t.Fatalf("member %q reads as %q, %v, want %q, %v", name, text, ok, s, isText)
			}
		}
		for _, m := range got.members {
			if _, ok := want[m.name]; !ok {
				t.Fatalf("member %q is not there", m.name)
			}
		}
	})
}

// oracle is contracts/README.md §3.1 through encoding/json.
func oracle(body string) (map[string]json.RawMessage, bool) {
	body = strings.TrimPrefix(body, byteOrderMark)
	if !utf8.ValidString(body) || !strings.HasPrefix(strings.TrimLeft(body, " \t\r\n"), "{") {
		return nil, false
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(body), &members) != nil {
		return nil, false
	}
	return members, depthAndTextOK(body)
}

func depthAndTextOK(body string) bool {
	dec := json.NewDecoder(strings.NewReader(body))
	dec.UseNumber()
	for depth := 0; ; {
		start := dec.InputOffset()
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		switch v := token.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else {
				depth--
			}
			if depth > maxDepth {
				return false
			}
		case string:
			source := body[start:dec.InputOffset()]
			replaced := strings.Count(v, "\ufffd")
			meant := strings.Count(source, "\ufffd") + countEscaped(source)
			if strings.ContainsRune(v, 0) || replaced != meant {
				return false
			}
		}
	}
}

// countEscaped counts \ufffd escapes in a literal.
func countEscaped(literal string) (n int) {
	for i := 0; i < len(literal); i++ {
		if literal[i] != '\\' {
			continue
		}
		if bytes.EqualFold([]byte(literal[i:min(i+6, len(literal))]), []byte(`\ufffd`)) {
			n++
		}
		i++
	}
	return n
}

func BenchmarkParseObject(b *testing.B) {
	b.ReportAllocs()
	var o Object
	body := []byte(hotBody)
	for b.Loop() {
		if o.Parse(body) != nil {
			b.Fatal("malformed")
		}
		if _, ok := o.Get("user_input_code").Text(); !ok {
			b.Fatal("missing")
		}
	}
}

func BenchmarkMapOfRawMessage(b *testing.B) {
	b.ReportAllocs()
	body := []byte(hotBody)
	for b.Loop() {
		var m map[string]json.RawMessage
		if json.Unmarshal(body, &m) != nil {
			b.Fatal("malformed")
		}
		var s string
		if json.Unmarshal(m["user_input_code"], &s) != nil {
			b.Fatal("missing")
		}
	}
}
