package httpsms

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"

	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// submail is SUBMAIL's sms/send with the md5 signature, and its SUBHOOK
// receipts (contracts/delivery.md §5.1).
type submail struct{ cfg Config }

func newSubmail(cfg Config) (wire, error) {
	if err := cfg.need("account", "password"); err != nil {
		return nil, err
	}
	if !cfg.ReceiptSecret.IsZero() {
		if err := need(map[string]string{"receipt_key": cfg.ReceiptKey.Reveal()}, "receipt_key"); err != nil {
			return nil, err
		}
	}
	return &submail{cfg}, nil
}

func (*submail) carries(*provider.Message) bool { return true }

func (s *submail) compose(m *provider.Message, t turn) (*http.Request, error) {
	form := url.Values{"appid": {s.cfg.Account}, "to": {chinese(m.To)}, "content": {m.Text}, "sign_type": {"md5"},
		"timestamp": {strconv.FormatInt(t.now.Unix(), 10)}}
	form.Set("signature", s.sign(form))
	return formRequest(s.cfg.URL, form)
}

// sign is the md5 of appid, appkey, the sorted members, appid and appkey.
func (s *submail) sign(form url.Values) string {
	around := s.cfg.Account + s.cfg.Password.Reveal()
	sum := md5.Sum([]byte(around + declare.Sorted(form, "&", "signature", "tag") + around))
	return hex.EncodeToString(sum[:])
}

// submailCodes are contracts/delivery.md §5.1; what is missing is about the
// message. 251, 252, 114, 253 and 4xx are.
func submailClass(code int) codeClass {
	switch {
	case code >= 101 && code <= 113, code == 119, code == 151, code == 152: // ids, account, signature, address, time
		return account
	case code == 115, code == 408:
		return often
	case code == 409: // the template is in review
		return often
	case code == 901, code >= 903 && code <= 905: // quota of the day, balance
		return account
	default:
		return refused
	}
}

func (*submail) judge(a httpcall.Answer, _ turn) verdict {
	if !isSuccess(a.Status) {
		return byStatus(a)
	}
	var answer struct {
		Status string      `json:"status"`
		SendID string      `json:"send_id"`
		Code   json.Number `json:"code"` // a number or a string of one
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		return unreadable(a)
	}
	code, err := strconv.Atoi(answer.Code.String())
	switch {
	case answer.Status == "success" && answer.SendID != "":
		return accepted(answer.SendID)
	case answer.Status != "error" || err != nil:
		return unreadable(a)
	}
	return submailClass(code).outcome(answer.Code.String())
}

func (s *submail) read(h *hook) (news, error) {
	sum := md5.Sum([]byte(h.form.Get("token") + s.cfg.ReceiptKey.Reveal()))
	if h.form.Get("token") == "" || !hmac.Equal([]byte(h.form.Get("signature")), []byte(hex.EncodeToString(sum[:]))) {
		return news{}, errForged
	}
	r := provider.Receipt{PartID: h.form.Get("send_id"), DoneAt: unixSeconds(h.form.Get("timestamp"))}
	switch h.form.Get("events") {
	case "delivered":
		r.Code = "DELIVRD"
	case "dropped":
		r.Code = h.form.Get("report")
	case "request", "sending":
		r.Code = "SENDING"
	case "unknown":
		r.Code = "UNKNOWN"
	case "mo":
		return oneText(h.form.Get("token"), subscriber(h.form.Get("address"), true), "", h.form.Get("content"))
	default: // template_accept, template_reject: nothing of ours
		return news{}, nil
	}
	if r.PartID == "" {
		return news{}, errMalformed
	}
	meaning := receipt.Classify(r.Code)
	r.State, r.JSMS = meaning.State, meaning.JSMS
	return news{receipts: []provider.Receipt{r}}, nil
}
