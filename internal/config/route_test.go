package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/route"
)

// routed is two providers and a route, of lines 1 to 15.
const routed = `[operator]
token = "env:TOKEN"
[[provider]]
name = "a"
type = "smpp"
address = "a:1"
[[provider]]
name = "b"
type = "smpp"
address = "b:1"
[[route]]
name = "china"
mode = "weighted"
match = { countries = ["CN"], carriers = ["mobile", "unicom"], channels = ["sms"], purposes = ["code"], apps = [3] }
providers = [ { name = "a", weight = 3, cost = 5 }, { name = "b", weight = 1 } ]
`

func TestParseRoute(t *testing.T) {
	c, err := parse(routed)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.Routes[0].Route()
	if err != nil {
		t.Fatal(err)
	}
	same(t, got, route.Route{Name: "china", Weighted: true,
		Match: route.Match{Countries: []string{"CN"}, Carriers: []route.Carrier{route.CarrierMobile, route.CarrierUnicom},
			Channels: []core.Channel{core.ChannelSMS}, Purposes: []route.Purpose{route.PurposeCode}, Apps: []core.AppID{3}},
		Choices: []route.Choice{{Provider: "a", Weight: 3, Cost: 5}, {Provider: "b", Weight: 1}}})
}

func TestParseRouteErrors(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"unknown key", `mode =`, "modes = \"x\"\nmode =", `line 13: route.modes: unknown key`},
		{"unknown provider", `name = "b", w`, `name = "c", w`, `line 15: route.providers.name: there is no provider "c"`},
		{"twice", `name = "b", w`, `name = "a", w`, `line 15: route.providers.name: "a" stands there twice`},
		{"zero weight", `weight = 1`, `weight = 0`, `line 15: route.providers.weight: 0 is not between 1 and 1000000`},
		{"no weight", `, weight = 1`, ``, `line 15: route.providers.weight: 0 is not between 1 and 1000000`},
		{"negative weight", `weight = 1`, `weight = -1`, `line 15: route.providers.weight: -1 is not between 1 and 1000000`},
		{"weights without use", `"weighted"`, `"ordered"`, `line 15: route.providers.weight: an ordered route has no weights`},
		{"negative cost", `cost = 5`, `cost = -5`, `line 15: route.providers.cost: must not be negative`},
		{"mode", `"weighted"`, `"random"`, `line 13: route.mode: "random" is neither ordered nor weighted`},
		{"country", `"CN"`, `"XX"`, `line 14: route.match.countries: "XX" is no ISO 3166 region with telephone numbers`},
		{"carrier", `"unicom"`, `"vodafone"`, `line 14: route.match.carriers: "vodafone" is none of carriers`},
		{"carrier elsewhere", `"CN"`, `"FR"`, `line 14: route.match.carriers: carriers are known in CN only, which the route does not take`},
		{"channel", `"sms"`, `"fax"`, `line 14: route.match.channels: "fax" is none of channels`},
		{"purpose", `"code"`, `"love"`, `line 14: route.match.purposes: "love" is none of purposes`},
		{"no name", `name = "china"`, ``, `line 11: route.name: a route needs a name`},
		{"taken name", `"china"`, `"default"`, `line 12: route.name: "default" is the route of all providers, which is always there`},
		{"no providers", `[ { name = "a", weight = 3, cost = 5 }, { name = "b", weight = 1 } ]`, `[]`, `line 15: route.providers: a route needs a provider`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse(strings.Replace(routed, c.old, c.new, 1))
			if err == nil || err.Error() != c.want {
				t.Errorf("%v\nwant %s", err, c.want)
			}
		})
	}
	_, err := parse(routed + "[[route]]\nname = \"china\"\nproviders = [ { name = \"b\" } ]\n")
	if want := `line 17: route.name: two routes are called "china"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestParsePorted(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ported")
	for text, want := range map[string]string{
		"13800138000 unicom # since May\n\n":      "",
		"13800138000 unicom\n13800138000 mobile":  "line 16: routing.ported: FILE: line 2: the number stands there twice",
		"13800138000":                             "line 16: routing.ported: FILE: line 1: want a number and a carrier",
		"# all\n23800138000 mobile":               "line 16: routing.ported: FILE: line 2: not a mobile number of mainland China",
		"13800138000 vodafone":                    "line 16: routing.ported: FILE: line 1: the carrier is none of mobile, unicom, telecom, broadnet",
		"+8613800138000 telecom\n1380013800 none": "line 16: routing.ported: FILE: line 2: not a mobile number of mainland China",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		source := routed + "[routing]\nported = \"" + file + "\"\n"
		c, err := Parse([]byte(source), func(string) string { return "0123456789abcdef" }, os.ReadFile)
		want = strings.Replace(strings.Replace(want, "FILE", file, 1), "line 16", "line 17", 1)
		switch {
		case want == "" && (err != nil || c.Routing.Table().Of(core.PhoneFromE164("+8613800138000")) != route.CarrierUnicom):
			t.Errorf("%v", err)
		case want != "" && (err == nil || err.Error() != want):
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	_, err := parse("[operator]\ntoken = \"env:TOKEN\"\n[routing]\nported = \"/nowhere/at/all\"\n")
	if err == nil || !strings.HasPrefix(err.Error(), "line 4: routing.ported: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}
