package httpsms_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/httpsms"
	"yanma.dev/yanma/internal/provider/providertest"
)

// TestReq35_ProviderSuite is the suite of every provider, for each interface.
func TestReq35_ProviderSuite(t *testing.T) {
	var all sync.WaitGroup // they mostly wait: more at once than -parallel allows
	for name, k := range kinds {
		all.Go(func() { t.Run(name, func(t *testing.T) { providertest.Run(t, k.harness()) }) })
	}
	all.Wait()
}

var kinds = map[string]kind{"declared": declaredKind, "aliyun": aliyunKind, "tencent": tencentKind,
	"twilio": twilioKind, "submail": submailKind, "kannel": kannelKind}

const suiteText = "【验码】您的验证码是123456"

func templated(m *provider.Message) {
	m.Template, m.Params = "code", map[string]string{"code": "123456", "minutes": "5"}
}

// Kannel's user guide, "Using the HTTP interface to send SMS messages" and
// "Delivery reports".
var kannelKind = kind{
	ownIDs: true,
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Kannel, URL: base + "/cgi-bin/sendsms", Account: testAccount, Password: core.NewSecret(testPassword), Source: "10690"}
	},
	parse: func(r *http.Request, _ []byte) (asked, error) {
		q := r.URL.Query()
		if r.Method != http.MethodGet || r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
			return asked{}, fmt.Errorf("%s with a body of %d %v", r.Method, r.ContentLength, r.TransferEncoding)
		}
		hook := q.Get("dlr-url")
		return asked{to: q.Get("to"), id: between(hook, "id=", "&"), hook: hook}, want(r, q, map[string]string{"username": testAccount,
			"password": testPassword, "text": suiteText, "coding": "2", "charset": "UTF-8", "from": "10690", "dlr-mask": "31", "validity": "5"})
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, _ string) {
		switch b {
		case providertest.Reject:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, "Not routable. Do not try again.")
		case providertest.Throttle:
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = fmt.Fprint(w, "Temporal failure, try again later.")
		default:
			w.WriteHeader(http.StatusAccepted)
			_, _ = fmt.Fprint(w, "0: Accepted for delivery")
		}
	},
	report: func(u, _ string) *http.Request {
		return httptest.NewRequest(http.MethodGet, strings.NewReplacer("%d", "1", "%A", url.QueryEscape("id:1 stat:DELIVRD err:000")).Replace(u), nil)
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		q := url.Values{"from": {from.E164()}, "to": {"10690"}, "text": {utf16(text)}, "coding": {"2"}}
		return httptest.NewRequest(http.MethodGet, u+"?"+q.Encode(), nil)
	},
}

func between(s, after, until string) string {
	_, s, _ = strings.Cut(s, after)
	s, _, _ = strings.Cut(s, until)
	return s
}

func utf16(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r>>8), byte(r))
	}
	return string(b)
}

