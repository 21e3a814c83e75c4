package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// parse reads text with one secret in the environment and one in a file.
func parse(text string) (Config, error) {
	return Parse([]byte(text), func(name string) string {
		return map[string]string{"TOKEN": "0123456789abcdef", "SHORT": "geheim", "LONG": "neunneune"}[name]
	}, func(path string) ([]byte, error) {
		if path == "/run/secrets/token" {
			return []byte("fedcba9876543210\r\n"), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	})
}

func TestParseShortestFile(t *testing.T) {
	got, err := parse(shortest)
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Operator.Token = Secret{core.NewSecret("0123456789abcdef")}
	same(t, got, want)
}

// shortest is a file with nothing but what has no default.
const shortest = "[operator]\ntoken = \"env:TOKEN\"\n"

func TestParseValues(t *testing.T) {
	c, err := parse(`
[server]
listen = "0.0.0.0:443"
tls_cert = "/etc/yanma/cert.pem"
tls_key = "/etc/yanma/key.pem"
trusted_proxies = ["10.1.0.0/16", "fd00::/8"]
drain_timeout = "1m30s"
[operator]
token = "env:TOKEN"
[limits.rules]
number_app = ["2/60s"]
[facade.yunbox]
hosts = ["api.example.net"]
prefix = "/yunbox"
[[provider]]
name = "a"
type = "smpp"
address = "[::1]:2775"
password = "env:SHORT"
[[provider]]
name = "b"
type = "smpp"
address = "b:1"
window = 100
enquire_every = "5s"
`)
	if err != nil {
		t.Fatal(err)
	}
	if c.Operator.Token.Reveal() != "0123456789abcdef" || c.Server.DrainTimeout.D() != 90*time.Second ||
		c.Server.TrustedProxies[1].String() != "fd00::/8" || c.Facades["yunbox"].Prefix != "/yunbox" || c.Limits.Rules["number_app"][0] != "2/60s" {
		t.Errorf("%+v", c)
	}
	a, b := c.Providers[0], c.Providers[1]
	if a.Password.Reveal() != "geheim" || a.Window != 10 || a.IDRadix != "auto" || a.LongMessage != "udh" || a.EnquireEvery.D() != 30*time.Second {
		t.Errorf("%+v", a)
	}
	if b.Window != 100 || b.EnquireEvery.D() != 5*time.Second || b.ResponseTimeout.D() != 10*time.Second {
		t.Errorf("%+v", b)
	}
}

func TestParseSecretFromFile(t *testing.T) {
	c, err := parse("[operator]\ntoken = \"file:/run/secrets/token\"")
	if err != nil || c.Operator.Token.Reveal() != "fedcba9876543210" {
		t.Errorf("%q, %v", c.Operator.Token.Reveal(), err)
	}
}

// The database's password is in nothing that is printed.
func TestParseDatabase(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"TOKEN": "0123456789abcdef", "PASSWORD": "ge:h@im/%", "URL": "postgres://u:geheim@db/yanma?sslmode=disable"}[name]
	}
	for text, want := range map[string]string{
		`database = ""`: "",
		`database = "postgres://u@db:5432/yanma?sslmode=verify-full"`: "postgres://u@db:5432/yanma?sslmode=verify-full",
		`database = "env:URL"`:       "postgres://u:geheim@db/yanma?sslmode=disable",
		`database = "file:/run/url"`: "postgresql://u:geheim@a,b/yanma",
		"database = \"postgres://u@db/yanma?a=b\"\ndatabase_password = \"env:PASSWORD\"":        "postgres://u:ge%3Ah%40im%2F%25@db/yanma?a=b",
		"database = \"env:URL\"\ndatabase_password = \"file:/run/password\"":                    "postgres://u:from%20a%20file@db/yanma?sslmode=disable",
		"database = \"postgres://u@a:1,b:2/yanma\"\ndatabase_password = \"file:/run/password\"": "postgres://u:from%20a%20file@a:1,b:2/yanma",
	} {
		c, err := Parse([]byte("[operator]\ntoken = \"env:TOKEN\"\n[store]\n"+text), getenv, func(path string) ([]byte, error) {
			return []byte(map[string]string{"/run/url": "postgresql://u:geheim@a,b/yanma\n", "/run/password": "from a file\n"}[path]), nil
		})
		if err != nil || c.Store.Database.Reveal() != want {
			t.Errorf("%s: %q, %v, want %q", text, c.Store.Database.Reveal(), err, want)
		}
		printed, err := json.Marshal(c)
		if all := fmt.Sprintf("%v %+v %#v %s %v", c, c, c, printed, err); strings.Contains(all, "heim") || strings.Contains(all, "h%40im") {
			t.Errorf("%s: prints %s", text, all)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const head = "[[provider]]\nname = \"a\"\ntype = \"smpp\"\naddress = \"a:1\"\n"
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "[server]\n\nlissten = \"a:1\"", `line 3: server.lissten: unknown key`},
		{"unknown table", "[serwer]\nlisten = \"a:1\"", `line 1: serwer: unknown key`},
		{"unknown key of a provider", head + "windw = 1", `line 5: provider.windw: unknown key`},
		{"no TOML", "[server\nlisten = 1", `line 1: expected ']' to close table name`},
		{"set twice", "[log]\nlevel = \"info\"\nlevel = \"warn\"", `line 3: level: key level is already defined`},

		{"integer for string", "[server]\nlisten = 8080", `line 2: server.listen: is a TOML integer, should be a TOML string`},
		{"string for integer", "[server]\nmax_requests = \"10\"", `line 2: server.max_requests: is a TOML string, should be a TOML integer`},
		{"string for array", "[limits.rules]\nnumber_app = \"1/60s\"", `line 2: limits.rules.number_app: is a TOML string, should be a TOML array`},
		{"value for table", "server = \"x\"", `line 1: server: is a TOML string, should be a TOML table`},
		{"over a byte", "[store]\nnode = 256", `line 2: store.node: integer value 256 cannot be stored in uint8`},
		{"no duration", "[server]\ndrain_timeout = \"20\"", `line 2: server.drain_timeout: missing unit in duration "20"`},
		{"no prefix", "[server]\ntrusted_proxies = [\"10.0.0.1\"]", `line 2: server.trusted_proxies: netip.ParsePrefix("10.0.0.1"): no '/'`},

		{"no port", "[server]\n# where\nlisten = \"localhost\" # here", `line 3: server.listen: "localhost" is not host:port`},
		{"dotted key", "\nserver.listen = \"localhost\"", `line 2: server.listen: "localhost" is not host:port`},
		{"inline table", "operator = { listen = \"x\" }", `line 1: operator.listen: "x" is not host:port`},
		{"quoted key", "[\"server\"]\n\"max_requests\" = 0", `line 2: server.max_requests: 0 is not between 1 and 1048576`},
		{"certificate alone", "[server]\ntls_cert = \"c.pem\"", `line 2: server.tls_cert: needs tls_key beside it`},
		{"key alone", "[server]\n\ntls_key = \"k.pem\"", `line 3: server.tls_key: needs tls_cert beside it`},
		{"too long", "[server]\ndrain_timeout = \"11m\"", `line 2: server.drain_timeout: 11m is not between 1s and 10m`},
		{"retention", "[retention]\nmessages = \"95h\"", `line 2: retention.messages: 95h is not between 96h and 876000h`},
		{"retention of receipts", "[retention]\nreceipts = \"95h59m\"", `line 2: retention.receipts: 95h59m is not between 96h and 876000h`},
		{"retention of the audit", "[retention]\naudit = \"4391h\"", `line 2: retention.audit: 4391h is not between 4392h and 876000h, nor 0s`},
		{"retention below zero", "[retention]\naudit = \"-1h\"", `line 2: retention.audit: -1h is not between 4392h and 876000h, nor 0s`},
		{"retention of codes", "[retention]\nverifications = \"24h\"", `line 2: retention.verifications: 24h is not between 25h and 876000h`},
		{"level", "[log]\nlevel = \"loud\"", `line 2: log.level: "loud" is not one of debug, info, warn, error`},
		{"data", "[store]\ndata = \"\"", `line 2: store.data: must not be empty`},
		{"database", "[store]\ndatabase = \"mysql://u:geheim@db/yanma\"", `line 2: store.database: neither empty nor a postgres:// URL`},
		{"database from nowhere", "[store]\ndatabase = \"env:NOPE\"", `line 2: store.database: the environment has no NOPE`},
		{"a password in the file", "[store]\ndatabase = \"postgres://u:geheim@db/yanma\"", `line 2: store.database: holds a password: give that as database_password = "env:NAME" or "file:PATH"`},
		{"a password among the settings", "[store]\ndatabase = \"postgres://u@db/yanma?password=geheim\"", `line 2: store.database: holds a password: give that as database_password = "env:NAME" or "file:PATH"`},
		{"password from nowhere", "[store]\ndatabase = \"postgres://u@db/yanma\"\ndatabase_password = \"env:NOPE\"", `line 3: store.database_password: the environment has no NOPE`},
		{"the password itself", "[store]\ndatabase = \"postgres://u@db/yanma\"\ndatabase_password = \"geheim\"", `line 3: store.database_password: a secret is written as env:NAME or file:PATH, never in the file itself`},
		{"a password for nobody", "[store]\ndatabase = \"postgres://db/yanma\"\ndatabase_password = \"env:LONG\"", `line 2: store.database: with a password it must read postgres://user@host:port/name`},
		{"queue", "[store]\nqueue = -1", `line 2: store.queue: -1 is not between 1 and 1048576`},
		{"answer within", "[store]\nanswer_within = \"1ms\"", `line 2: store.answer_within: 1ms is not between 50ms and 1m`},
		{"price", "[prices]\nlogin = -1", `line 2: prices.login: must not be negative`},
		{"limit", "[limits.rules]\nnumber_tenant = [\"40 per day\"]", `line 2: limits.rules.number_tenant: window "40 per day": want a number, a slash and a time, as in 5/1h or 10/day`},
		{"no such limit", "[limits]\nrules = { number_apps = [] }", `line 2: limits.rules.number_apps: no such limit`},
		{"no such dialect", "[log]\n[facade.yunbax]\n", `line 2: facade.yunbax: there is no such dialect`},
		{"prefix", "[facade.yunbox]\nprefix = \"yunbox/\"", `line 2: facade.yunbox.prefix: "yunbox/" is not of the form /name`},
		{"host", "[facade.yunbox]\nhosts = [\"api.example.net:443\"]", `line 2: facade.yunbox.hosts: "api.example.net:443" is not a host name without a port`},

		{"no name", "[[provider]]\ntype = \"smpp\"", `line 1: provider.name: a provider needs a name`},
		{"one name twice", head + "\n" + head, `line 7: provider.name: two providers are called "a"`},
		{"type", "[[provider]]\nname = \"a\"\ntype = \"fax\"", `line 3: provider.type: "fax" is not one of smpp, cmpp, sip, http, aliyun, tencent, twilio, submail, kannel`},
		{"no address", "[[provider]]\nname = \"a\"\ntype = \"smpp\"", `line 1: provider.address: "" is not host:port`},
		{"second provider", head + "[[provider]]\nname = \"b\"\ntype = \"smpp\"\naddress = \"b:1\"\nwindow = 10001", `line 9: provider.window: 10001 is not between 1 and 10000`},
		{"array of inline tables", "provider = [\n{name=\"a\", type=\"smpp\", address=\"a:1\"},\n{name=\"b\", type=\"smpp\", address=\"b\"}]", `line 3: provider.address: "b" is not host:port`},
		{"system_id", head + "system_id = \"0123456789abcdef\"", `line 5: provider.system_id: at most 15 characters`},
		{"password", head + "password = \"env:LONG\"", `line 5: provider.password: at most 8 characters`},
		{"name of 12", head + "source = \"Yanma Yanma!\"", `line 5: provider.source: at most 11 characters`},
		{"name not ASCII", head + "source = \"验码\"", `line 5: provider.source: a sender's name is ASCII`},
		{"number of 21", head + "source = \"+012345678901234567890\"", `line 5: provider.source: at most 20 characters`},
		{"radix", head + "id_radix = \"octal\"", `line 5: provider.id_radix: "octal" is not one of auto, literal, hex, decimal`},

		{"provisioner", "[tunnel]\nprovisioner = \"magic\"", `line 2: tunnel.provisioner: "magic" is not none or webhook`},
		{"pool", "[tunnel]\nipv4_pool = \"10.0.0.1/8\"", `line 2: tunnel.ipv4_pool: "10.0.0.1/8" is not an IPv4 network such as 10.0.0.0/8`},
		{"webhook needs more", "[tunnel]\nprovisioner = \"webhook\"", `line 1: tunnel.gateway_public_key: not the Base64 of 32 bytes`},

		{"secret not in the environment", "[operator]\ntoken = \"env:NOPE\"", `line 2: operator.token: the environment has no NOPE`},
		{"secret's file missing", "[operator]\ntoken = \"file:/nope\"", `line 2: operator.token: open /nope: file does not exist`},
		{"no token", "", `operator.token: must be set, as env:NAME or file:PATH of at least 16 characters`},
		{"an empty token", "[operator]\n\ntoken = \"\"", `line 3: operator.token: must be set, as env:NAME or file:PATH of at least 16 characters`},
		{"short token", "[operator]\ntoken = \"env:SHORT\"", `line 2: operator.token: a token has at least 16 characters`},
		{"token in the clear", "[operator]\ntoken = \"geheim\"", `line 2: operator.token: a secret is written as env:NAME or file:PATH, never in the file itself`},
		{"password in the clear", head + "password = \"geheim\"", `line 5: provider.password: a secret is written as env:NAME or file:PATH, never in the file itself`},
		{"webhook's secret in the clear", "[tunnel.webhook]\nsecret = \"geheim\"", `line 2: tunnel.webhook.secret: a secret is written as env:NAME or file:PATH, never in the file itself`},
		{"secret in an array", "[operator]\ntoken = [\"geheim\"]", `line 2: operator.token: is a TOML array, should be a TOML string`},
		{"secret not closed", "[operator]\ntoken = \"geheim", `line 2: unterminated basic string`},
	} {
		_, err := parse(c.text)
		if err == nil {
			t.Errorf("%s: taken", c.name)
			continue
		}
		if err.Error() != c.want {
			t.Errorf("%s:\n     %v\nwant %s", c.name, err, c.want)
		}
		if strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: the error shows the secret: %v", c.name, err)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "yanma.toml")
	if _, err := Load(path, os.Getenv, ReadFile); !errors.Is(err, fs.ErrNotExist) || !strings.HasPrefix(err.Error(), "read the configuration: ") {
		t.Errorf("a missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("[log]\nlevel = \"x\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, os.Getenv, ReadFile)
	if want := path + `: line 2: log.level: "x" is not one of debug, info, warn, error`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if err := os.WriteFile(path, []byte(shortest), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TOKEN", "0123456789abcdef")
	if _, err := Load(path, os.Getenv, ReadFile); err != nil {
		t.Error(err)
	}
}

func TestDurationText(t *testing.T) {
	for written, want := range map[string]string{"24h": "24h", "90s": "1m30s", "1h0m5s": "1h0m5s", "10m": "10m", "0s": "0s", "1h30m": "1h30m", "20s": "20s", "250ms": "250ms"} {
		var d Duration
		if err := d.UnmarshalText([]byte(written)); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v, want %s", written, d, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("[server]\nlisten = \"a:1\"")
	f.Add("[[provider]]\nname = \"a\"\n[[provider]]\npassword = \"canary-in-clear\"\n[facade.x]\n")
	f.Add("limits.rules = { a = [\"1/1s\"] }\nprovider = [{name=\"a\"}]")
	if data, err := os.ReadFile(exampleFile); err == nil {
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parse(text)
		if err != nil {
			const canary = "canary-in-clear"
			asPassword := strings.Count(text, `password = "`+canary+`"`) == strings.Count(text, canary)
			if asPassword && strings.Contains(err.Error(), canary) {
				t.Fatalf("%q: the error shows the secret: %v", text, err)
			}
			return
		}
		if err := c.check(nil); err != nil {
			t.Fatalf("%q: what Parse took does not pass the check: %v", text, err)
		}
	})
}
