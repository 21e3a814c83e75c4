package obs

import (
	"bytes"
	"encoding/json"
	"regexp"
	"testing"
)

func TestScrubNumbers(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"mainland", `{"e":"to 13800138000 failed"}`, `{"e":"to 138****8000 failed"}`},
		{"with +86", `{"e":"+8613800138000"}`, `{"e":"+86138****8000"}`},
		{"with 86", `{"e":"8613800138000"}`, `{"e":"86138****8000"}`},
		{"with 0086", `{"e":"008613800138000"}`, `{"e":"0086138****8000"}`},
		{"another country", `{"e":"+14155550123"}`, `{"e":"+14155****23"}`},
		{"two", `{"a":"13800138000,13900139000"}`, `{"a":"138****8000,139****9000"}`},
		{"after an escape", `{"a":"\"13800138000\\"}`, `{"a":"\"138****8000\\"}`},
		{"in a member's name", `{"13800138000":1}`, `{"138****8000":1}`},
		{"a number, not a string", `{"ns":13800138000}`, `{"ns":13800138000}`},
		{"ten digits", `{"a":"1380013800"}`, `{"a":"1380013800"}`},
		{"twelve digits", `{"a":"138001380001"}`, `{"a":"138001380001"}`},
		{"no mobile", `{"a":"12800138000"}`, `{"a":"12800138000"}`},
		{"an id", `{"a":"4021342342342342"}`, `{"a":"4021342342342342"}`},
		{"plus and few digits", `{"a":"+1234567"}`, `{"a":"+1234567"}`},
		{"an open string", `{"a":"13800138000`, `{"a":"138****8000`},
		{"a lone backslash", `"\`, `"\`},
	} {
		in := []byte(c.in)
		if got := string(ScrubNumbers(in)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if string(in) != c.in {
			t.Errorf("%s: the input was changed", c.name)
		}
	}
}

func FuzzScrubNumbers(f *testing.F) {
	f.Add("to 13800138000 failed")
	f.Add("+8613800138000\r\n\"")
	number := regexp.MustCompile(`(^|[^0-9+])1[3-9][0-9]{9}([^0-9]|$)`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			return
		}
		got := ScrubNumbers(line)
		var back map[string]string
		if err := json.Unmarshal(got, &back); err != nil {
			t.Fatalf("%s is no JSON any more: %v", got, err)
		}
		if len(got) != len(line) || bytes.ContainsRune(got, '\n') {
			t.Fatalf("%q became %q", line, got)
		}
		escaped := regexp.MustCompile(`\\u[0-9a-f]{4}`)
		if number.Match(escaped.ReplaceAll(got, []byte("x"))) && !escaped.Match(got) {
			t.Fatalf("%s shows a number", got)
		}
	})
}
