package httpsms

import (
	"crypto/hmac"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/receipt"
)

// hooks is how a declared provider's receipts are read.
type hooks struct {
	format    string
	states    map[string]provider.State
	digest    *declare.Digest
	over      declare.Template
	signature string // a header's or field's name
	inHeader  bool
}

func (d *declared) compileHooks() error {
	r := d.cfg.Receipt
	setDefault(&r.Format, "form")
	d.hooks = hooks{format: r.Format, states: map[string]provider.State{}}
	if r.Format != "query" && r.Format != "form" && r.Format != "json" {
		return fmt.Errorf("receipt.format: %q is not one of query, form, json", r.Format)
	}
	if r.List != "" && r.Format != "json" {
		return errors.New("receipt.list: only json has lists")
	}
	if (r.ID == "") != (r.Code == "") {
		return errors.New("receipt.id: the id and the code of a receipt go together")
	}
	if (d.cfg.Text.From == "") != (d.cfg.Text.Text == "") {
		return errors.New("text.from: a text's sender and the text go together")
	}
	for _, code := range slices.Sorted(maps.Keys(r.States)) {
		state, ok := stateNames[r.States[code]]
		if !ok {
			return fmt.Errorf("receipt.states.%s: %q is not one of delivered, undelivered, submitted", code, r.States[code])
		}
		d.hooks.states[code] = state
	}
	return d.compileHookAuth(r)
}

func (d *declared) compileHookAuth(r Receipt) error {
	key := map[string]string{"receipt_key": d.cfg.ReceiptKey.Reveal(), "account": d.cfg.Account}
	switch r.Auth {
	case "", "none":
		return nil
	case "bearer":
		return need(key, "receipt_key")
	case "basic":
		return need(key, "receipt_key", "account")
	}
	if r.Auth == "md5" {
		setDefault(&r.Over, "{sorted}{key}")
	}
	setDefault(&r.Over, "{body}")
	made, err := declare.NewDigest("receipt_key", r.Auth, r.Encoding, d.cfg.ReceiptKey)
	if err != nil {
		return fmt.Errorf("receipt.auth: %w", err)
	}
	if d.hooks.over, err = declare.Parse(r.Over, inHook); err != nil {
		return fmt.Errorf("receipt.over: %w", err)
	}
	where, name, ok := strings.Cut(r.Signature, ":")
	if !ok || name == "" || where != "header" && where != "field" {
		return errors.New("receipt.signature: must be header:NAME or field:NAME")
	}
	d.hooks.digest, d.hooks.signature, d.hooks.inHeader = &made, name, where == "header"
	return nil
}

func inHook(name string) bool {
	return name == "body" || name == "sorted" || name == "key" ||
		strings.HasPrefix(name, "field.") || strings.HasPrefix(name, "header.")
}

// authentic checks the carrier's signature, where the stanza names one.
func (d *declared) authentic(h *hook) bool {
	key := d.cfg.ReceiptKey.Reveal()
	switch d.cfg.Receipt.Auth {
	case "", "none":
		return true
	case "bearer":
		return same(h.header.Get("Authorization"), "Bearer "+key)
	case "basic":
		name, password, ok := basic(h.header.Get("Authorization"))
		return same(name, d.cfg.Account) && same(password, key) && ok
	}
	given := h.header.Get(d.hooks.signature)
	if !d.hooks.inHeader {
		given = h.value(d.hooks.signature)
	}
	want := d.hooks.digest.Of(d.hooks.over.Render(func(name string) string {
		switch name {
		case "body":
			return string(h.body)
		case "sorted":
			form := h.form
			if d.hooks.format == "query" {
				form = h.query
			}
			return declare.Sorted(form, "&", d.hooks.signature)
		case "key":
			return key
		}
		if field, ok := strings.CutPrefix(name, "field."); ok {
			return h.value(field)
		}
		return h.header.Get(strings.TrimPrefix(name, "header."))
	}))
	if d.hooks.digest.Encoding() == "hex" {
		given = strings.ToLower(given)
	}
	return given != "" && hmac.Equal([]byte(given), []byte(want))
}

func (d *declared) read(h *hook) (news, error) {
	if !d.authentic(h) {
		return news{}, errForged
	}
	rows, err := d.rows(h)
	if err != nil {
		return news{}, err
	}
	said := news{answer: d.cfg.Receipt.Answer}
	if strings.HasPrefix(said.answer, "{") {
		said.media = "application/json"
	}
	for _, value := range rows {
		if h.text {
			err = d.addText(&said, value)
		} else {
			err = d.addReceipt(&said, value)
		}
		if err != nil {
			return news{}, err
		}
	}
	return said, nil
}

// rows are the receipts or texts of one post, each as a look-up by name or path.
func (d *declared) rows(h *hook) ([]func(string) string, error) {
	switch d.hooks.format {
	case "query":
		return []func(string) string{h.query.Get}, nil
	case "form":
		return []func(string) string{h.form.Get}, nil
	}
	v, ok := declare.ParseJSON(h.body)
	if list := d.cfg.Receipt.List; ok && list != "" {
		v = declare.Find(v, list)
	}
	all, isList := v.([]any)
	if !isList {
		all = []any{v}
	}
	if v == nil {
		return nil, errMalformed
	}
	rows := make([]func(string) string, len(all))
	for i, one := range all {
		rows[i] = func(path string) string { return declare.At(one, path) }
	}
	return rows, nil
}

func (d *declared) addReceipt(said *news, value func(string) string) error {
	r := provider.Receipt{PartID: value(d.cfg.Receipt.ID), Code: value(d.cfg.Receipt.Code), DoneAt: anyTime(value(d.cfg.Receipt.Time))}
	if r.PartID == "" || r.Code == "" {
		return errMalformed
	}
	meaning := receipt.Classify(r.Code)
	r.State, r.JSMS = meaning.State, meaning.JSMS
	if state, ok := d.hooks.states[r.Code]; ok {
		switch r.State = state; state {
		case provider.StateSubmitted:
			r.JSMS = 0
		case provider.StateDelivered:
			r.JSMS = receipt.Classify("DELIVRD").JSMS
		default:
			setState(&r, false)
		}
	}
	said.receipts = append(said.receipts, r)
	return nil
}

func (d *declared) addText(said *news, value func(string) string) error {
	if d.cfg.Text.From == "" {
		return errMalformed
	}
	to := ""
	if d.cfg.Text.To != "" {
		to = value(d.cfg.Text.To)
	}
	one, err := oneText("", subscriber(value(d.cfg.Text.From), true), to, value(d.cfg.Text.Text))
	said.texts = append(said.texts, one.texts...)
	return err
}

// anyTime reads seconds or milliseconds since 1970, a date of RFC 3339, or one
// of Beijing; zero when it is none of them.
func anyTime(s string) time.Time {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		if n > 1<<34 {
			return time.UnixMilli(n)
		}
		return unixSeconds(s)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	return localTime(s)
}

// basic reads an Authorization header.
func basic(header string) (name, password string, ok bool) {
	r := http.Request{Header: http.Header{"Authorization": {header}}}
	return r.BasicAuth()
}
