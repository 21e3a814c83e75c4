package app

import (
	"fmt"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
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
	switch p.Type {
	case "smpp":
		return smpp.New(smpp.Config{Name: p.Name, Addr: p.Address, SystemID: p.SystemID, Password: p.Password.Secret,
			SystemType: p.SystemType, Source: p.Source, SourceTON: p.SourceTON, SourceNPI: p.SourceNPI, Window: p.Window,
			RatePerSecond: float64(p.Rate), IDRadix: smpp.IDRadix(p.IDRadix), LongMessage: smpp.LongMessage(p.LongMessage),
			EnquireEvery: p.EnquireEvery.D(), ResponseTimeout: p.ResponseTimeout.D()},
			smpp.Deps{Sink: sink, Now: a.deps.Now, Jitter: a.deps.Jitter, Log: a.log, Dial: a.deps.World.Dial})
	default:
		return nil, fmt.Errorf("there is no provider of type %q", p.Type)
	}
}

// route gives every provider in the order of the configuration.
func (a *App) route(outbox.Outgoing) []provider.Provider { return a.providers }
