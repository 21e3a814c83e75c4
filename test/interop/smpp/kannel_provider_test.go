//go:build interop

package smpp

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/httpsms"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// taken is a sink that stores everything at once.
type taken struct {
	receipts chan provider.Receipt
	texts    chan provider.Inbound
}

func (s *taken) Receipt(_ string, r provider.Receipt, ack func(error)) { s.receipts <- r; ack(nil) }

func (s *taken) Inbound(_ string, in provider.Inbound, ack func(error)) { s.texts <- in; ack(nil) }

// TestReq35_KannelProviderAgainstKannel is our provider of type kannel, a real
// Kannel, our SMSC, and the receipts' way back over the dlr-url.
func TestReq35_KannelProviderAgainstKannel(t *testing.T) {
	messages := make(chan smsc.Message, 100)
	server, err := smsc.New(smsc.Config{
		SystemID: "yanma", Password: core.NewSecret("secret08"), Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Handle: func(m smsc.Message) { messages <- m },
		Decide: smsc.BySuffix([]smsc.Rule{
			{Suffix: "2", Behaviour: smsc.Behaviour{Reports: []smsc.Report{{Code: "UNDELIV", After: receiptAfter}}}},
			{Suffix: "3", Behaviour: smsc.Behaviour{Status: pdu.InvDstAddr}},
		}, smsc.Delivered(receiptAfter)),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	k := startKannel(t, server.Addr())
	eventually(t, "Kannel binds", func() bool { return server.Bound() == 1 })
	sink := &taken{receipts: make(chan provider.Receipt, 100), texts: make(chan provider.Inbound, 100)}
	client, hooks := kannelProvider(t, k, sink)

	for _, test := range []struct {
		name, to, text string
		parts          int
		state          provider.State
		code           string
		jsms           int
	}{
		{"GSM-7", "+14155550100", "Your code: 123456 [€] ~ @£$", 1, provider.StateDelivered, "DELIVRD", 4001},
		{"UCS-2", "+8613800138000", "【验码】您的验证码是123456 😀", 1, provider.StateDelivered, "DELIVRD", 4001},
		{"UCS-2 in segments", "+8613800138000", strings.Repeat("您的验证码是", 20), 2, provider.StateDelivered, "DELIVRD", 4001},
		{"undelivered", "+8613800138002", "【验码】123456", 1, provider.StateUndelivered, "UNDELIV", 4003},
		{"rejected", "+8613800138003", "【验码】123456", 0, provider.StateUndelivered, "UNKNOWN", 4100},
	} {
		t.Run(test.name, func(t *testing.T) {
			k.t = t
			outcomes := make(chan provider.Outcome, 1)
			m := &provider.Message{ID: 1, Channel: core.ChannelSMS, To: core.PhoneFromE164(test.to), Text: test.text, Validity: 5 * time.Minute}
			client.Submit(t.Context(), m, func(o provider.Outcome) { outcomes <- o })
			o := await(t, "the outcome", outcomes)
			if o.Class != provider.Accepted || len(o.PartIDs) != 1 {
				t.Fatalf("%+v", o)
			}
			if test.parts > 0 {
				got := await(t, "the message", messages)
				if got.Text != test.text || "+"+got.To != test.to || got.From != "10690" || got.Parts != test.parts {
					t.Errorf("%+v, want %q in %d", got, test.text, test.parts)
				}
			}
			for {
				r := await(t, "the receipt", sink.receipts)
				if r.PartID != o.PartIDs[0] || r.State == provider.StateSubmitted {
					continue // of an earlier one's segments, or on its way
				}
				if r.State != test.state || r.Code != test.code || r.JSMS != test.jsms {
					t.Errorf("%+v", r)
				}
				return
			}
		})
	}
	k.t = t
	t.Run("subscriber's text", func(t *testing.T) {
		k.t = t
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if err := server.SendText(ctx, "yanma", "8613800138000", "10690", "退订 TD"); err != nil {
			t.Fatal(err)
		}
		call := await(t, "Kannel's call", k.calls)
		answer, err := http.Get(hooks + "/text?" + url.Values{"from": call["from"], "to": call["to"], "text": call["text"], "coding": call["coding"]}.Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		if in := await(t, "the text", sink.texts); answer.StatusCode != http.StatusOK || in.Text != "退订 TD" || in.From.E164() != "+8613800138000" || in.To != "10690" {
			t.Errorf("%d %q %q", answer.StatusCode, in.Text, in.To)
		}
	})
	k.t = t
}

// kannelProvider is a started provider and where its receipts go.
func kannelProvider(t *testing.T, k *kannel, sink provider.Sink) (client *httpsms.Client, hooks string) {
	t.Helper()
	mux := http.NewServeMux()
	public := httptest.NewServer(mux)
	t.Cleanup(public.Close)
	const secret = "0123456789abcdefghij"
	client, err := httpsms.New(httpsms.Config{Name: "kannel", Type: httpsms.Kannel, URL: k.sendsms, Account: "tester", Password: core.NewSecret("foobar"),
		Source: "10690", ReceiptURL: public.URL + "/receipts", ReceiptSecret: core.NewSecret(secret)},
		httpsms.Deps{Sink: sink, Now: time.Now, Random: rand.Reader, Jitter: func() float64 { return 0 }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	all := httpsms.NewHooks([]*httpsms.Client{client})
	mux.Handle("/receipts/{provider}/{secret}", all)
	mux.Handle("/receipts/{provider}/{secret}/{kind}", all)
	if err := client.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Stop(context.Background()) })
	eventually(t, "the provider is up", func() bool { return client.Health().Up })
	return client, public.URL + "/receipts/kannel/" + secret
}
