package jsms

import (
	"bytes"
	"context"
	"encoding/binary"
	"net/url"
	"testing"
	"time"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// The vector of contracts/jsms.md §10.
const (
	vectorKey, vectorSecret = "7d431e42dfa6a6d693ac2d04", "5e987ac6d2e04d95a9d8f0d1"
	vectorNonce             = 7659972084945889195
	vectorSignature         = "268d92c1b6358285a56e0ccdb0c39c72acebd81d"
)

var vectorTime = time.UnixMilli(1492150740274)

type oneApp struct{}

func (oneApp) AppByName(d tenant.Dialect, name string) (*tenant.App, []tenant.SigningKey, bool) {
	return &tenant.App{ID: 3}, []tenant.SigningKey{{Key: core.NewSecret(vectorSecret)}}, d == tenant.DialectJSMS && name == vectorKey
}
func (oneApp) App(core.AppID) (*tenant.App, bool) { return &tenant.App{ID: 3}, true }

type oneCode struct{ Verifier }

func (oneCode) PublicID(_ *tenant.App, id core.VerificationID) string {
	return map[core.VerificationID]string{7: "06890980-6789-4054-bba9-90fb66ab2fce"}[id]
}

func (oneCode) Start(context.Context, verify.StartRequest) (verify.Started, error) {
	panic("not of callbacks")
}

type names struct{}

func (names) TemplateByID(id int64) (*message.Template, bool) {
	return &message.Template{Ref: "57496"}, id == 5
}
func (names) Signatures(core.AppID) []*message.Signature {
	return []*message.Signature{{ID: 6, Ref: "123"}}
}

// TestReq35_CallbacksAreSigned: the signature is the vector's, and each type of
// event has the data of contracts/jsms.md §10.
func TestReq35_CallbacksAreSigned(t *testing.T) {
	number, ok := core.IDOfNumber(274887115920)
	if !ok {
		t.Fatal("the contract's msgId is no number of ours")
	}
	phone := core.PhoneFromE164("+8613720481024")
	at := time.UnixMilli(1492150740292)
	for _, c := range []struct {
		event      callback.Event
		kind, data string
	}{
		{callback.Event{Kind: callback.Receipt, Message: core.MessageID(number), Phone: phone, At: at, Status: 4001}, "SMS_REPORT",
			`{"msgId":"274887115920","phone":"13720481024","receiveTime":1492150740292,"status":4001}`},
		{callback.Event{Kind: callback.Receipt, Message: 1, Verification: 7, Phone: phone, At: at, Status: 4100}, "SMS_REPORT",
			`{"msgId":"06890980-6789-4054-bba9-90fb66ab2fce","phone":"13720481024","receiveTime":1492150740292,"status":4100}`},
		{callback.Event{Kind: callback.Reply, Phone: phone, At: at, Text: "TD"}, "SMS_REPLY",
			`{"content":"TD","phone":"13720481024","replyTime":1492150740292}`},
		{callback.Event{Kind: callback.Template, Ref: 5, Status: 1}, "SMS_TEMPLATE", `{"tempId":57496,"status":1,"refuseReason":null}`},
		{callback.Event{Kind: callback.Signature, Ref: 6, Status: 2, Note: "资质不全"}, "SMS_SIGN", `{"signId":123,"status":2,"refuseReason":"资质不全"}`},
	} {
		nonce := binary.BigEndian.AppendUint64(nil, uint64(vectorNonce)<<1|1) // 63 bits of it count
		r, err := Callbacks{Apps: oneApp{}, Verify: oneCode{}, Names: names{}, Random: bytes.NewReader(nonce)}.Encode(t.Context(), vectorKey, &c.event, vectorTime)
		if err != nil {
			t.Fatal(err)
		}
		form, err := url.ParseQuery(string(r.Body))
		if err != nil || r.ContentType != "application/x-www-form-urlencoded" {
			t.Fatal(r.ContentType, err)
		}
		for name, want := range map[string]string{"nonce": "7659972084945889195", "timestamp": "1492150740274", "signature": vectorSignature,
			"type": c.kind, "data": c.data} {
			if got := form.Get(name); got != want {
				t.Errorf("%s: %s = %s, want %s", c.kind, name, got, want)
			}
		}
		if len(form) != 5 {
			t.Errorf("%d members", len(form))
		}
	}
}
