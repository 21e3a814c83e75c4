package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	mathrand "math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/provider/smpp/smsc"
	"yanma.dev/yanma/internal/web"
)

// Options are the flags of `yanma dev`.
type Options struct {
	Data      string // data folder
	Database  string // "" = SQLite in the data folder
	Listen    string // public listener, host:port; port 0 picks one
	Operator  string // operator listener
	LimitsOff bool   // lifts the frequency limits only
	CMPP      bool   // a simulated CMPP gateway too, for numbers of the mainland
	Version   string
	Out       io.Writer // where a person reads what to try next
}

// demoCredit is what the demo app can spend, once.
const demoCredit core.Credits = 1_000_000

// smscSystemID is the demo server's name at the simulated SMSC.
const smscSystemID = "yanma-dev"

// simulator is everything beside the server itself.
type simulator struct {
	secrets  secrets
	handset  *handset
	smsc     *smsc.Server
	ismg     *ismg // nil without Options.CMPP
	gateway  *gateway
	carriers *carriers
	number   *numberPage
	voice    *voice
}

// Run serves until ctx ends, then drains. The error is one clear sentence.
func Run(ctx context.Context, o Options) error {
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return fmt.Errorf("make the data folder: %w", err)
	}
	logs, err := obs.OpenWriter(filepath.Join(o.Data, "yanma.log"), time.Now)
	if err != nil {
		return err
	}
	err = run(ctx, o, logs)
	return errors.Join(err, logs.Close())
}

func run(ctx context.Context, o Options, logs *obs.Writer) error {
	sim, err := openSimulator(ctx, o, obs.NewLogger(logs, slog.LevelInfo))
	if err != nil {
		return err
	}
	defer sim.close()
	c, err := sim.config(o)
	if err != nil {
		return err
	}
	lines := &about{rules: append(smsc.DevRules(), callNotes()...)}
	native := http.NewServeMux()
	native.Handle("GET /handset", web.Handset())
	native.Handle("GET /handset/", web.Handset())
	native.Handle("GET /handset/api/messages", sim.handset)
	native.HandleFunc("GET /handset/api/audio/{id}", sim.handset.audio)
	native.Handle("GET /handset/api/about", lines)
	sim.number.mount(native)
	native.Handle("/sim/", sim.carriers.sim)
	server, err := app.Open(ctx, c, app.Deps{Now: time.Now, Random: rand.Reader, Jitter: mathrand.Float64, Log: logs, Version: o.Version, Native: native, Simulated: true,
		World: app.World{VoiceFrame: voiceFrame}})
	if err != nil {
		return err
	}
	// Only now: the folder's lock is ours, so the file is nobody else's.
	path := filepath.Join(o.Data, "dev.json")
	if err := forget(path); err != nil {
		return errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
	}
	err = serve(ctx, o, server, sim, lines, path)
	return errors.Join(err, forget(path), server.Stop(context.WithoutCancel(ctx)))
}

// serve brings the server up, writes dev.json last, and waits.
func serve(ctx context.Context, o Options, server *app.App, sim *simulator, lines *about, path string) error {
	if err := server.Start(ctx); err != nil {
		return err
	}
	sim.carriers.reportTo(server)
	demo, err := server.EnsureDemo(ctx, core.NewSecret(sim.secrets.YunboxKey), demoCredit)
	if err != nil {
		return err
	}
	if err := ensureCamara(ctx, server, demo, sim.secrets); err != nil {
		return err
	}
	if err := server.EnsureSubmail(ctx, demo, sim.secrets.submailPair()); err != nil {
		return err
	}
	jsmsApp, developer := sim.secrets.jsmsPairs()
	if err := server.EnsureJSMS(ctx, demo, jsmsApp, developer, strconv.Itoa(noticeTemplate)); err != nil {
		return err
	}
	if err := server.AwaitProviders(ctx); err != nil {
		return err
	}
	card, err := newCard(server, sim.secrets)
	if err != nil {
		return err
	}
	if card.OneAccess, err = ensureOneAccess(ctx, server, demo, sim.secrets); err != nil {
		return err
	}
	lines.set(card.lines())
	sim.number.set(card, demo.App)
	if err := writePrivate(path, card); err != nil {
		return err
	}
	card.print(o.Out, o.Data)
	select {
	case <-ctx.Done():
		return nil
	case err := <-server.Failed():
		return err
	}
}

