package httpsms

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// aliyun is SendSms of Aliyun Dysmsapi 2017-05-25, signed with
// ACS3-HMAC-SHA256 (contracts/delivery.md §5.2), and its HTTP push of receipts
// (SmsReport) and of subscribers' texts (SmsUp), which are not signed: the
// secret path is what authenticates them.
type aliyun struct{ cfg Config }

func newAliyun(cfg Config) (wire, error) {
	return &aliyun{cfg}, cfg.need("account", "password", "signature")
}

func (w *aliyun) carries(m *provider.Message) bool {
	_, ok := w.cfg.mapped(m)
	return ok
}

func (w *aliyun) compose(m *provider.Message, t turn) (*http.Request, error) {
	template, ok := w.cfg.mapped(m)
	if !ok {
		return nil, errors.New("no template")
	}
	query := url.Values{"PhoneNumbers": {aliyunNumber(m)}, "SignName": {w.cfg.Signature}, "TemplateCode": {template.Code}, "OutId": {t.nonce}}
	if len(template.Params) > 0 {
		params := make(map[string]string, len(template.Params))
		for _, p := range template.Params {
			theirs, ours := template.pair(p)
			params[theirs] = m.Params[ours]
		}
		text, err := json.Marshal(params)
		if err != nil {
			return nil, errors.New("parameters are not text")
		}
		query.Set("TemplateParam", string(text))
	}
	r, err := http.NewRequest(http.MethodPost, w.cfg.URL, nil) //nolint:noctx // httpcall.Do gives it one
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	r.URL.RawQuery = canonicalQuery(query)
	r.Header.Set("x-acs-action", "SendSms")
	r.Header.Set("x-acs-version", "2017-05-25")
	r.Header.Set("x-acs-date", t.now.UTC().Format(time.RFC3339))
	r.Header.Set("x-acs-signature-nonce", t.nonce)
	signACS3(r, nil, w.cfg.Account, w.cfg.Password.Reveal())
	return r, nil
}

// aliyunNumber is national for China, digits with the country code elsewhere.
func aliyunNumber(m *provider.Message) string { return m.To.National() }

// signACS3 sets x-acs-content-sha256 and Authorization. r has its other x-acs-
// headers; its query is already canonical.
func signACS3(r *http.Request, body []byte, id, secret string) {
	const algorithm = "ACS3-HMAC-SHA256"
	hash := sha256Hex(body)
	r.Header.Set("x-acs-content-sha256", hash)
	signed := map[string]string{"host": r.URL.Host}
	names := []string{"host"}
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-acs-") || lower == "content-type" {
			signed[lower] = strings.TrimSpace(r.Header.Get(name))
			names = append(names, lower)
		}
	}
	slices.Sort(names)
	path := r.URL.EscapedPath()
	if path == "" {
		path = "/"
	}
	var canonical strings.Builder
	canonical.WriteString(r.Method + "\n" + path + "\n" + r.URL.RawQuery + "\n")
	for _, name := range names {
		canonical.WriteString(name + ":" + signed[name] + "\n")
	}
	list := strings.Join(names, ";")
	canonical.WriteString("\n" + list + "\n" + hash)
	signature := hmacSHA256([]byte(secret), algorithm+"\n"+sha256Hex([]byte(canonical.String())))
	r.Header.Set("Authorization", algorithm+" Credential="+id+",SignedHeaders="+list+",Signature="+hex.EncodeToString(signature))
}

// aliyunCodes are the codes that are not about one message.
var aliyunCodes = byPrefix{
	{"Throttling", busy},
	{"ServiceUnavailable", busy},
	{"isp.SYSTEM_ERROR", unsure},
	{"isp.RAM_PERMISSION_DENY", account},
	{"InternalError", unsure},
	{"isv.BUSINESS_LIMIT_CONTROL", often},
	{"isv.DAY_LIMIT_CONTROL", account},
	{"isv.MONTH_LIMIT_CONTROL", account},
	{"isv.AMOUNT_NOT_ENOUGH", account},
	{"isv.OUT_OF_SERVICE", account},
	{"isv.ACCOUNT_", account},
	{"isv.PRODUCT_UN", account},
	{"isv.DENY_IP_RANGE", account},
	{"InvalidAccessKeyId", account},
	{"SignatureDoesNotMatch", account},
	{"IncompleteSignature", account},
	{"SignatureNonceUsed", account},
	{"InvalidTimeStamp", account},
	{"Forbidden", account},
	{"NoPermission", account},
}

func (*aliyun) judge(a httpcall.Answer, _ turn) verdict {
	var answer struct {
		Code  string `json:"Code"`
		BizID string `json:"BizId"`
	}
	switch err := json.Unmarshal(a.Body, &answer); {
	case err != nil || answer.Code == "":
		if isSuccess(a.Status) {
			return unreadable(a)
		}
		return byStatus(a)
	case answer.Code != "OK":
		return aliyunCodes.class(answer.Code).outcome(answer.Code)
	case !isSuccess(a.Status) || answer.BizID == "":
		return unreadable(a)
	}
	return accepted(answer.BizID)
}

const aliyunStored = `{"code":0,"msg":"成功"}`

func (w *aliyun) read(h *hook) (news, error) {
	var posted []struct {
		BizID   string `json:"biz_id"`
		Success bool   `json:"success"`
		ErrCode string `json:"err_code"`
		Report  string `json:"report_time"`
		Phone   string `json:"phone_number"`
		Content string `json:"content"`
		Dest    string `json:"dest_code"`

		Sequence json.RawMessage `json:"sequence_id"`
	}
	if err := json.Unmarshal(h.body, &posted); err != nil {
		return news{}, errMalformed
	}
	said := news{answer: aliyunStored, media: "application/json"}
	for _, p := range posted {
		if h.text {
			one, err := oneText(aliyunSequence(p.Sequence), subscriber(p.Phone, true), p.Dest, p.Content)
			if err != nil {
				return news{}, err
			}
			said.texts = append(said.texts, one.texts...)
			continue
		}
		if p.BizID == "" {
			return news{}, errMalformed
		}
		r := provider.Receipt{PartID: p.BizID, Code: p.ErrCode, DoneAt: localTime(p.Report)}
		setState(&r, p.Success)
		said.receipts = append(said.receipts, r)
	}
	return said, nil
}

// aliyunSequence is the id of a text: a number, in quotes or not.
func aliyunSequence(raw json.RawMessage) string {
	id := strings.Trim(string(raw), `"`)
	if strings.Trim(id, "0123456789") != "" {
		return ""
	}
	return id
}

// setState fills in what a receipt means whose carrier says plainly whether the
// message arrived.
func setState(r *provider.Receipt, delivered bool) {
	if delivered {
		r.State, r.JSMS = provider.StateDelivered, receipt.Classify("DELIVRD").JSMS
		if r.Code == "" {
			r.Code = "DELIVRD"
		}
		return
	}
	meaning := receipt.Classify(r.Code)
	if meaning.State != provider.StateUndelivered {
		meaning = receipt.Classify("UNKNOWN")
	}
	r.State, r.JSMS = provider.StateUndelivered, meaning.JSMS
}
