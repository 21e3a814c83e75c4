package operator

import (
	"context"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Of test messages.
const (
	testText     = "【验码】This is a test message of Yanma."
	longestText  = 350 // characters
	testValidity = 5 * time.Minute
	testWait     = 30 * time.Second // for the carrier's answer
)

func (o *operator) listProviders(_ context.Context, x *facade.Exchange) error {
	list := api.Providers{Providers: []api.Provider{}}
	for _, p := range o.Providers {
		h := p.Health()
		one := api.Provider{Name: p.Name(), Up: h.Up, Detail: h.Detail, Window: h.Window}
		for _, l := range h.Links {
			one.Links = append(one.Links, api.Link(l))
		}
		list.Providers = append(list.Providers, one)
	}
	return reply(x, http.StatusOK, list)
}

// testProvider sends one message past the outbox: it costs nothing, is never
// sent again, and its receipt finds no message.
func (o *operator) testProvider(ctx context.Context, x *facade.Exchange) error {
	p := o.providerNamed(x.Param("provider"))
	if p == nil {
		return core.E(core.KindNotFound, "no such provider")
	}
	var request api.TestMessage
	body, err := decode(x, &request)
	if err != nil {
		return err
	}
	if request.Text == "" {
		request.Text = testText
	}
	if utf8.RuneCountInString(request.Text) > longestText {
		return &core.Error{Kind: core.KindBadField, Field: "text", Detail: "more than " + strconv.Itoa(longestText) + " characters"}
	}
	phone, err := guard.ParsePhone(request.Phone, guard.PhonePolicy{Countries: phonenumbers.GetSupportedRegions()})
	if err != nil {
		return err
	}
	t, err := o.begin(ctx, x, body)
	if err != nil {
		return err
	}
	defer t.end()
	switch {
	case t.replay(x):
		return nil
	case t.retried():
		return core.E(core.KindConflict, "the first attempt may have been sent; its outcome is not known")
	}
	err = t.note(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "provider.test", "provider "+p.Name(), nil, map[string]string{"phone": phone.Masked()})
	})
	if err != nil {
		return err
	}
	outcome := submit(ctx, p, &provider.Message{ID: core.MessageID(t.ref), Channel: core.ChannelSMS, To: phone,
		Text: request.Text, Validity: testValidity})
	parts := outcome.PartIDs
	if parts == nil {
		parts = []string{}
	}
	answer, err := encode(api.TestOutcome{Provider: p.Name(), Phone: phone.Masked(),
		Outcome: outcome.Class.String(), Code: outcome.Code, Detail: outcome.Detail, PartIDs: parts})
	if err != nil {
		return err
	}
	if err := t.answer(ctx, answer); err != nil {
		return err
	}
	x.Out = append(x.Out, answer...)
	return nil
}

func (o *operator) providerNamed(name string) provider.Provider {
	for _, p := range o.Providers {
		if p.Name() == name {
			return p
		}
	}
	return nil
}

// submit waits for the outcome: the provider gives one even when ctx ends.
func submit(ctx context.Context, p provider.Provider, m *provider.Message) provider.Outcome {
	ctx, stop := context.WithTimeout(ctx, testWait)
	defer stop()
	done := make(chan provider.Outcome, 1)
	p.Submit(ctx, m, func(outcome provider.Outcome) { done <- outcome })
	select {
	case outcome := <-done:
		return outcome
	case <-ctx.Done():
	}
	select { // it may have come at the same moment
	case outcome := <-done:
		return outcome
	default:
		return provider.Outcome{Class: provider.Unknown, Detail: "no answer in time"}
	}
}
