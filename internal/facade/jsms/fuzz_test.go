package jsms

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/tenant"
)

// seeds of bodies: contracts/jsms.md §5 to §7, and what is wrong with them.
var seeds = []string{
	`{"mobile":"13812345678","temp_id":1250,"temp_para":{"number":"741627"}}`,
	`{"mobile":13812345678,"temp_id":"1250","sign_id":1.5,"temp_para":{"a":1,"b":true,"c":null,"d":{}}}`,
	`{"sign_id":1,"temp_id":1250,"tag":"标签","recipients":[{"mobile":"13812345678","temp_para":{"number":"741627"}},{"mobile":"1860305070"},{}]}`,
	`{"recipients":[1,null,"x",[]],"tag":[],"send_time":7}`,
	`{"mobile":true}`, `[]`, `null`, `{"mobile":"\u0000"}`, `{"a":1,"a":2}`, `{"mobile":"13812345678","ttl":"9223372036854775808","voice_lang":-1,"code":"１２３４"}`,
}

// FuzzBodies is requirement row 44 for the dialect's JSON: every body is either
// taken or refused with one of the dialect's codes, and what is echoed is JSON.
func FuzzBodies(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	app := &tenant.App{}
	f.Fuzz(func(t *testing.T, body []byte) {
		x := &facade.Exchange{}
		if err := x.Object.Parse(body); err != nil {
			has(t, err)
			return
		}
		has(t, shapeOfOne(x))
		mobile, _, err := mobileAndTemplate(x)
		has(t, err)
		phone, err := mobileOf(mobile, app)
		has(t, err)
		if err == nil && phone.E164() == "" {
			t.Errorf("no number and no error for %s", body)
		}
		for _, f := range []func() error{
			func() error { _, err := signOf(x); return err },
			func() error { _, err := languageOf(x); return err },
			func() error { _, err := wantedTemplate(x); return err },
			func() error {
				digits, err := textOf(x, "code")
				if err == nil {
					_, err = spokenCode(digits)
				}
				return err
			},
		} {
			has(t, f())
		}
		echo(t, x, app)
	})
}

// echo answers a batch as if every recipient had been refused.
func echo(t *testing.T, x *facade.Exchange, app *tenant.App) {
	t.Helper()
	s, err := readSeveral(x, app)
	has(t, err)
	if err != nil || len(s.said) > dispatch.MostRecipients {
		return
	}
	results := make([]dispatch.Result, len(s.to))
	for i := range results {
		results[i].Err = core.E(core.KindInvalidPhone, "")
	}
	for _, answer := range [][]byte{s.appendResults(nil, results), s.appendScheduled(nil, dispatch.Scheduled{Results: results})} {
		if !json.Valid(answer) {
			t.Errorf("the answer is no JSON: %s", answer)
		}
	}
}

// has fails unless an error is nil or has a code of the dialect that is no fault
// of ours.
func has(t *testing.T, err error) {
	t.Helper()
	if err == nil {
		return
	}
	if c := codeOf(core.AsError(err)); c == serverError {
		t.Errorf("%v is a fault of ours", err)
	}
}

// FuzzSign is requirement row 44 for the forms of signatures.
func FuzzSign(f *testing.F) {
	part := "--b\r\nContent-Disposition: form-data; name=\"sign\"\r\n\r\n极光\r\n--b\r\nContent-Disposition: form-data; name=\"image0\"; filename=\"a\"\r\n\r\nGIF89a\r\n--b--\r\n"
	f.Add(true, "b", []byte(part))
	f.Add(true, "", []byte(part))
	f.Add(true, "b", []byte(part[:40]))
	f.Add(false, "", []byte("sign=%E6%9E%81&type=1&remark=x&sign=y"))
	f.Add(false, "", []byte("sign=%zz&type"))
	f.Add(false, "", []byte("sign=%00"))
	f.Fuzz(func(t *testing.T, several bool, boundary string, body []byte) {
		media := "application/x-www-form-urlencoded"
		if several {
			media = "multipart/form-data"
		}
		form, err := parseSign(media, boundary, body)
		has(t, err)
		if err != nil {
			return
		}
		form.number()
		for _, text := range []string{form.sign, form.kind, form.remark} {
			if !utf8.ValidString(text) || bytes.ContainsRune([]byte(text), 0) {
				t.Errorf("%q was taken", text)
			}
		}
	})
}