func forget(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func openSimulator(ctx context.Context, o Options, log *slog.Logger) (*simulator, error) {
	s := &simulator{handset: &handset{}, number: newNumberPage(time.Now)}
	var err error
	if s.secrets, err = openSecrets(o.Data, rand.Reader); err != nil {
		return nil, err
	}
	if s.gateway, err = openGateway(ctx); err != nil {
		return nil, err
	}
	if s.carriers, err = openCarriers(ctx, rand.Reader); err != nil {
		return nil, errors.Join(err, s.gateway.close())
	}
	s.smsc, err = smsc.New(smsc.Config{SystemID: smscSystemID, Password: core.NewSecret(s.secrets.SMSCPassword),
		Decide: smsc.BySuffix(smsc.DevRules(), smsc.Delivered(time.Second)), Handle: s.handset.receive, Now: time.Now, Log: log})
	if err == nil {
		err = s.smsc.Start(ctx)
	}
	if err == nil {
		s.voice, err = openVoice(ctx, s.handset, core.NewSecret(s.secrets.SMSCPassword), log)
	}
	if err == nil && o.CMPP {
		s.ismg, err = openISMG(ctx, s.handset, core.NewSecret(s.secrets.SMSCPassword), log)
	}
	if err != nil {
		return nil, errors.Join(err, s.gateway.close(), s.carriers.close())
	}
	return s, nil
}

func (s *simulator) close() {
	s.smsc.Stop()
	s.ismg.close()
	s.voice.close()
	_ = s.gateway.close() // a simulated gateway has nothing to lose
	_ = s.carriers.close()
	s.number.close()
}

// config is the server's configuration: the defaults, one SMPP provider that
// is the simulated SMSC, and the simulated tunnel gateway.
func (s *simulator) config(o Options) (config.Config, error) {
	gateway, err := s.secrets.gatewayPublic()
	if err != nil {
		return config.Config{}, err
	}
	c := config.Defaults()
	c.Store.AnswerWithin = config.Duration(10 * time.Second) // a laptop may pause
	c.Server.Listen, c.Operator.Listen = o.Listen, o.Operator
	c.Operator.Token = config.Secret{Secret: core.NewSecret(s.secrets.OperatorToken)}
	c.Store.Data, c.Store.Database.Secret = o.Data, core.NewSecret(o.Database)
	if c.Limits.Off = o.LimitsOff; o.LimitsOff {
		c.Guard.Mode = "record" // its levels are about how many codes go out, too; the locks stay
	}
	c.Callbacks.Allow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")} // receivers on this machine
	c.Messages.Approve = true                                                                                  // contracts/README.md §8
	c.Providers = []config.Provider{{Name: "handset", Type: "smpp", Address: s.smsc.Addr(), SystemID: smscSystemID,
		Password: config.Secret{Secret: core.NewSecret(s.secrets.SMSCPassword)}, Source: "YANMA"}, s.voice.stanza()}
	if s.ismg != nil {
		c.Providers = append([]config.Provider{s.ismg.stanza()}, c.Providers...)
	}
	c.Carriers, c.SIMSwap = []config.Carrier{s.carriers.stanza()}, s.carriers.simSwap()
	c.Tunnel.Provisioner, c.Tunnel.GatewayPublicKey, c.Tunnel.Endpoint = "webhook", gateway, "vpn.example.com:51820"
	c.Tunnel.Webhook.URL, c.Tunnel.Webhook.Secret = s.gateway.url(), config.Secret{Secret: core.NewSecret(s.secrets.WebhookSecret)}
	return c.Complete()
}
