package config

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/numberverify"
)

// gateway is a stanza of each type that works, after two lines of head.
var gateways = map[string]string{
	"chinamobile": "[[carrier]]\nname = \"a\"\ntype = \"chinamobile\"\napp_id = \"1\"\napp_key = \"env:TOKEN\"\n",
	"http": "[[carrier]]\nname = \"a\"\ntype = \"http\"\nurl = \"https://x.example/v\"\napp_key = \"env:TOKEN\"\n[carrier.request]\nfields = { t = \"{token}\" }\n" +
		"[carrier.response]\ncode = \"c\"\nmatch = [\"0\"]\nmismatch = [\"1\"]\n",
}

const carrierHead = "[operator]\ntoken = \"env:TOKEN\"\n"

func TestParseCarriers(t *testing.T) {
	c, err := parse(carrierHead + gateways["chinamobile"] + "carriers = [\"unicom\"]\napps = [7]\n[carrier.device]\nmode = \"direct\"\nurl = \"https://x.example\"\n[numbers]\ntelecom_life = \"1m\"\n")
	if err != nil {
		t.Fatal(err)
	}
	got := c.Carriers[0]
	if got.ChinaMobile().AppKey.Reveal() != "0123456789abcdef" || len(got.Whose()) != 1 || got.Whose()[0] != numberverify.CarrierUnicom || got.Apps[0] != 7 ||
		got.Device.Mode != "direct" || c.Numbers.Lives()[numberverify.CarrierTelecom] != time.Minute || c.Numbers.Lives()[numberverify.CarrierMobile] != 2*time.Minute {
		t.Errorf("%+v %+v", got, c.Numbers)
	}
	if c, err = parse(carrierHead + gateways["http"]); err != nil || c.Carriers[0].Declared().Response.Code != "c" {
		t.Errorf("%v", err)
	}
}

// TestCarrierErrors: what can not work is refused with its line and key.
func TestCarrierErrors(t *testing.T) {
	mobile := carrierHead + gateways["chinamobile"]
	for text, want := range map[string]string{
		mobile + "url = \"ftp://x\"\n":                                                                                      "line 8: carrier.0.url: ",
		mobile + "nonsense = 1\n":                                                                                           "line 8: carrier.nonsense: unknown key",
		mobile + "carriers = [\"tietong\"]\n":                                                                               "line 8: carrier.0.carriers: ",
		mobile + "egress = \"here\"\n":                                                                                      "line 8: carrier.0.egress: ",
		mobile + "client_id = \"x\"\n":                                                                                      "line 8: carrier.0.client_id: is no key of a gateway of type chinamobile",
		mobile + gateways["chinamobile"]:                                                                                    "line 9: carrier.1.name: two gateways",
		mobile + "[carrier.device]\nmode = \"bluetooth\"\nurl = \"x\"\n":                                                    "line 9: carrier.0.device.mode: ",
		mobile + "[numbers]\ntime_limit = \"1h\"\n":                                                                         "line 9: numbers.time_limit: ",
		mobile + "[sim_swap]\nurl = \"https://x.example\"\n":                                                                "sim_swap.token_url: ",
		carrierHead + strings.Replace(gateways["chinamobile"], "app_id = \"1\"\n", "", 1):                                   "carrier.0.app_id: must be set",
		carrierHead + strings.Replace(gateways["chinamobile"], "\"chinamobile\"", "\"mobile\"", 1):                          "line 5: carrier.0.type: ",
		carrierHead + strings.Replace(gateways["chinamobile"], "env:TOKEN", "secret", 1):                                    "line 7: carrier.0.app_key: a secret is written as",
		carrierHead + strings.Replace(gateways["http"], "{token}", "{tokn}", 1):                                             "line 9: carrier.0.request.fields.t: there is no {tokn}",
		carrierHead + strings.Replace(gateways["http"], "mismatch = [\"1\"]", "codes = { a = \"b\" }\nmismatch=[\"1\"]", 1): "carrier.0.response.codes.a: ",
	} {
		if _, err := parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n%v, want %s", text, err, want)
		}
	}
}
