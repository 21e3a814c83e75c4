package httpsms

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
	"yanma.dev/yanma/internal/message/text"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// kannel is GET /cgi-bin/sendsms of a Kannel smsbox (contracts/delivery.md
// §5.2). Its answer has no id: ours travels in the dlr-url and comes back.
type kannel struct{ cfg Config }

func newKannel(cfg Config) (wire, error) {
	if err := cfg.needHook(); err != nil {
		return nil, err
	}
	return &kannel{cfg}, cfg.need("url", "account", "password")
}

func (*kannel) carries(*provider.Message) bool { return true }

// kannelReports asks for every kind of report: 1 delivered, 2 failed, 4
// buffered, 8 accepted, 16 rejected.
const kannelReports = "31"

func (k *kannel) compose(m *provider.Message, t turn) (*http.Request, error) {
	from := m.From
	if from == "" {
		from = k.cfg.Source
	}
	query := url.Values{"username": {k.cfg.Account}, "password": {k.cfg.Password.Reveal()}, "to": {strings.TrimPrefix(m.To.E164(), "+")},
		"text": {m.Text}, "charset": {"UTF-8"}, "coding": {k.coding(m)}}
	if from != "" {
		query.Set("from", from)
	}
	if minutes := int(m.Validity / time.Minute); minutes > 0 {
		query.Set("validity", strconv.Itoa(minutes))
	}
	if hook := k.cfg.hookURL(); hook != "" {
		query.Set("dlr-mask", kannelReports)
		query.Set("dlr-url", hook+"?id="+t.nonce+"&state=%d&answer=%A")
	}
	address := k.cfg.URL
	if strings.Contains(address, "?") {
		address += "&"
	} else {
		address += "?"
	}
	r, err := http.NewRequest(http.MethodGet, address+query.Encode(), nil) //nolint:noctx // httpcall.Do gives it one
	if err != nil {
		return nil, errors.New("the URL can not be called")
	}
	return r, nil
}

// coding is Kannel's: 0 GSM-7, 2 UCS-2. China gets UCS-2 always (§7).
func (*kannel) coding(m *provider.Message) string {
	if text.Choose(m.Text, strings.HasPrefix(m.To.E164(), "+86")) == text.GSM7 {
		return "0"
	}
	return "2"
}

func (*kannel) judge(a httpcall.Answer, t turn) verdict {
	word := string(a.Body[:min(len(a.Body), 64)])
	switch {
	case a.Status == http.StatusAccepted && (strings.HasPrefix(word, "0:") || strings.HasPrefix(word, "3:")):
		return accepted(t.nonce)
	case isSuccess(a.Status):
		return unreadable(a)
	default: // 400 refused, 403 credentials, 503 temporal failure
		return byStatus(a)
	}
}

func (k *kannel) read(h *hook) (news, error) {
	if h.text {
		return kannelText(h)
	}
	id := h.query.Get("id")
	state, err := strconv.Atoi(h.query.Get("state"))
	if err != nil || id == "" {
		return news{}, errMalformed
	}
	code := receipt.FromKannel(state)
	meaning := receipt.Classify(code)
	// Where the SMSC's own receipt is passed on, its code says more.
	if t, ok := receipt.ParseText(h.query.Get("answer"), time.UTC); ok && t.Stat != "" {
		if own := receipt.Classify(t.Stat); own.State == meaning.State {
			code, meaning = t.Stat, own
		}
	}
	return news{receipts: []provider.Receipt{{PartID: id, State: meaning.State, JSMS: meaning.JSMS, Code: code}}}, nil
}

// kannelText reads a get-url of …/text?id=%I&from=%p&to=%P&text=%b&coding=%c: UCS-2 is
// passed on as it came.
func kannelText(h *hook) (news, error) {
	from, body := subscriber(h.query.Get("from"), false), h.query.Get("text")
	if h.query.Get("coding") == "2" {
		body = text.UCS2.Decode([]byte(body))
	}
	return oneText(h.query.Get("id"), from, h.query.Get("to"), body)
}

// oneText is a subscriber's text with the carrier's id of it, if it has a sender. An empty answer is one
// that Kannel sends back to nobody.
func oneText(id string, from core.Phone, to, body string) (news, error) {
	if from.IsZero() {
		return news{}, errMalformed
	}
	return news{texts: []provider.Inbound{{ID: id, From: from, To: to, Text: body}}}, nil
}
