package dev

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	cmppgateway "yanma.dev/yanma/internal/provider/cmpp/gateway"
	"yanma.dev/yanma/internal/provider/cmpp/pdu"
	smpppdu "yanma.dev/yanma/internal/provider/smpp/pdu"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
)

// The demo server's account at the simulated CMPP gateway.
const (
	ismgSPID   = "901234"
	ismgSource = "106901234"
)

// ismg is a CMPP gateway beside the SMSC, for numbers of the mainland: the same
// handset, and the same numbers that misbehave.
type ismg struct {
	server *cmppgateway.Server
	secret core.Secret
}

func openISMG(ctx context.Context, h *handset, secret core.Secret, log *slog.Logger) (*ismg, error) {
	server, err := cmppgateway.New(cmppgateway.Config{SPID: ismgSPID, Secret: secret, Decide: misbehave(smsc.DevRules()), Now: time.Now, Log: log,
		Handle: func(m cmppgateway.Message) { h.receive(smsc.Message{To: m.To, Text: m.Text, At: m.At}) }})
	if err != nil {
		return nil, err
	}
	return &ismg{server: server, secret: secret}, server.Start(ctx)
}

// misbehave is the SMSC's rules in the words of CMPP.
func misbehave(rules []smsc.Rule) func(*cmppgateway.Part) cmppgateway.Behaviour {
	return func(p *cmppgateway.Part) cmppgateway.Behaviour {
		for i := range rules {
			if strings.HasSuffix(p.To, rules[i].Suffix) {
				return inCMPP(&rules[i].Behaviour)
			}
		}
		return cmppgateway.Delivered(time.Second)
	}
}

func inCMPP(b *smsc.Behaviour) cmppgateway.Behaviour {
	results := map[smpppdu.Status]pdu.Result{smpppdu.OK: pdu.ResultOK, smpppdu.Throttled: pdu.ResultFlowControl, smpppdu.InvDstAddr: pdu.ResultDest}
	result, known := results[b.Status]
	if !known {
		result = pdu.ResultOther
	}
	own := cmppgateway.Behaviour{Result: result, Delay: b.Delay, Silent: b.Silent, Drop: b.Drop}
	for _, r := range b.Reports {
		own.Reports = append(own.Reports, cmppgateway.Report{Stat: r.Code, After: r.After})
	}
	return own
}

// stanza is the gateway as a provider; it goes before the SMSC, which is left
// the numbers of other countries.
func (g *ismg) stanza() config.Provider {
	return config.Provider{Name: "ismg", Type: "cmpp", Address: g.server.Addr(), SPID: ismgSPID, Password: config.Secret{Secret: g.secret},
		Version: pdu.V30.String(), Source: ismgSource, Links: 2}
}

// close of a gateway that was not asked for does nothing.
func (g *ismg) close() {
	if g != nil {
		g.server.Stop()
	}
}
