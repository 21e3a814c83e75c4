package carriersim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// declared is an interface such as a partner contract may describe: a form with
// appid, token, mobile, timestamp and sign, the HMAC-SHA-256 of the other fields
// as k=v&… by name; result.code 0 is the same number, 1 another, 200 to 202 a
// proof that is of no use (contracts/submail.md §5, China Unicom).
func (s *Sim) declared(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "not a form", http.StatusBadRequest)
		return
	}
	var fields []string
	for name := range r.PostForm {
		if name != "sign" {
			fields = append(fields, name+"="+r.PostForm.Get(name))
		}
	}
	slices.Sort(fields)
	mac := hmac.New(sha256.New, []byte(s.o.AppKey.Reveal()))
	mac.Write([]byte(strings.Join(fields, "&")))
	code := ""
	switch {
	case r.PostForm.Get("appid") != s.o.AppID:
		code = "113"
	case !hmac.Equal([]byte(r.PostForm.Get("sign")), []byte(hex.EncodeToString(mac.Sum(nil)))):
		code = "108"
	}
	if code == "" {
		p, ok := s.take(r.PostForm.Get("token"))
		if !ok {
			code = "201"
		} else {
			outcome, answer := misbehave(w, r, p.outcome)
			if !answer {
				return
			}
			code = strings.TrimLeft(matchCode(outcome, r.PostForm.Get("mobile") == national(p.number)), "0")
			if code == "" {
				code = "0"
			}
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"result": map[string]string{"code": code, "msg": "msg of " + code}, "seq": r.PostForm.Get("seq")})
}
