package jsms

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// table is contracts/jsms.md §13: status, code, message. 50000 is never sent.
const table = `
400 50001 missing auth
401 50002 auth failed
400 50003 missing body
400 50004 missing mobile
400 50005 missing temp_id
403 50006 invalid mobile
403 50007 invalid body
403 50008 no sms code auth
403 50009 out of freq
403 50010 invalid code
403 50011 expired code
403 50012 verified code
403 50013 invalid temp_id
403 50014 no money
400 50015 missing code
404 50016 api not found
415 50017 media not supported
405 50018 request method not support
500 50019 server error
403 50020 template audited
403 50021 template not pass
403 50022 parameters not all replaced
403 50023 parameters is empty
403 50024 unsubscribed mobile
403 50025 wrong template type
403 50026 wrong msg_id
403 50027 invalid send_time
403 50028 invalid schedule_id
403 50029 wrong schedule status
403 50030 recipients is empty
403 50031 too much recipients
403 50033 app quota not assigned
403 50034 repeat send
403 50035 illegal IP
403 50036 app in black
403 50037 has black word
403 50038 invalid content length
403 50039 invalid code type
403 50040 invalid voice language type
403 50041 invalid ttl value
403 50042 template is empty
403 50043 template too long
403 50044 template parameter invalid
403 50045 remark too long
403 50046 signature not set
403 50047 modify template not allow
403 50052 template contains special symbol
403 50053 special template parameter need extra remark for confirmation
403 50054 content contains special symbol
403 50101 invalid image
403 50102 invalid sign id
403 50103 other signatures in the audit
403 50104 invalid signature
403 50105 default signature cannot be deleted
`

// TestReturnCodes: the table is the contract's, to the letter, and every code of
// it is said for some error.
func TestReturnCodes(t *testing.T) {
	said := map[code]bool{}
	for _, c := range kinds {
		said[c] = true
	}
	for _, c := range fields {
		said[c] = true
	}
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != len(answers) {
		t.Errorf("%d codes, want %d", len(answers), len(lines))
	}
	for _, line := range lines {
		parts := strings.SplitN(line, " ", 3)
		for c, a := range answers {
			if strconv.Itoa(int(c)) != parts[1] {
				continue
			}
			if strconv.Itoa(a.status) != parts[0] || a.message != parts[2] {
				t.Errorf("%d: %d %q, want %s", c, a.status, a.message, line)
			}
			if !said[c] {
				t.Errorf("%s: no error says so", line)
			}
		}
	}
}

// TestEveryKindHasACode: no error of a use-case is without an answer.
func TestEveryKindHasACode(t *testing.T) {
	for _, kind := range core.Kinds() {
		if _, ok := kinds[kind]; !ok {
			t.Errorf("%s has no code", kind)
		}
	}
}

// TestRefuseShape: the code is a JSON number; the route that checks codes says
// is_valid first.
func TestRefuseShape(t *testing.T) {
	for _, c := range []struct{ route, want string }{
		{codes, `{"error":{"code":50006,"message":"invalid mobile"}}`},
		{valid, `{"is_valid":false,"error":{"code":50006,"message":"invalid mobile"}}`},
	} {
		x := &facade.Exchange{Route: &facade.Route{Name: c.route}}
		refuse(x, core.E(core.KindInvalidPhone, "13812345678"))
		if string(x.Out) != c.want || x.Status != http.StatusForbidden || x.Event.Code != "50006" {
			t.Errorf("%d %s %s", x.Status, x.Out, x.Event.Code)
		}
	}
}
