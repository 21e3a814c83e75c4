package httpsms

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// twilio is the Messages resource of Twilio's REST API, 2010-04-01
// (contracts/delivery.md §5.2): a form, Basic authentication, and callbacks
// signed with X-Twilio-Signature.
type twilio struct{ cfg Config }

func newTwilio(cfg Config) (wire, error) {
	if err := cfg.needHook(); err != nil {
		return nil, err
	}
	return &twilio{cfg}, cfg.need("account", "password", "source")
}

func (*twilio) carries(*provider.Message) bool { return true }

// messagingService begins the id of a service that picks the sender itself.
const messagingService = "MG"

// longestValidity is Twilio's.
const longestValidity = 4 * time.Hour

func (w *twilio) compose(m *provider.Message, _ turn) (*http.Request, error) {
	form := url.Values{"To": {m.To.E164()}, "Body": {m.Text}}
	switch from := m.From; {
	case from != "":
		form.Set("From", from)
	case strings.HasPrefix(w.cfg.Source, messagingService):
		form.Set("MessagingServiceSid", w.cfg.Source)
	default:
		form.Set("From", w.cfg.Source)
	}
	if m.Validity >= time.Second {
		form.Set("ValidityPeriod", strconv.Itoa(int(min(m.Validity, longestValidity)/time.Second)))
	}
	if hook := w.cfg.hookURL(); hook != "" {
		form.Set("StatusCallback", hook)
	}
	r, err := formRequest(strings.TrimSuffix(w.cfg.URL, "/")+"/2010-04-01/Accounts/"+url.PathEscape(w.cfg.Account)+"/Messages.json", form)
	if err == nil {
		r.SetBasicAuth(w.cfg.Account, w.cfg.Password.Reveal())
	}
	return r, err
}

// twilioCodes are the codes of errors that are not about one message.
var twilioCodes = map[int]codeClass{
	20003: account, // authentication
	20005: account, // account not active
	20404: account, // no such account
	20429: busy,    // too many requests
	14107: busy,    // rate exceeded
	30001: busy,    // queue overflow
	21611: busy,    // the sender's queue is full
	63038: account, // daily limit of the account
	30002: account, // account suspended
	21606: account, // the sender is not ours
	21212: account, // the sender is not valid
	21603: account, // no sender
	21703: account, // the messaging service has no sender
}

func (*twilio) judge(a httpcall.Answer, _ turn) verdict {
	var answer struct {
		SID  string `json:"sid"`
		Code int    `json:"code"`
	}
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		if isSuccess(a.Status) {
			return unreadable(a)
		}
		return byStatus(a)
	}
	switch {
	case isSuccess(a.Status) && answer.SID != "":
		return accepted(answer.SID)
	case isSuccess(a.Status):
		return unreadable(a)
	case answer.Code == 0 || a.Status >= 500:
		return byStatus(a)
	}
	v := twilioCodes[answer.Code].outcome(strconv.Itoa(answer.Code))
	if v.Class == provider.Throttled {
		v.RetryAfter = max(v.RetryAfter, retryAfter(a.Header))
	}
	return v
}

// retryAfter is the Retry-After of a throttling answer, in whole seconds from a
// second to an hour; a second where there is none.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil {
		return pauseAfterBusy
	}
	return min(max(time.Duration(seconds)*time.Second, pauseAfterBusy), time.Hour)
}

func (w *twilio) read(h *hook) (news, error) {
	if !hmac.Equal([]byte(h.header.Get("X-Twilio-Signature")), []byte(twilioSignature(w.cfg.Password.Reveal(), h.url, h.form))) {
		return news{}, errForged
	}
	if h.text {
		said, err := oneText(h.form.Get("MessageSid"), subscriber(h.form.Get("From"), false), h.form.Get("To"), h.form.Get("Body"))
		said.answer, said.media = "<Response/>", "text/xml"
		return said, err
	}
	id, status := h.form.Get("MessageSid"), h.form.Get("MessageStatus")
	if id == "" {
		return news{}, errMalformed
	}
	r := provider.Receipt{PartID: id, Code: status, State: provider.StateSubmitted}
	switch status {
	case "delivered", "read":
		r.State = provider.StateDelivered
		r.JSMS = receipt.Classify("DELIVRD").JSMS
	case "undelivered", "failed", "canceled":
		r.State = provider.StateUndelivered
		r.Code = "TW:" + h.form.Get("ErrorCode")
		r.JSMS = receipt.Classify(twilioReason[h.form.Get("ErrorCode")]).JSMS
	}
	return news{receipts: []provider.Receipt{r}}, nil
}

// twilioReason is Twilio's reason of a failed delivery in the codes of
// contracts/delivery.md §8.
var twilioReason = map[string]string{
	"30003": "UNDELIV",     // handset unreachable
	"30004": "BLACK",       // blocked
	"30005": "PHONEERR",    // no such number
	"30006": "PHONEERR",    // a landline
	"30007": "KEYWORD",     // filtered by the carrier
	"21610": "UNSUBSCRIBE", // opted out
}

// twilioSignature is Base64(HMAC-SHA1(auth token, URL followed by each
// parameter's name and value in the names' order)).
func twilioSignature(token, address string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(address))
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			mac.Write([]byte(name + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
