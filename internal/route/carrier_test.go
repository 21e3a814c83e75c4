package route

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

// TestCarrierOfPrefix is the table of contracts/delivery.md §6.
func TestCarrierOfPrefix(t *testing.T) {
	for prefix, want := range map[string]Carrier{
		"1340": CarrierMobile, "1348": CarrierMobile, "1349": CarrierTelecom, "1351": CarrierMobile, "1390": CarrierMobile,
		"147": CarrierMobile, "150": CarrierMobile, "152": CarrierMobile, "157": CarrierMobile, "159": CarrierMobile,
		"172": CarrierMobile, "178": CarrierMobile, "182": CarrierMobile, "184": CarrierMobile, "187": CarrierMobile, "188": CarrierMobile,
		"195": CarrierMobile, "197": CarrierMobile, "198": CarrierMobile,
		"130": CarrierUnicom, "132": CarrierUnicom, "145": CarrierUnicom, "155": CarrierUnicom, "156": CarrierUnicom, "166": CarrierUnicom,
		"175": CarrierUnicom, "176": CarrierUnicom, "185": CarrierUnicom, "186": CarrierUnicom, "196": CarrierUnicom,
		"133": CarrierTelecom, "149": CarrierTelecom, "153": CarrierTelecom, "173": CarrierTelecom, "17400": CarrierTelecom, "17405": CarrierTelecom,
		"177": CarrierTelecom, "180": CarrierTelecom, "181": CarrierTelecom, "189": CarrierTelecom, "190": CarrierTelecom, "191": CarrierTelecom,
		"193": CarrierTelecom, "199": CarrierTelecom, "192": CarrierBroadnet,
		"165": CarrierMobile, "1703": CarrierMobile, "1705": CarrierMobile, "1706": CarrierMobile,
		"167": CarrierUnicom, "171": CarrierUnicom, "1704": CarrierUnicom, "1707": CarrierUnicom, "1708": CarrierUnicom, "1709": CarrierUnicom,
		"162": CarrierTelecom, "1700": CarrierTelecom, "1701": CarrierTelecom, "1702": CarrierTelecom,
		"1749": CarrierUnknown, "17406": CarrierUnknown, "17412": CarrierUnknown, "142": CarrierUnknown, "143": CarrierUnknown,
		"154": CarrierUnknown, "161": CarrierUnknown, "164": CarrierUnknown, "194": CarrierUnknown,
	} {
		number := (prefix + "00000000000")[:11]
		if got := Ported(nil).Of(core.PhoneFromE164("+86" + number)); got != want {
			t.Errorf("%s…: %s, want %s", prefix, got, want)
		}
	}
	for _, number := range []string{"+14155550123", "+8613800", "+86138001380001", ""} {
		if got := Ported(nil).Of(core.PhoneFromE164(number)); got != CarrierUnknown {
			t.Errorf("%s: %s", number, got)
		}
	}
}

func TestPortedNumberWins(t *testing.T) {
	p, err := ParsePorted([]byte("# ported\n13800138000 telecom\n\n+8613012345678  mobile # back\n"))
	if err != nil {
		t.Fatal(err)
	}
	for number, want := range map[string]Carrier{"+8613800138000": CarrierTelecom, "+8613012345678": CarrierMobile, "+8613800138001": CarrierMobile} {
		if got := p.Of(core.PhoneFromE164(number)); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
