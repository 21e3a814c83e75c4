package config

import (
	"strings"
	"testing"

	"yanma.dev/yanma/internal/provider/httpsms"
)

// stanza is a provider of type http that works, of 14 lines after the head.
const stanza = `[[provider]]
name = "acme"
type = "http"
url = "https://api.example.net/send"
password = "env:TOKEN"
[provider.request]
fields = { to = "{to}", text = "{text}" }
[provider.request.sign]
algorithm = "md5"
field = "sign"
[provider.response]
id = "id"
code = "code"
ok = ["0"]
`

func TestParseProviderOverHTTP(t *testing.T) {
	c, err := parse("[operator]\ntoken = \"env:TOKEN\"\n[receipts]\nurl = \"https://sms.example.net/\"\n" + strings.Replace(stanza, "password", "receipt_secret = \"env:TOKEN\"\npassword", 1))
	if err != nil {
		t.Fatal(err)
	}
	got := c.Providers[0].HTTPSMS(c.Receipts)
	if got.Type != httpsms.Declared || got.Request.Fields["to"] != "{to}" || got.Response.OK[0] != "0" || got.Request.Sign.Field != "sign" ||
		got.Password.Reveal() != "0123456789abcdef" || got.ReceiptSecret.Reveal() != "0123456789abcdef" || got.ReceiptURL != "https://sms.example.net/receipts" {
		t.Errorf("%+v", got)
	}
}

