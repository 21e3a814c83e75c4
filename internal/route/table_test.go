package route

import (
	"errors"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func regions(p core.Phone) string {
	switch p.E164()[:3] {
	case "+86":
		return "CN"
	case "+14":
		return "US"
	}
	return ""
}

func TestFirstMatchWins(t *testing.T) {
	choices := []Choice{{Provider: "a"}}
	table, err := NewTable([]Route{
		{Name: "plan", OnDemand: true, Choices: choices},
		{Name: "market", Match: Match{Purposes: []Purpose{PurposeMarket}}, Choices: choices},
		{Name: "app", Match: Match{Apps: []core.AppID{9}, Tenants: []core.TenantID{1}}, Choices: choices},
		{Name: "unicom", Match: Match{Countries: []string{"CN"}, Carriers: []Carrier{CarrierUnicom}}, Choices: choices},
		{Name: "voice", Match: Match{Channels: []core.Channel{core.ChannelVoice}}, Choices: choices},
		{Name: "china", Match: Match{Countries: []string{"CN"}}, Choices: choices},
	}, Ported{13800138000: CarrierUnicom}, regions)
	if err != nil {
		t.Fatal(err)
	}
	const cn, moved, us = "+8613800138001", "+8613800138000", "+14155550123"
	for want, q := range map[string]Query{
		"plan":   {To: core.PhoneFromE164(us), Channel: core.ChannelSMS, Named: "plan"},
		"market": {To: core.PhoneFromE164(cn), Channel: core.ChannelSMS, Purpose: PurposeMarket, Tenant: 1, App: 9},
		"app":    {To: core.PhoneFromE164(cn), Channel: core.ChannelSMS, Purpose: PurposeCode, Tenant: 1, App: 9},
		"unicom": {To: core.PhoneFromE164(moved), Channel: core.ChannelVoice, Purpose: PurposeCode, Tenant: 2, App: 9},
		"voice":  {To: core.PhoneFromE164(us), Channel: core.ChannelVoice, Purpose: PurposeCode},
		"china":  {To: core.PhoneFromE164(cn), Channel: core.ChannelSMS, Purpose: PurposeNotice, Named: "a route that is gone"},
		"":       {To: core.PhoneFromE164(us), Channel: core.ChannelSMS, Purpose: PurposeNotice},
	} {
		got := ""
		if i := table.find(&q); i >= 0 {
			got = table.routes[i].Name
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if _, err := NewTable([]Route{{Name: "x"}, {Name: "x"}}, nil, regions); err == nil {
		t.Error("two routes of one name")
	}
}

func TestValidateNamesTheKey(t *testing.T) {
	names := []string{"a", "b"}
	for key, r := range map[string]Route{
		"name":               {Choices: []Choice{{Provider: "a"}}},
		"providers":          {Name: "x"},
		"providers.0.name":   {Name: "x", Choices: []Choice{{Provider: "c"}}},
		"providers.1.name":   {Name: "x", Choices: []Choice{{Provider: "a"}, {Provider: "a"}}},
		"providers.1.weight": {Name: "x", Weighted: true, Choices: []Choice{{Provider: "a", Weight: 1}, {Provider: "b"}}},
		"providers.0.weight": {Name: "x", Choices: []Choice{{Provider: "a", Weight: 1}}},
		"providers.0.cost":   {Name: "x", Choices: []Choice{{Provider: "a", Cost: -1}}},
		"match.countries.0":  {Name: "x", Match: Match{Countries: []string{"EU"}}, Choices: []Choice{{Provider: "a"}}},
		"match.carriers":     {Name: "x", Match: Match{Countries: []string{"FR"}, Carriers: []Carrier{CarrierMobile}}, Choices: []Choice{{Provider: "a"}}},
	} {
		var f *Fault
		if err := r.Validate(names); !errors.As(err, &f) || f.Key != key {
			t.Errorf("%v, want a fault of %s", err, key)
		}
	}
	if err := (Route{Name: "x", Match: Match{Countries: []string{"CN", "US"}}, Choices: []Choice{{Provider: "b"}}}).Validate(names); err != nil {
		t.Error(err)
	}
}
