package app

import (
	"fmt"
	"net/http"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/cmpp"
	"yanma.dev/yanma/internal/provider/httpsms"
	"yanma.dev/yanma/internal/provider/sip"
	"yanma.dev/yanma/internal/provider/smpp"
)

// openProviders makes the configured providers. A new kind of provider is one
// case here.
func (a *App) openProviders(all []config.Provider, sink provider.Sink) error {
	for _, p := range all {
		opened, err := a.openProvider(p, sink)
		if err != nil {
			return fmt.Errorf("provider %s: %w", p.Name, err)
		}
		a.providers = append(a.providers, opened)
	}
	return nil
}

func (a *App) openProvider(p config.Provider, sink provider.Sink) (provider.Provider, error) {
	if p.OverHTTP() {
		c, err := httpsms.New(p.HTTPSMS(a.config.Receipts), httpsms.Deps{Sink: sink, Now: a.deps.Now, Random: a.deps.Random, Jitter: a.deps.Jitter,
			Log: a.log, Dial: a.deps.World.Dial})
		if err != nil {
			return nil, err
		}
		a.overHTTP = append(a.overHTTP, c)
		return c, nil
	}
	switch p.Type {
	case "smpp":
		return smpp.New(p.SMPP(),
			smpp.Deps{Sink: sink, Now: a.deps.Now, Jitter: a.deps.Jitter, Log: a.log, Dial: a.deps.World.Dial})
	case "cmpp":
		return cmpp.New(p.CMPP(), cmpp.Deps{Sink: sink, Now: a.deps.Now, Jitter: a.deps.Jitter, Log: a.log, Dial: a.deps.World.Dial})
	case "sip":
		return sip.New(p.SIP(), sip.Deps{Sink: sink, Now: a.deps.Now, Random: a.deps.Random, Log: a.log, Frame: a.deps.World.VoiceFrame})
	default:
		return nil, fmt.Errorf("there is no provider of type %q", p.Type)
	}
}

// mountReceipts puts the hooks of providers over HTTP below the configured
// prefix. The log has the pattern, never a path: that holds a secret.
func (a *App) mountReceipts(mux *http.ServeMux) {
	if len(a.overHTTP) == 0 {
		return
	}
	hooks := httpsms.NewHooks(a.overHTTP)
	mux.Handle(a.config.Receipts.Prefix+"/{provider}/{secret}", hooks)
	mux.Handle(a.config.Receipts.Prefix+"/{provider}/{secret}/{kind}", hooks)
}
