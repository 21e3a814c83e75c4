package smpp_test

import (
	"context"
	"crypto/tls"
	"net"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/providertest"
	"yanma.dev/yanma/internal/provider/smpp"
	"yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/provider/trust"
	"yanma.dev/yanma/internal/provider/trust/trusttest"
)

// pair starts a client of one pair and gives its transmitter and its receiver.
func (s *rawSMSC) pair(sink provider.Sink, cfg smpp.Config) (c *smpp.Client, tx, rx *rawConn) {
	s.t.Helper()
	cfg.Bind = smpp.BindPair
	c, one := s.client(sink, cfg)
	other := s.bound()
	if one.kind == pdu.BindReceiver {
		one, other = other, one
	}
	if one.kind != pdu.BindTransmitter || other.kind != pdu.BindReceiver {
		s.t.Fatalf("bound as %s and %s", one.kind, other.kind)
	}
	bound(s.t, c)
	return c, one, other
}

// bound waits until every bind of c is up.
func bound(t *testing.T, c *smpp.Client) {
	t.Helper()
	providertest.Eventually(t, "every bind is up", func() bool { return c.Health().Detail == "bound" })
}

// TestReq37_Pair: messages leave on the transmitter, receipts come on the
// receiver, and each is kept up by itself.
func TestReq37_Pair(t *testing.T) {
	raw, sink := newRawSMSC(t), newSink()
	c, tx, rx := raw.pair(sink, smpp.Config{})
	if h := c.Health(); len(h.Links) != 2 || h.Links[0].Name != "tx 1" || h.Links[1].Name != "rx 1" {
		t.Errorf("%+v", h)
	}
	outcome := submit(c, text("hello"))
	h := tx.want(pdu.SubmitSM)
	rx.deliver(pdu.SM{ESMClass: pdu.ESMClassReceipt, ShortMessage: []byte("id:42 sub:001 dlvrd:001 submit date:2311212130 done date:2311212131 stat:DELIVRD err:000 text:")})
	if r := await(t, sink.receipts); r.PartID != "42" || r.State != provider.StateDelivered {
		t.Errorf("%+v", r)
	}
	if h := rx.want(pdu.DeliverSMResp); h.Status != pdu.OK {
		t.Errorf("%+v", h)
	}
	tx.accept(h, "42")
	if o := await(t, outcome); o.Class != provider.Accepted || o.PartIDs[0] != "42" {
		t.Errorf("%+v", o)
	}

	// Without the receiver messages still leave.
	_ = rx.Close()
	rx = raw.bound()
	bound(t, c)
	_ = rx.Close()
	outcome = submit(c, text("hello"))
	tx.accept(tx.want(pdu.SubmitSM), "43")
	if o := await(t, outcome); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	raw.bound()
	bound(t, c)

	// Without the transmitter they do not.
	outcome = submit(c, text("hello"))
	tx.want(pdu.SubmitSM)
	_ = raw.listener.Close()
	_ = tx.Close()
	if o := await(t, outcome); o.Class != provider.Unknown {
		t.Errorf("%+v", o)
	}
	providertest.Eventually(t, "it is down", func() bool { return !c.Health().Up })
	if h := c.Health(); !strings.HasPrefix(h.Detail, "1 of 2 bound: tx 1 connecting: ") || h.Links[0].Up || !h.Links[1].Up {
		t.Errorf("%+v", h)
	}
	if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent {
		t.Errorf("%+v", o)
	}
}

func (c *rawConn) accept(h pdu.Header, id string) {
	c.t.Helper()
	resp, err := pdu.AppendSMResp(nil, pdu.SubmitSMResp, pdu.OK, h.Seq, id)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(resp)
}

func (c *rawConn) deliver(sm pdu.SM) {
	c.t.Helper()
	octets, err := pdu.AppendSM(nil, pdu.DeliverSM, 1, &sm)
	if err != nil {
		c.t.Fatal(err)
	}
	c.send(octets)
}

