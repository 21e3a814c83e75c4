package smpp

import (
	"testing"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/link"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
)

// TestReq37_StatusClasses is contracts/delivery.md §2.2 as submissions see it.
func TestReq37_StatusClasses(t *testing.T) {
	cfg := Config{VendorStatus: map[pdu.Status]provider.Class{0x401: provider.Throttled, 0x58: provider.Rejected}}
	for _, row := range []struct {
		statuses []pdu.Status
		class    provider.Class
		effect   link.Effect
	}{
		{[]pdu.Status{0x00}, provider.Accepted, link.EffectNone},
		{[]pdu.Status{0x01, 0x02, 0x03, 0x0a, 0x0b, 0x45, 0x61, 0x62, 0x65, 0x66, 0x400, 0x4ff, 0x500, 0x33}, provider.Rejected, link.EffectNone},
		{[]pdu.Status{0x04, 0x05, 0x0d, 0x0e, 0x0f}, provider.Throttled, link.EffectRelogin},
		{[]pdu.Status{0x08, 0x64}, provider.Throttled, link.EffectNone},
		{[]pdu.Status{0x14, 0x58, 0x401}, provider.Throttled, link.EffectSlow},
		{[]pdu.Status{0xfe, 0xff}, provider.Rejected, link.EffectRetry},
	} {
		for _, s := range row.statuses {
			if got := cfg.classify(s); got.class != row.class || got.effect != row.effect {
				t.Errorf("%s: %v, effect %d; want %v, %d", s, got.class, got.effect, row.class, row.effect)
			}
		}
	}
	for status, stops := range map[pdu.Status]bool{0x0e: true, 0x0f: true, 0x0d: false, 0x05: false, 0x08: false} {
		if stopsLink(status) != stops {
			t.Errorf("%s stops the link: %v", status, !stops)
		}
	}
}

func TestIDAlternatives(t *testing.T) {
	for _, test := range []struct {
		radix IDRadix
		id    string
		want  []string
	}{
		{RadixAuto, "1234567890", []string{"499602d2", "499602D2", "78187493520"}},
		{RadixAuto, "499602d2", []string{"1234567890"}},
		{RadixAuto, "26", []string{"1a", "1A", "0000001a", "0000001A", "38"}},
		{RadixDecimal, "26", []string{"1a", "1A", "0000001a", "0000001A"}},
		{RadixHex, "0000001A", []string{"26"}},
		{RadixLiteral, "26", nil},
		{RadixAuto, "not-a-number", nil},
		{RadixAuto, "123456789012345678901234567890", nil},
	} {
		got := test.radix.alternatives(test.id)
		if len(got) != len(test.want) {
			t.Errorf("%s %q: %q, want %q", test.radix, test.id, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s %q: %q, want %q", test.radix, test.id, got, test.want)
			}
		}
	}
}

func TestSourceAddress(t *testing.T) {
	for _, test := range []struct {
		cfg  Config
		from string
		want pdu.Address
		ok   bool
	}{
		{Config{}, "YANMA", pdu.Address{TON: 5, NPI: 0, Addr: "YANMA"}, true},
		{Config{}, "+8613800138000", pdu.Address{TON: 1, NPI: 1, Addr: "8613800138000"}, true},
		{Config{}, "8613800138000", pdu.Address{TON: 1, NPI: 1, Addr: "8613800138000"}, true},
		{Config{}, "10690", pdu.Address{TON: 3, NPI: 0, Addr: "10690"}, true},
		{Config{Source: "YANMA"}, "", pdu.Address{TON: 5, NPI: 0, Addr: "YANMA"}, true},
		{Config{Source: "106901234567", SourceTON: 2, SourceNPI: 8}, "", pdu.Address{TON: 2, NPI: 8, Addr: "106901234567"}, true},
		{Config{Source: "106901234567", SourceTON: 2}, "YANMA", pdu.Address{TON: 5, NPI: 0, Addr: "YANMA"}, true},
		{Config{}, "", pdu.Address{}, true},
		{Config{}, "twelve chars", pdu.Address{}, false},
		{Config{}, "验码", pdu.Address{}, false},
		{Config{}, "123456789012345678901", pdu.Address{}, false},
	} {
		got, err := test.cfg.source(test.from)
		if (err == nil) != test.ok || test.ok && got != test.want {
			t.Errorf("%q: %+v, %v", test.from, got, err)
		}
	}
}

func TestSubscriber(t *testing.T) {
	for _, test := range []struct {
		from pdu.Address
		want string
	}{
		{pdu.Address{TON: 1, NPI: 1, Addr: "8613800138000"}, "+8613800138000"},
		{pdu.Address{TON: 1, NPI: 1, Addr: "+14155550123"}, "+14155550123"},
		{pdu.Address{TON: 2, NPI: 1, Addr: "13800138000"}, "+8613800138000"},
		{pdu.Address{TON: 1, NPI: 1, Addr: "14155550123"}, "+14155550123"},
	} {
		if got := subscriber(test.from).E164(); got != test.want {
			t.Errorf("%+v: %s, want %s", test.from, got, test.want)
		}
	}
}
