package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
)

const cmppStanza = `
[[provider]]
name = "mobile"
type = "cmpp"
address = "cmpp.example.net:7890"
sp_id = "901234"
password = "env:YANMA_CMPP_SECRET"
`

func TestCMPPStanza(t *testing.T) {
	const token = "[operator]\ntoken = \"env:YANMA_OPERATOR_TOKEN\"\n"
	got, err := Parse([]byte(token+cmppStanza), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := cmpp.Config{Name: "mobile", Addr: "cmpp.example.net:7890", SPID: "901234", Secret: core.NewSecret("secret of the SP"), Version: pdu.V20,
		Charset: cmpp.CharsetUCS2, Links: 1, Window: 16, TestEvery: 30 * time.Second, ResponseTimeout: 10 * time.Second}
	same(t, got.Providers[0].CMPP(), want)

	got, err = Parse([]byte(token+cmppStanza+`version = "3.0"
service_id = "YANMA"
source = "106901234"
charset = "gbk"
trust_gateway = true
links = 3
window = 32
rate = 100
enquire_every = "3m"
response_timeout = "60s"
`), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want.Version, want.ServiceID, want.Source, want.Charset, want.TrustGateway = pdu.V30, "YANMA", "106901234", cmpp.CharsetGBK, true
	want.Links, want.Window, want.RatePerSecond, want.TestEvery, want.ResponseTimeout = 3, 32, 100, 3*time.Minute, time.Minute
	same(t, got.Providers[0].CMPP(), want)
}

func TestCMPPStanzaRefused(t *testing.T) {
	for _, test := range []struct{ old, replaced, want string }{
		{`"901234"`, `"1234567"`, `line 6: provider.sp_id: at most 6 characters`},
		{`sp_id = "901234"`, ``, `line 2: provider.sp_id: must not be empty`},
		{`:7890`, ``, `line 5: provider.address: "cmpp.example.net" is not host:port`},
		{`sp_id`, `system_id = "x"` + "\n" + `sp_id`, `line 6: provider.system_id: is no key of a provider of type cmpp`},
		{`sp_id`, `url = "http://k/"` + "\n" + `sp_id`, `line 6: provider.url: is no key of a provider of type cmpp`},
		{`sp_id`, `version = "2.1"` + "\n" + `sp_id`, `line 6: provider.version: "2.1" is not one of 2.0, 3.0`},
		{`sp_id`, `service_id = "eleven char"` + "\n" + `sp_id`, `line 6: provider.service_id: at most 10 characters`},
		{`sp_id`, `source = "YANMA"` + "\n" + `sp_id`, `line 6: provider.source: an access number has digits only`},
		{`sp_id`, `source = "1234567890123456789012"` + "\n" + `sp_id`, `line 6: provider.source: at most 21 characters`},
		{`sp_id`, `charset = "utf-8"` + "\n" + `sp_id`, `line 6: provider.charset: "utf-8" is not one of ucs2, gbk, ascii`},
		{`sp_id`, `window = 10001` + "\n" + `sp_id`, `line 6: provider.window: 10001 is not between 1 and 10000`},
		{`sp_id`, `links = 65` + "\n" + `sp_id`, `line 6: provider.links: 65 is not between 1 and 64`},
		{`sp_id`, `binds = 2` + "\n" + `sp_id`, `line 6: provider.binds: is no key of a provider of type cmpp`},
		{`type = "cmpp"`, `type = "smpp"`, `line 6: provider.sp_id: is no key of a provider of type smpp`},
	} {
		_, err := Parse([]byte(strings.Replace(cmppStanza, test.old, test.replaced, 1)), environment, os.ReadFile)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.replaced, err, test.want)
		}
	}
}