// TestReq37_OneBindDies: its submissions are Unknown, those of the other bind get
// their answers, and new ones leave on that.
func TestReq37_OneBindDies(t *testing.T) {
	raw := newRawSMSC(t)
	c, first := raw.client(newSink(), smpp.Config{Binds: 2, Window: 1})
	second := raw.bound()
	bound(t, c)
	outcomes := make(chan provider.Outcome, 10)
	for range 2 {
		c.Submit(t.Context(), text("hello"), func(o provider.Outcome) { outcomes <- o })
	}
	if n := c.Health().Window; n != 2 {
		t.Errorf("window %d", n)
	}
	first.want(pdu.SubmitSM)
	h := second.want(pdu.SubmitSM)
	_ = raw.listener.Close()
	_ = first.Close()
	if o := await(t, outcomes); o.Class != provider.Unknown {
		t.Errorf("%+v", o)
	}
	third := make(chan provider.Outcome, 1)
	go c.Submit(t.Context(), text("hello"), func(o provider.Outcome) { third <- o }) // waits for the window
	second.accept(h, "7")
	if o := await(t, outcomes); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	second.accept(second.want(pdu.SubmitSM), "8")
	if o := await(t, third); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	if h := c.Health(); !h.Up || !strings.HasPrefix(h.Detail, "1 of 2 bound: trx ") {
		t.Errorf("%+v", h)
	}
}

// secureSMSC is an SMSC behind TLS.
func secureSMSC(t *testing.T, config *tls.Config) *smsc.Server {
	return startServer(t, smsc.Config{SystemID: systemID, Password: password,
		Listen: func(ctx context.Context, network, addr string) (net.Listener, error) {
			l, err := new(net.ListenConfig).Listen(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			return tls.NewListener(l, config), nil
		}})
}

// TestReq37_TLS: with our CA file and our certificate messages go and receipts
// come, over pairs too.
func TestReq37_TLS(t *testing.T) {
	ca := trusttest.New(t)
	server := secureSMSC(t, ca.ServerForClients("127.0.0.1"))
	certFile, keyFile := ca.Files("yanma")
	for _, cfg := range []smpp.Config{{}, {Bind: smpp.BindPair, Binds: 2}} {
		sink := newSink()
		cfg.Addr, cfg.TLS = server.Addr(), trust.TLS{Enabled: true, CAFile: ca.File, CertFile: certFile, KeyFile: keyFile}
		c := newClient(t, sink, cfg)
		startClient(t, c)
		bound(t, c)
		o := await(t, submit(c, text("hello")))
		if o.Class != provider.Accepted {
			t.Fatalf("%+v", o)
		}
		if r := await(t, sink.receipts); r.PartID != o.PartIDs[0] {
			t.Errorf("%+v", r)
		}
		stopClient(t, c)
	}
}

// TestReq37_TLSRefused: nothing is sent to somebody else, and an operator sees why.
func TestReq37_TLSRefused(t *testing.T) {
	ca, other := trusttest.New(t), trusttest.New(t)
	for _, test := range []struct {
		name   string
		server *tls.Config
		client trust.TLS
		want   string
	}{
		{"somebody else's certificate", ca.Server("other.example"), trust.TLS{Enabled: true, CAFile: ca.File, ServerName: "smsc.example"},
			"certificate is valid for other.example, not smsc.example"},
		{"nobody we know vouches", ca.Server("127.0.0.1"), trust.TLS{Enabled: true, CAFile: other.File}, "certificate signed by unknown authority"},
		{"they want ours", ca.ServerForClients("127.0.0.1"), trust.TLS{Enabled: true, CAFile: ca.File}, "certificate required"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := secureSMSC(t, test.server)
			c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), TLS: test.client})
			startClient(t, c)
			providertest.Eventually(t, test.want, func() bool { return strings.Contains(c.Health().Detail, test.want) })
			if h := c.Health(); h.Up || !strings.HasPrefix(h.Detail, "connecting: ") {
				t.Errorf("%+v", h)
			}
			if o := await(t, submit(c, text("hello"))); o.Class != provider.NotSent || server.Stats().Binds != 0 {
				t.Errorf("%+v, %d binds", o, server.Stats().Binds)
			}
		})
	}
}

// TestReq37_NeverWithoutTLS: an SMSC that does not speak it gets no password.
func TestReq37_NeverWithoutTLS(t *testing.T) {
	server := startServer(t, smsc.Config{})
	c := newClient(t, newSink(), smpp.Config{Addr: server.Addr(), TLS: trust.TLS{Enabled: true}})
	startClient(t, c)
	const want = "does not look like a TLS handshake"
	providertest.Eventually(t, want, func() bool { return strings.Contains(c.Health().Detail, want) })
	if n := server.Stats().Binds; n != 0 {
		t.Errorf("%d binds", n)
	}
}
