package oneaccess

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// FuzzBodies is requirement row 44 for the dialect's members: every body is
// taken or refused with a code of the dialect, and what is kept of it is within
// its bounds.
func FuzzBodies(f *testing.F) {
	for _, s := range []string{
		`{"mobile":"15200000000","verify_code":"232326"}`, `{"mobile":" ","verify_code":7,"email":"a@b.c","attr_birthday":"2000-02-29","attr_gender":"male"}`,
		`{"point_json":"{\"x\":237,\"y\":5}","token":"71dd26999e314f9abb0c635336976635","sender":"Somebody@Example.com"}`, `{"extension":{"a":[1,{"b":null}]},"name":"张三"}`,
		`{"extension":[]}`, `{"email":"\"<x>\"@b"}`, `{"email":"a@b, c@d"}`, `[]`, `null`, `{"mobile":"\u0000"}`, `{"name":"\ud83d\ude00"}`,
	} {
		f.Add([]byte(s), "application/json;charset=utf8")
	}
	f.Add([]byte(`{}`), "text/json; charset=GBK")
	d := &dialect{Options{Apps: apps{}}}
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		takesJSON(contentType)
		x := &facade.Exchange{Request: httptest.NewRequest(http.MethodPost, "/", nil)}
		if err := x.Object.Parse(body); err != nil {
			answered(t, d, err)
			return
		}
		members, err := required(x, "mobile", "verify_code")
		if answered(t, d, err); err == nil {
			_, err = codeOf(members[1], "verify_code")
			answered(t, d, err)
		}
		p, err := profileOf(x)
		if answered(t, d, err); err != nil {
			return
		}
		for _, text := range []string{p.UserName, p.Name, p.Email, p.HeadImg, p.NickName, p.MailingAddress, p.Industry} {
			if len(text) > longestText || !utf8.ValidString(text) || strings.IndexByte(text, 0) >= 0 {
				t.Errorf("%q is kept", text)
			}
		}
		if len(p.Extension) > longestExtension || len(p.Extension) > 0 && !json.Valid(p.Extension) {
			t.Errorf("%q is kept", p.Extension)
		}
		if address, ok := emailOf(p.Email); ok && address != strings.ToLower(p.Email) {
			t.Errorf("%q became %q", p.Email, address)
		}
	})
}

// answered wants an error of ours with an answer that is JSON.
func answered(t *testing.T, d *dialect, err error) {
	t.Helper()
	if err == nil {
		return
	}
	status, body := refused(d, login, "en", 0, err)
	if core.KindOf(err) == core.KindInternal || status != http.StatusBadRequest || !json.Valid([]byte(body)) {
		t.Errorf("%v = %d %s", err, status, body)
	}
}
