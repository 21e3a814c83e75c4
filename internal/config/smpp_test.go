package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/trust"
)

const smppStanza = `
[[provider]]
name = "main"
type = "smpp"
address = "smsc.example.net:2775"
system_id = "yanma"
password = "env:YANMA_SMPP_PASSWORD"
`

func TestSMPPStanza(t *testing.T) {
	const token = "[operator]\ntoken = \"env:YANMA_OPERATOR_TOKEN\"\n"
	got, err := Parse([]byte(token+smppStanza), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want := smpp.Config{Name: "main", Addr: "smsc.example.net:2775", SystemID: "yanma", Password: core.NewSecret("secret8c"), Bind: smpp.BindTransceiver,
		Binds: 1, Window: 10, IDRadix: smpp.RadixAuto, LongMessage: smpp.LongUDH, EnquireEvery: 30 * time.Second, ResponseTimeout: 10 * time.Second}
	same(t, got.Providers[0].SMPP(), want)

	got, err = Parse([]byte(token+smppStanza+`bind = "pair"
binds = 2
tls = true
server_name = "smpp.example.net"
rate = 100
`), environment, os.ReadFile)
	if err != nil {
		t.Fatal(err)
	}
	want.Bind, want.Binds, want.TLS, want.RatePerSecond = smpp.BindPair, 2, trust.TLS{Enabled: true, ServerName: "smpp.example.net"}, 100
	same(t, got.Providers[0].SMPP(), want)
}

func TestSMPPStanzaRefused(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ added, want string }{
		{"bind = \"receiver\"", `line 8: provider.bind: "receiver" is not one of transceiver, pair`},
		{"binds = 65", `line 8: provider.binds: 65 is not between 1 and 64`},
		{"binds = -1", `line 8: provider.binds: -1 is not between 1 and 64`},
		{"links = 2", `line 8: provider.links: is no key of a provider of type smpp`},
		{"bindings = 2", `line 8: provider.bindings: unknown key`},
		{"server_name = \"x\"", `line 2: provider.tls: must be true where there are certificates or a server_name`},
		{"tls = true\nca_file = \"nowhere.pem\"", `line 9: provider.ca_file: open nowhere.pem: no such file or directory`},
		{"tls = true\nca_file = \"" + empty + "\"", `line 9: provider.ca_file: ` + empty + ` has no certificate in PEM`},
		{"tls = true\ncert_file = \"a.pem\"", `line 9: provider.cert_file: needs key_file beside it`},
		{"tls = true\nkey_file = \"a.pem\"", `line 9: provider.key_file: needs cert_file beside it`},
		{"tls = true\ncert_file = \"nowhere.pem\"\nkey_file = \"a.pem\"", `line 9: provider.cert_file: open nowhere.pem: no such file or directory`},
	} {
		_, err := Parse([]byte(smppStanza+test.added+"\n"), environment, os.ReadFile)
		if err == nil || err.Error() != test.want {
			t.Errorf("%s:\n got %v\nwant %s", strings.ReplaceAll(test.added, "\n", "; "), err, test.want)
		}
	}
}
