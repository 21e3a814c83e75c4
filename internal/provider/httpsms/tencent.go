package httpsms

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
)

// tencent is SendSms of Tencent Cloud SMS 2021-01-11, signed with
// TC3-HMAC-SHA256 (contracts/delivery.md §5.2), and its push of receipts and of
// subscribers' replies, which are not signed: the secret path is what
// authenticates them.
type tencent struct{ cfg Config }

func newTencent(cfg Config) (wire, error) {
	return &tencent{cfg}, cfg.need("account", "password", "signature", "application")
}

func (w *tencent) carries(m *provider.Message) bool {
	_, ok := w.cfg.mapped(m)
	return ok
}

func (w *tencent) compose(m *provider.Message, t turn) (*http.Request, error) {
	template, ok := w.cfg.mapped(m)
	if !ok {
		return nil, errors.New("no template")
	}
	params := make([]string, 0, len(template.Params))
	for _, p := range template.Params {
		_, ours := template.pair(p)
		params = append(params, m.Params[ours])
	}
	body, err := json.Marshal(struct {
		PhoneNumberSet   []string
		SmsSdkAppID      string `json:"SmsSdkAppId"`
		SignName         string
		TemplateID       string `json:"TemplateId"`
		TemplateParamSet []string
		SessionContext   string
	}{[]string{m.To.E164()}, w.cfg.Application, w.cfg.Signature, template.Code, params, t.nonce})
	if err != nil {
		return nil, errors.New("parameters are not text")
	}
	r, err := http.NewRequest(http.MethodPost, w.cfg.URL, bytes.NewReader(body)) //nolint:noctx // httpcall.Do gives it one
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	r.Header.Set("X-TC-Action", "SendSms")
	r.Header.Set("X-TC-Version", "2021-01-11")
	r.Header.Set("X-TC-Region", w.cfg.Region)
	signTC3(r, body, "sms", w.cfg.Account, w.cfg.Password.Reveal(), t.now)
	return r, nil
}

// signTC3 sets X-TC-Timestamp and Authorization. r has its Content-Type and
// X-TC-Action, and no query.
func signTC3(r *http.Request, body []byte, service, id, secret string, now time.Time) {
	const algorithm = "TC3-HMAC-SHA256"
	const signed = "content-type;host;x-tc-action"
	stamp, date := strconv.FormatInt(now.Unix(), 10), now.UTC().Format(time.DateOnly)
	r.Header.Set("X-TC-Timestamp", stamp)
	canonical := "POST\n/\n\ncontent-type:" + r.Header.Get("Content-Type") + "\nhost:" + r.URL.Host +
		"\nx-tc-action:" + strings.ToLower(r.Header.Get("X-TC-Action")) + "\n\n" + signed + "\n" + sha256Hex(body)
	scope := date + "/" + service + "/tc3_request"
	key := hmacSHA256(hmacSHA256(hmacSHA256([]byte("TC3"+secret), date), service), "tc3_request")
	signature := hmacSHA256(key, algorithm+"\n"+stamp+"\n"+scope+"\n"+sha256Hex([]byte(canonical)))
	r.Header.Set("Authorization", algorithm+" Credential="+id+"/"+scope+", SignedHeaders="+signed+", Signature="+hex.EncodeToString(signature))
}

// tencentCodes are the codes that are not about one message.
var tencentCodes = byPrefix{
	{"RequestLimitExceeded", busy},
	{"LimitExceeded.DeliveryFrequencyLimit", often},
	{"LimitExceeded.PhoneNumberThirtySecondLimit", often},
	{"LimitExceeded.AppDailyLimit", account},
	{"LimitExceeded.DailyLimit", account},
	{"LimitExceeded.AppCountryOrRegion", account},
	{"FailedOperation.InsufficientBalanceInSmsPackage", account},
	{"FailedOperation.ServiceSuspendDueToArrears", account},
	{"AuthFailure", account},
	{"UnauthorizedOperation", account},
	{"InvalidParameterValue.SdkAppIdNotExist", account},
	{"InternalError", unsure},
	{"ServiceUnavailable", busy},
}

func (*tencent) judge(a httpcall.Answer, _ turn) verdict {
	var answer struct {
		Response struct {
			SendStatusSet []struct {
				SerialNo string
				Code     string
			}
			Error struct{ Code string }
		}
	}
	err := json.Unmarshal(a.Body, &answer)
	statuses, failure := answer.Response.SendStatusSet, answer.Response.Error.Code
	switch {
	case !isSuccess(a.Status):
		return byStatus(a)
	case err == nil && failure != "":
		return tencentCodes.class(failure).outcome(failure)
	case err != nil || len(statuses) != 1 || statuses[0].Code == "":
		return unreadable(a)
	case statuses[0].Code != "Ok":
		return tencentCodes.class(statuses[0].Code).outcome(statuses[0].Code)
	case statuses[0].SerialNo == "":
		return unreadable(a)
	}
	return accepted(statuses[0].SerialNo)
}

const tencentStored = `{"result":0,"errmsg":"OK"}`

// tencentPost is a receipt or a reply.
type tencentPost struct {
	SID    string `json:"sid"`
	Status string `json:"report_status"`
	Code   string `json:"errmsg"`
	At     string `json:"user_receive_time"`

	Nation string `json:"nationcode"`
	Mobile string `json:"mobile"`
	Text   string `json:"text"`
	Extend string `json:"extend"`
}

func (w *tencent) read(h *hook) (news, error) {
	said := news{answer: tencentStored, media: "application/json"}
	if h.text {
		var p tencentPost
		if err := json.Unmarshal(h.body, &p); err != nil {
			return news{}, errMalformed
		}
		one, err := oneText("", subscriber("+"+strings.TrimPrefix(p.Nation+p.Mobile, "+"), false), p.Extend, p.Text)
		said.texts = one.texts
		return said, err
	}
	var posted []tencentPost
	if err := json.Unmarshal(h.body, &posted); err != nil {
		return news{}, errMalformed
	}
	for _, p := range posted {
		if p.SID == "" {
			return news{}, errMalformed
		}
		r := provider.Receipt{PartID: p.SID, Code: p.Code, DoneAt: localTime(p.At)}
		setState(&r, p.Status == "SUCCESS")
		said.receipts = append(said.receipts, r)
	}
	return said, nil
}
