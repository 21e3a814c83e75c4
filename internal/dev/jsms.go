package dev

import (
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// jsmsCard is the demo app's jsms credentials in dev.json, and templates to try.
type jsmsCard struct {
	AppKey       string `json:"app_key"`
	MasterSecret string `json:"master_secret"`
	DevKey       string `json:"dev_key"`
	DevSecret    string `json:"dev_secret"`
	CodeTempID   int    `json:"code_temp_id"`
	NoticeTempID int    `json:"notice_temp_id"`
}

// The templates: the one that is built in, and one of the demo app's.
const (
	codeTemplate   = 1
	noticeTemplate = 2
)

func newJSMSCard(s secrets) jsmsCard {
	return jsmsCard{AppKey: s.JSMSAppKey, MasterSecret: s.JSMSMasterSecret, DevKey: s.JSMSDevKey, DevSecret: s.JSMSDevSecret,
		CodeTempID: codeTemplate, NoticeTempID: noticeTemplate}
}

// jsmsPairs are the app's pair and the developer's.
func (s secrets) jsmsPairs() (app, developer tenant.JSMSKey) {
	return tenant.JSMSKey{Name: s.JSMSAppKey, Secret: core.NewSecret(s.JSMSMasterSecret)},
		tenant.JSMSKey{Name: s.JSMSDevKey, Secret: core.NewSecret(s.JSMSDevSecret)}
}

// jsmsNumber is another number than that of the other lines: each may get one
// code in a time.
const jsmsNumber = "13700137000"

// lines are commands to paste, in order.
func (c jsmsCard) lines(base string) []line {
	const json = "-H 'Content-Type: application/json'"
	call := fmt.Sprintf("curl -s -u %s:%s %s %s", c.AppKey, c.MasterSecret, json, base)
	return []line{
		{"jsms: send a code", fmt.Sprintf(`MSG_ID=$(%s/v1/codes -d '{"mobile":"%s","temp_id":%d}' | sed 's/.*"msg_id":"\([^"]*\)".*/\1/'); echo $MSG_ID`, call, jsmsNumber, c.CodeTempID)},
		{"Read it from the handset and check it", fmt.Sprintf(`CODE=$(sleep 1; curl -s '%s/handset/api/messages?phone=%s' | grep -o '"code":"[0-9]*"' | head -n 1 | tr -dc 0-9); curl -s %s/v1/codes/$MSG_ID/valid -d "{\"code\":\"$CODE\"}"`,
			base, jsmsNumber, base)},
		{"What is left of the balance", call + "/v1/accounts/app"},
	}
}