// TestParseProviderErrors: a stanza with an unknown key, or a template that
// does not render, is refused with its line.
func TestParseProviderErrors(t *testing.T) {
	const other = "[[provider]]\nname = \"b\"\ntype = \"smpp\"\naddress = \"b:1\"\n" // what comes before has no part in the count
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", `url =`, "urll = \"x\"\nurl =", `line 8: provider.urll: unknown key`},
		{"unknown key of a table", `[provider.response]`, "mode = 1\n[provider.response]", `line 15: provider.request.sign.mode: unknown key`},
		{"another type's key", `url =`, "system_id = \"x\"\nurl =", `line 8: provider.system_id: is no key of a provider of type http`},
		{"no such name", `"{text}"`, `"{txt}"`, `line 11: provider.request.fields.text: there is no {txt}`},
		{"not closed", `"{text}"`, `"{text"`, `line 11: provider.request.fields.text: has a { without its }; a brace itself is written {{`},
		{"not opened", `"{text}"`, `"text}"`, `line 11: provider.request.fields.text: has a } without its {; a brace itself is written }}`},
		{"not JSON", `fields = { to = "{to}", text = "{text}" }`, `encoding = "json"` + "\n" + `body = "{text}"`, `line 12: provider.request.body: is not JSON: invalid character 't' looking for beginning of object key string`},
		{"JSON that does not render", `fields = { to = "{to}", text = "{text}" }`, `encoding = "json"` + "\n" + `body = '{"a":["{tu}"]}'`, `line 12: provider.request.body: there is no {tu}`},
		{"no fields", `fields = { to = "{to}", text = "{text}" }`, ``, `line 10: provider.request.fields: what form sends is in fields, not in body`},
		{"a header that can not be", `[provider.request.sign]`, "headers = { \"A B\" = \"x\" }\n[provider.request.sign]", `line 12: provider.request.headers.A B: is not a header that can be set`},
		{"algorithm", `"md5"`, `"crc32"`, `line 13: provider.request.sign.algorithm: "crc32" is not one of hmac-sha256, md5`},
		{"no place for the signature", `field = "sign"`, ``, `line 12: provider.request.sign: needs either field or header, to say where the signature goes`},
		{"no id", `id = "id"`, ``, `line 15: provider.response.id: must be set: without the carrier's id no receipt finds its message`},
		{"no code", `code = "code"`, ``, `line 18: provider.response.ok: the codes of success and where the code is go together`},
		{"class", `ok = ["0"]`, "ok = [\"0\"]\ncodes = { 7 = \"lost\" }", `line 19: provider.response.codes.7: "lost" is not one of rejected, throttled, unknown, not_sent`},
		{"not a URL", `"https://api.example.net/send"`, `"api.example.net"`, `line 8: provider.url: not an http or https URL with a host`},
		{"a password in the URL", `"https://api`, `"https://me:geheim@api`, `line 8: provider.url: a user, password or fragment does not belong in it`},
		{"a secret in the file", `"env:TOKEN"`, `"geheim"`, `line 9: provider.password: a secret is written as env:NAME or file:PATH, never in the file itself`},
		{"a CA file that is not there", `password =`, "ca_file = \"nowhere.pem\"\npassword =", `line 9: provider.ca_file: open nowhere.pem: no such file or directory`},
		{"a short receipt secret", `password =`, "receipt_secret = \"env:SHORT\"\npassword =", `line 9: provider.receipt_secret: must be 16 to 128 characters of A to Z, a to z, 0 to 9, - and _`},
		{"a name that is no path", `"acme"`, `"a/b"`, `line 6: provider.name: must be of A to Z, a to z, 0 to 9, - and _: it is a part of the receipts' path`},
		{"a type's needs", `type = "http"`, `type = "kannel"`, `line 10: provider.request: is no key of a provider of type kannel`},
		{"receipt states", `[provider.response]`, "[provider.receipt]\nid = \"i\"\ncode = \"c\"\nstates = { OK = \"fine\" }\n[provider.response]", `line 18: provider.receipt.states.OK: "fine" is not one of delivered, undelivered, submitted`},
		{"receipt key", `[provider.response]`, "[provider.receipt]\nauth = \"bearer\"\n[provider.response]", `line 5: provider.receipt_key: must be set for this type`},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed := strings.Replace(stanza, c.old, c.new, 1)
			if changed == stanza {
				t.Fatal("nothing changed")
			}
			_, err := parse(other + changed + shortest)
			if err == nil || err.Error() != c.want {
				t.Errorf("\n got %v\nwant %s", err, c.want)
			}
		})
	}
	for _, c := range []struct{ text, want string }{
		{"[[provider]]\nname = \"a\"\ntype = \"kannel\"\nurl = \"http://k/\"\naccount = \"x\"\n", `line 1: provider.password: must be set for this type`},
		{"[[provider]]\nname = \"a\"\ntype = \"twilio\"\naccount = \"x\"\npassword = \"env:TOKEN\"\nsource = \"+1\"\nreceipt_secret = \"env:TOKEN\"\n",
			`line 7: provider.receipt_secret: is of no use while receipts.url does not say where carriers reach us`},
		{"[[provider]]\nname = \"a\"\ntype = \"submail\"\naccount = \"x\"\npassword = \"env:TOKEN\"\nreceipt_secret = \"env:TOKEN\"\n", `line 1: provider.receipt_key: must be set for this type`},
		{"[[provider]]\nname = \"a\"\ntype = \"aliyun\"\naccount = \"x\"\npassword = \"env:TOKEN\"\nsignature = \"x\"\n[provider.templates]\ncode = { params = [\"code\"] }\n",
			`line 8: provider.templates.code: has no code`},
		{"[receipts]\nprefix = \"\"\n", `line 2: receipts.prefix: must not be empty`},
		{"[receipts]\nurl = \"sms.example.net\"\n", `line 2: receipts.url: not an http or https URL with a host and perhaps a path`},
		{"[[provider]]\nname = \"a\"\ntype = \"smpp\"\naddress = \"a:1\"\nurl = \"http://k/\"\n", `line 5: provider.url: is no key of a provider of type smpp`},
	} {
		if _, err := parse(c.text + shortest); err == nil || err.Error() != c.want {
			t.Errorf("\n got %v\nwant %s", err, c.want)
		}
	}
}
