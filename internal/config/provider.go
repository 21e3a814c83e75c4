package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"yanma.dev/yanma/internal/provider/httpsms"
)

// OverHTTP tells whether internal/provider/httpsms speaks the provider's type.
func (p Provider) OverHTTP() bool { return slices.Contains(httpsms.Types, httpsms.Type(p.Type)) }

// HTTPSMS is a provider over HTTP as internal/provider/httpsms takes it.
func (p Provider) HTTPSMS(r Receipts) httpsms.Config {
	c := httpsms.Config{Name: p.Name, Type: httpsms.Type(p.Type), URL: p.URL, CAFile: p.CAFile, Account: p.Account, Password: p.Password.Secret,
		Source: p.Source, Signature: p.Signature, Application: p.Application, Region: p.Region, Templates: p.Templates,
		Window: p.Window, RatePerSecond: float64(p.Rate), ResponseTimeout: p.ResponseTimeout.D(),
		ReceiptSecret: p.ReceiptSecret.Secret, ReceiptKey: p.ReceiptKey.Secret,
		Request: p.Request, Response: p.Response, Receipt: p.Receipt, Text: p.Text}
	if r.URL != "" {
		c.ReceiptURL = strings.TrimSuffix(r.URL, "/") + r.Prefix
	}
	return c
}

// httpKeys are the keys of a provider over HTTP; each type has those of "" too.
var httpKeys = map[string][]string{
	"":        {"name", "type", "url", "account", "password", "source", "window", "rate", "response_timeout", "receipt_secret", "ca_file"},
	"http":    {"application", "signature", "templates", "receipt_key", "request", "response", "receipt", "text"},
	"aliyun":  {"signature", "templates"},
	"tencent": {"signature", "application", "region", "templates"},
	"twilio":  {},
	"submail": {"receipt_key"},
	"kannel":  {},
}

// checkKeys finds the first key that is another type's.
func (p Provider) checkKeys(at lines, i int) error {
	table := item("provider", i, "")
	var wrong []string
	for key := range at {
		name, ok := strings.CutPrefix(key, table)
		name, _, _ = strings.Cut(name, ".")
		if ok && !p.hasKey(name) {
			wrong = append(wrong, key)
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	slices.SortFunc(wrong, func(a, b string) int {
		if at[a] != at[b] {
			return at[a] - at[b]
		}
		return strings.Compare(a, b)
	})
	return at.key(wrong[0], fmt.Errorf("is no key of a provider of type %s", p.Type))
}

func (p Provider) hasKey(name string) bool {
	if p.OverHTTP() {
		return slices.Contains(httpKeys[""], name) || slices.Contains(httpKeys[p.Type], name)
	}
	if p.Type == "cmpp" {
		return p.isCMPPKey(name)
	}
	if p.Type == "sip" {
		return p.isSIPKey(name)
	}
	if slices.Contains(cmppOwn, name) || slices.Contains(sipOwn, name) {
		return false
	}
	if slices.Contains(httpKeys[""], name) {
		return !slices.Contains([]string{"url", "account", "receipt_secret"}, name)
	}
	for _, keys := range httpKeys {
		if slices.Contains(keys, name) {
			return false
		}
	}
	return true
}

// checkHTTP is httpsms.Config.Validate's, with lines: each of its errors begins
// with the key at fault.
func (p Provider) checkHTTP(at lines, i int, r Receipts) error {
	key := func(name string, err error) error { return at.key(item("provider", i, name), err) }
	for _, err := range []error{
		key("window", between(p.Window, 1, 10000)),
		key("rate", between(p.Rate, 0, 1000000)),
		key("response_timeout", durationBetween(p.ResponseTimeout, time.Second, 10*time.Minute)),
	} {
		if err != nil {
			return err
		}
	}
	if err := p.HTTPSMS(r).Validate(); err != nil {
		name, what, _ := strings.Cut(err.Error(), ": ")
		return key(name, errors.New(what))
	}
	return nil
}

func providerTypes() []string {
	types := []string{"smpp", "cmpp", "sip"}
	for _, t := range httpsms.Types {
		types = append(types, string(t))
	}
	return types
}

// webAddress is empty or an http or https URL of a host; it is not quoted: it
// may hold a token.
func webAddress(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("not an http or https URL with a host and perhaps a path")
	}
	return nil
}
