package httpsms

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"yanma.dev/yanma/internal/provider"
)

// Bounds of what a carrier posts.
const (
	maxHook   = 256 << 10 // bytes of a body: a batch of some hundred receipts
	maxNews   = 1000      // receipts or texts in one post
	storeTime = 20 * time.Second
)

// hook is one post of a carrier.
type hook struct {
	text   bool   // to …/text: what a subscriber sent
	url    string // as the carrier called it
	method string
	header http.Header
	query  url.Values
	form   url.Values // of a form's body; never nil
	body   []byte
}

// value is a parameter of the form, or of the query.
func (h *hook) value(name string) string {
	if v := h.form.Get(name); v != "" {
		return v
	}
	return h.query.Get(name)
}

// news is what a post says, and how the carrier wants to be told that it is
// stored.
type news struct {
	receipts []provider.Receipt
	texts    []provider.Inbound
	answer   string
	media    string // content type of answer
}

var (
	errForged    = errors.New("the signature is missing or wrong")
	errMalformed = errors.New("not what the carrier's interface describes")
)

// Hooks takes what carriers post: receipts at NAME/SECRET, texts of subscribers
// at NAME/SECRET/text. It is mounted below one path of the public listener.
type Hooks struct {
	clients map[string]*Client
}

// NewHooks returns the hooks of clients; those without a receipt secret have none.
func NewHooks(clients []*Client) *Hooks {
	h := &Hooks{clients: map[string]*Client{}}
	for _, c := range clients {
		if !c.cfg.ReceiptSecret.IsZero() {
			h.clients[c.cfg.Name] = c
		}
	}
	return h
}

// ServeHTTP answers 200 when everything is stored, 503 when the carrier should
// send it again, 403 for a wrong signature, 400 for what can not be read, and
// 404 for every path that is not exactly a hook's. The path's values are called
// provider, secret and kind.
func (h *Hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	kind := r.PathValue("kind")
	c := h.find(r.PathValue("provider"), r.PathValue("secret"))
	if c == nil || kind != "" && kind != "text" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		w.Header().Set("Allow", "GET, POST")
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	in, err := c.receive(w, r, kind == "text")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	said, err := c.wire.read(in)
	switch {
	case errors.Is(err, errForged):
		w.WriteHeader(http.StatusForbidden)
	case err != nil || len(said.receipts)+len(said.texts) > maxNews:
		w.WriteHeader(http.StatusBadRequest)
	case c.store(r.Context(), &said) != nil:
		w.WriteHeader(http.StatusServiceUnavailable)
	default:
		if said.media != "" {
			w.Header().Set("Content-Type", said.media)
		}
		_, _ = io.WriteString(w, said.answer) // whom it does not reach sends it again
	}
}

// find is the provider whose name and secret these are. A name that is not
// there takes as long as a wrong secret.
func (h *Hooks) find(name, secret string) *Client {
	c := h.clients[name]
	want := ""
	if c != nil {
		want = c.cfg.ReceiptSecret.Reveal()
	}
	if !same(secret, want) || c == nil {
		return nil
	}
	return c
}

// same compares in a time that tells nothing about either.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// receive reads one post within its bounds.
func (c *Client) receive(w http.ResponseWriter, r *http.Request, text bool) (*hook, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
	if err != nil {
		return nil, err
	}
	in := &hook{text: text, url: c.cfg.hookURL(), method: r.Method, header: r.Header, form: url.Values{}, body: body}
	if in.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return nil, err
	}
	if text {
		in.url += "/text"
	}
	if r.URL.RawQuery != "" {
		in.url += "?" + r.URL.RawQuery
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err == nil && media == "application/x-www-form-urlencoded" {
		in.form, err = url.ParseQuery(string(body))
		return in, err
	}
	return in, nil
}

// store hands everything to the sink and waits until all of it is on disk.
func (c *Client) store(ctx context.Context, said *news) error {
	ctx, cancel := context.WithTimeout(ctx, storeTime)
	defer cancel()
	acks := make(chan error, len(said.receipts)+len(said.texts))
	ack := func(err error) { acks <- err }
	for _, r := range said.receipts {
		r.Code = provider.CleanCode(strings.TrimSpace(r.Code))
		c.deps.Sink.Receipt(c.cfg.Name, r, ack)
	}
	for _, in := range said.texts {
		c.deps.Sink.Inbound(c.cfg.Name, in, ack)
	}
	var failed error
	for range cap(acks) {
		select {
		case err := <-acks:
			failed = errors.Join(failed, err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return failed
}
