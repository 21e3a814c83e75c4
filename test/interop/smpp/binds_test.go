//go:build interop

package smpp

import (
	"strings"
	"testing"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/trust"
	"yanma.dev/yanma/internal/provider/trust/trusttest"
)

// TestReq37_NodePairsAndTLS: transmitters, receivers and several transceivers,
// with TLS and client certificates and without, against npm's smpp.
func TestReq37_NodePairsAndTLS(t *testing.T) {
	ca := trusttest.New(t)
	serverCert, serverKey := ca.Files("127.0.0.1")
	ourCert, ourKey := ca.Files("yanma")
	secure := trust.TLS{Enabled: true, CAFile: ca.File, CertFile: ourCert, KeyFile: ourKey}
	for _, test := range []struct {
		name             string
		cfg              smpp.Config
		binds            []string // as they are counted: the order is any
		submits, answers string
	}{
		{"a pair", smpp.Config{Bind: smpp.BindPair}, []string{"bind_transmitter", "bind_receiver"}, "bind_transmitter", "bind_receiver"},
		{"two pairs over TLS", smpp.Config{Bind: smpp.BindPair, Binds: 2, TLS: secure},
			[]string{"bind_transmitter", "bind_receiver", "bind_transmitter", "bind_receiver"}, "bind_transmitter", "bind_receiver"},
		{"three transceivers over TLS", smpp.Config{Binds: 3, TLS: secure},
			[]string{"bind_transceiver", "bind_transceiver", "bind_transceiver"}, "bind_transceiver", "bind_transceiver"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var files []string
			if test.cfg.TLS.Enabled {
				files = []string{serverCert, serverKey, ca.File}
			}
			node := startNode(t, files...)
			test.cfg.Addr = node.addr
			c, s := startClient(t, test.cfg)
			want := map[string]int{}
			for _, kind := range test.binds {
				want[kind]++
				want[node.want("bind").As]--
			}
			for kind, n := range want {
				if n != 0 {
					t.Errorf("%s: %d missing", kind, n)
				}
			}
			eventually(t, "every bind is up", func() bool { return c.Health().Detail == "bound" })
			for range 4 {
				outcome := submit(c, "+8613800138000", "【验码】您的验证码是123456")
				if e := node.want("submit"); e.As != test.submits || e.Text != "【验码】您的验证码是123456" {
					t.Errorf("%+v", e)
				}
				o := await(t, "the outcome", outcome)
				r := await(t, "the receipt", s.receipts)
				if o.Class != provider.Accepted || r.PartID != o.PartIDs[0] || r.State != provider.StateDelivered {
					t.Errorf("%+v %+v", o, r)
				}
				if e := node.want("receipt answered"); e.Status != 0 || e.As != test.answers {
					t.Errorf("%+v", e)
				}
			}
		})
	}
	t.Run("somebody else", func(t *testing.T) {
		node := startNode(t, serverCert, serverKey, ca.File)
		c, _ := startClient(t, smpp.Config{Addr: node.addr, TLS: trust.TLS{Enabled: true, CAFile: trusttest.New(t).File, CertFile: ourCert, KeyFile: ourKey}})
		const why = "certificate signed by unknown authority"
		eventually(t, why, func() bool { return strings.Contains(c.Health().Detail, why) })
	})
	t.Run("without our certificate", func(t *testing.T) {
		node := startNode(t, serverCert, serverKey, ca.File)
		c, _ := startClient(t, smpp.Config{Addr: node.addr, TLS: trust.TLS{Enabled: true, CAFile: ca.File}})
		const why = "certificate required"
		eventually(t, why, func() bool { return strings.Contains(c.Health().Detail, why) })
	})
}