// Twilio's "Messages resource" and "Security" pages.
var twilioKind = kind{
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Twilio, URL: base, Account: testAccount, Password: core.NewSecret(testPassword), Source: "+15005550006"}
	},
	parse: func(r *http.Request, body []byte) (asked, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return asked{}, err
		}
		if name, password, ok := r.BasicAuth(); !ok || name != testAccount || password != testPassword {
			return asked{}, errSignature
		}
		if r.Method != http.MethodPost || r.URL.Path != "/2010-04-01/Accounts/"+testAccount+"/Messages.json" {
			return asked{}, fmt.Errorf("%s %s", r.Method, r.URL.Path)
		}
		return asked{to: form.Get("To"), hook: form.Get("StatusCallback")}, want(r, form, map[string]string{"Body": suiteText,
			"From": "+15005550006", "ValidityPeriod": "300", "StatusCallback": testURL + "/test/" + testSecret})
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, id string) {
		switch b {
		case providertest.Reject:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"code": 21211, "message": "The 'To' number +8613800138000 is not a valid phone number.", "more_info": "https://www.twilio.com/docs/errors/21211", "status": 400}`)
		case providertest.Throttle:
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = fmt.Fprint(w, `{"code": 20429, "message": "Too Many Requests", "more_info": "https://www.twilio.com/docs/errors/20429", "status": 429}`)
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = fmt.Fprintf(w, `{"account_sid": "AC1", "sid": %q, "status": "queued", "error_code": null, "to": "+8613800138000"}`, id)
		}
	},
	report: func(u, id string) *http.Request {
		return twilioPost(u, url.Values{"MessageSid": {id}, "MessageStatus": {"delivered"}, "To": {"+8613800138000"}, "AccountSid": {testAccount}})
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		return twilioPost(u, url.Values{"MessageSid": {"SM9"}, "From": {from.E164()}, "To": {"+15005550006"}, "Body": {text}})
	},
}

// twilioPost signs as Twilio does: HMAC-SHA1 of the URL and the sorted names
// and values.
func twilioPost(u string, form url.Values) *http.Request {
	text := u
	for pair := range strings.SplitSeq(form.Encode(), "&") { // sorted by name
		name, value, _ := strings.Cut(pair, "=")
		value, _ = url.QueryUnescape(value)
		text += name + value
	}
	mac := hmac.New(sha1.New, []byte(testPassword))
	mac.Write([]byte(text))
	r := formPost(u, form)
	r.Header.Set("X-Twilio-Signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return r
}

// contracts/delivery.md §5.1.
var submailKind = kind{
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Submail, URL: base + "/sms/send", Account: testAccount, Password: core.NewSecret(testPassword), ReceiptKey: core.NewSecret(testKey)}
	},
	parse: func(r *http.Request, body []byte) (asked, error) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return asked{}, err
		}
		around := testAccount + testPassword
		sum := md5.Sum([]byte(around + "appid=" + testAccount + "&content=" + suiteText + "&sign_type=md5&timestamp=" + form.Get("timestamp") +
			"&to=" + form.Get("to") + around))
		if form.Get("signature") != hex.EncodeToString(sum[:]) {
			return asked{}, errSignature
		}
		return asked{to: form.Get("to")}, want(r, form, map[string]string{"appid": testAccount, "content": suiteText, "sign_type": "md5"})
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, id string) {
		switch b {
		case providertest.Reject:
			_, _ = fmt.Fprint(w, `{"status":"error","code":"252","msg":"Incorrect recipient address 13800138000"}`)
		case providertest.Throttle:
			_, _ = fmt.Fprint(w, `{"status":"error","code":"408","msg":"too often"}`)
		default:
			_, _ = fmt.Fprintf(w, `{"status":"success","send_id":%q,"fee":1,"sms_credits":"100"}`, id)
		}
	},
	report: func(u, id string) *http.Request {
		return submailPost(u, url.Values{"events": {"delivered"}, "address": {"13800138000"}, "app": {testAccount}, "send_id": {id}, "timestamp": {"1700000000"}})
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		return submailPost(u, url.Values{"events": {"mo"}, "address": {from.National()}, "app": {testAccount}, "content": {text}, "timestamp": {"1700000000"}})
	},
}

func submailPost(u string, form url.Values) *http.Request {
	form.Set("token", "067ef7e2f286a9a56eabb07dc9657852")
	sum := md5.Sum([]byte(form.Get("token") + testKey))
	form.Set("signature", hex.EncodeToString(sum[:]))
	return formPost(u, form)
}

var mapping = map[string]httpsms.Template{"code": {Code: "SMS_153055065", Params: []string{"code", "min=minutes"}}}

// Aliyun's "SendSms", "Request syntax and signature method V3" and "SmsReport".
var aliyunKind = kind{
	prepare: templated,
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Aliyun, URL: base + "/", Account: testAccount, Password: core.NewSecret(testPassword), Signature: "验码", Templates: mapping}
	},
	parse: func(r *http.Request, body []byte) (asked, error) {
		const signed = "host;x-acs-action;x-acs-content-sha256;x-acs-date;x-acs-signature-nonce;x-acs-version"
		canonical := "POST\n/\n" + r.URL.RawQuery + "\nhost:" + r.Host + "\nx-acs-action:SendSms\nx-acs-content-sha256:" + hash(body) +
			"\nx-acs-date:" + r.Header.Get("x-acs-date") + "\nx-acs-signature-nonce:" + r.Header.Get("x-acs-signature-nonce") +
			"\nx-acs-version:2017-05-25\n\n" + signed + "\n" + hash(body)
		want256 := hex.EncodeToString(mac256([]byte(testPassword), "ACS3-HMAC-SHA256\n"+hash([]byte(canonical))))
		if r.Header.Get("Authorization") != "ACS3-HMAC-SHA256 Credential="+testAccount+",SignedHeaders="+signed+",Signature="+want256 {
			return asked{}, errSignature
		}
		if _, err := time.Parse("2006-01-02T15:04:05Z", r.Header.Get("x-acs-date")); err != nil {
			return asked{}, err
		}
		q := r.URL.Query()
		return asked{to: q.Get("PhoneNumbers")}, want(r, q, map[string]string{"SignName": "验码", "TemplateCode": "SMS_153055065",
			"TemplateParam": `{"code":"123456","min":"5"}`})
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, id string) {
		switch b {
		case providertest.Reject:
			_, _ = fmt.Fprint(w, `{"Message":"13800138000 invalid mobile number","RequestId":"A90E4451","Code":"isv.MOBILE_NUMBER_ILLEGAL"}`)
		case providertest.Throttle:
			w.WriteHeader(http.StatusBadRequest)
			_, _ = fmt.Fprint(w, `{"RequestId":"A90E4451","HostId":"dysmsapi.aliyuncs.com","Code":"Throttling.User","Message":"Request was denied due to user flow control."}`)
		default:
			_, _ = fmt.Fprintf(w, `{"Message":"OK","RequestId":"873043ac","Code":"OK","BizId":%q}`, id)
		}
	},
	report: func(u, id string) *http.Request {
		return jsonPost(u, fmt.Sprintf(`[{"phone_number":"13800138000","send_time":"2017-01-01 00:00:00","report_time":"2017-01-01 00:00:00",
			"success":true,"err_code":"DELIVERED","err_msg":"用户接收成功","sms_size":"1","biz_id":%q,"out_id":"67890"}]`, id))
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		return jsonPost(u, fmt.Sprintf(`[{"phone_number":%q,"send_time":"2017-09-01 00:00:00","content":%q,"sign_name":"验码","dest_code":"1234","sequence_id":1234567890}]`, from.National(), text))
	},
}

func hash(b []byte) string { sum := sha256.Sum256(b); return hex.EncodeToString(sum[:]) }

func mac256(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// Tencent Cloud's "SendSms", "Signature V3" and "Delivery status callback".
var tencentKind = kind{
	prepare: templated,
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Tencent, URL: base + "/", Account: testAccount, Password: core.NewSecret(testPassword), Signature: "验码",
			Application: "1400006666", Templates: mapping}
	},
	parse: func(r *http.Request, body []byte) (asked, error) {
		stamp := r.Header.Get("X-TC-Timestamp")
		seconds, err := json.Number(stamp).Int64()
		if err != nil {
			return asked{}, err
		}
		date := time.Unix(seconds, 0).UTC().Format("2006-01-02")
		canonical := "POST\n/\n\ncontent-type:application/json; charset=utf-8\nhost:" + r.Host + "\nx-tc-action:sendsms\n\ncontent-type;host;x-tc-action\n" + hash(body)
		text := "TC3-HMAC-SHA256\n" + stamp + "\n" + date + "/sms/tc3_request\n" + hash([]byte(canonical))
		key := mac256(mac256(mac256([]byte("TC3"+testPassword), date), "sms"), "tc3_request")
		if r.Header.Get("Authorization") != "TC3-HMAC-SHA256 Credential="+testAccount+"/"+date+"/sms/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature="+
			hex.EncodeToString(mac256(key, text)) {
			return asked{}, errSignature
		}
		if r.Header.Get("X-TC-Version") != "2021-01-11" || r.Header.Get("X-TC-Region") != "ap-guangzhou" || r.Header.Get("X-TC-Action") != "SendSms" {
			return asked{}, fmt.Errorf("headers %v", r.Header)
		}
		var in struct {
			PhoneNumberSet, TemplateParamSet  []string
			SmsSdkAppID, SignName, TemplateID string // encoding/json does not mind the case
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return asked{}, err
		}
		if len(in.PhoneNumberSet) != 1 || fmt.Sprint(in.TemplateParamSet) != "[123456 5]" || in.SmsSdkAppID != "1400006666" || in.SignName != "验码" || in.TemplateID != "SMS_153055065" {
			return asked{}, fmt.Errorf("body %s", body)
		}
		return asked{to: in.PhoneNumberSet[0]}, nil
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, id string) {
		const status = `{"Response":{"SendStatusSet":[{"SerialNo":%q,"PhoneNumber":"+8613800138000","Fee":%d,"SessionContext":"","Code":%q,"Message":"%s","IsoCode":"CN"}],"RequestId":"a0aabda6"}}`
		switch b {
		case providertest.Reject:
			_, _ = fmt.Fprintf(w, status, "", 0, "InvalidParameterValue.IncorrectPhoneNumber", "incorrect phone number 13800138000")
		case providertest.Throttle:
			_, _ = fmt.Fprint(w, `{"Response":{"Error":{"Code":"RequestLimitExceeded","Message":"limit"},"RequestId":"a0aabda6"}}`)
		default:
			_, _ = fmt.Fprintf(w, status, id, 1, "Ok", "send success")
		}
	},
	report: func(u, id string) *http.Request {
		return jsonPost(u, fmt.Sprintf(`[{"user_receive_time":"2015-10-17 08:03:04","nationcode":"86","mobile":"13800138000","report_status":"SUCCESS","errmsg":"DELIVRD","description":"用户短信送达成功","sid":%q}]`, id))
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		return jsonPost(u, fmt.Sprintf(`{"extend":"01","mobile":%q,"nationcode":"86","sign":"验码","text":%q,"time":1457336869}`, from.National(), text))
	},
}

// An invented aggregator with everything that a stanza can say: JSON, a signed
// header, codes in a 200, receipts in lists with a signature of their own.
var declaredKind = kind{
	config: func(base string) httpsms.Config {
		return httpsms.Config{Type: httpsms.Declared, URL: base + "/v1/messages", Account: testAccount, Password: core.NewSecret(testPassword), Source: "YANMA",
			ReceiptKey: core.NewSecret(testKey),
			Request: httpsms.Request{Encoding: "json", Auth: "bearer",
				Body:    `{"messages":[{"to":"{to.digits}","from":"{from}","body":"{text}","ttl":"{validity}","flash":false,"parts":1}],"callback":"{receipts}","ref":"{id}"}`,
				Headers: map[string]string{"X-Time": "{time}", "X-Account": "{account}"},
				Sign:    httpsms.Sign{Algorithm: "hmac-sha256", Over: "{time}.{body}", Encoding: "base64", Header: "X-Signature", Value: "v1={sign}"}},
			Response: httpsms.Response{Code: "result.code", OK: []string{"0"}, ID: "result.messages.0.id", Codes: map[string]string{"1*": "rejected", "42": "throttled"}},
			Receipt: httpsms.Receipt{Format: "json", List: "reports", ID: "message.id", Code: "status", Time: "at", States: map[string]string{"DONE": "delivered"},
				Auth: "hmac-sha256", Over: "{header.X-Time}.{body}", Signature: "header:X-Hook-Signature", Answer: `{"ok":true}`},
			Text: httpsms.Text{From: "sender", To: "to", Text: "body"}}
	},
	parse: func(r *http.Request, body []byte) (asked, error) {
		sum := base64.StdEncoding.EncodeToString(mac256([]byte(testPassword), r.Header.Get("X-Time")+"."+string(body)))
		if r.Header.Get("X-Signature") != "v1="+sum || r.Header.Get("Authorization") != "Bearer "+testPassword || r.Header.Get("X-Account") != testAccount {
			return asked{}, errSignature
		}
		var in struct {
			Messages []struct {
				To, From, Body, TTL string
				Flash               *bool
				Parts               int
			}
			Callback, Ref string
		}
		if err := json.Unmarshal(body, &in); err != nil {
			return asked{}, err
		}
		if m := in.Messages[0]; m.From != "YANMA" || m.Body != suiteText || m.TTL != "300" || m.Flash == nil || m.Parts != 1 || len(in.Ref) != 32 ||
			r.Header.Get("Content-Type") != "application/json" || r.Method != http.MethodPost || r.URL.Path != "/v1/messages" {
			return asked{}, fmt.Errorf("%s %s %s", r.Method, r.URL.Path, body)
		}
		return asked{to: in.Messages[0].To, hook: in.Callback}, nil
	},
	answer: func(w http.ResponseWriter, b providertest.Behaviour, id string) {
		switch b {
		case providertest.Reject:
			_, _ = fmt.Fprint(w, `{"result":{"code":17,"text":"bad number 13800138000"}}`)
		case providertest.Throttle:
			_, _ = fmt.Fprint(w, `{"result":{"code":"42"}}`)
		default:
			_, _ = fmt.Fprintf(w, `{"result":{"code":0,"messages":[{"id":%q}]}}`, id)
		}
	},
	report: func(u, id string) *http.Request {
		return declaredPost(u, fmt.Sprintf(`{"reports":[{"message":{"id":%q},"status":"DONE","at":1700000000}]}`, id))
	},
	text: func(u string, from core.Phone, text string) *http.Request {
		return declaredPost(u, fmt.Sprintf(`{"reports":[{"sender":%q,"to":"YANMA","body":%q}]}`, from.E164(), text))
	},
}

func declaredPost(u, body string) *http.Request {
	r := jsonPost(u, body)
	r.Header.Set("X-Time", "1700000001")
	r.Header.Set("X-Hook-Signature", hex.EncodeToString(mac256([]byte(testKey), "1700000001."+body)))
	return r
}
