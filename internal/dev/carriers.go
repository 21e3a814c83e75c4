package dev

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/carriersim"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/declared"
	"yanma.dev/yanma/internal/oauth/jwt"
)

// carriers stand in for the three networks: real gateways on loopback, which
// the server asks as it would ask the carriers' own.
type carriers struct {
	sim      *carriersim.Sim
	options  carriersim.Options
	listener net.Listener
	server   *http.Server
	key      core.Secret // ours at the simulated CAMARA operator, PEM
}

func openCarriers(ctx context.Context, random io.Reader) (*carriers, error) {
	c := &carriers{options: carriersim.Options{AppID: "300000000001", Now: time.Now, Random: random}}
	for _, secret := range []*core.Secret{&c.options.AppKey, &c.options.AppSecret} {
		text, err := drawText(random, 32)
		if err != nil {
			return nil, err
		}
		*secret = core.NewSecret(text)
	}
	err := c.drawOperatorKey(random)
	if err != nil {
		return nil, err
	}
	if c.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	c.sim = carriersim.New(c.options)
	c.server = &http.Server{Handler: c.sim, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = c.server.Serve(c.listener) }() // ends with close
	return c, nil
}

func (c *carriers) url() string { return "http://" + c.listener.Addr().String() + "/sim" }

// operatorClient is our name at the simulated CAMARA operator.
const operatorClient = "yanma-dev"

// drawOperatorKey makes our key there.
func (c *carriers) drawOperatorKey(random io.Reader) error {
	text, err := drawEd25519(random)
	if err != nil {
		return err
	}
	signer, err := secrets{CamaraKey: text}.camaraSigner()
	if err != nil {
		return err
	}
	c.key = core.NewSecret(text)
	c.options.Camara = carriersim.Camara{ClientID: operatorClient, Keys: jwt.PublicKeys(signer)}
	return nil
}

// simSwap is the operator who is asked whether a SIM was changed lately.
func (c *carriers) simSwap() config.SIMSwap {
	return config.SIMSwap{URL: c.url() + "/camara", TokenURL: c.url() + "/camara/oauth2/token", ClientID: operatorClient, Key: config.Secret{Secret: c.key}}
}

// stanza is the gateway that asks them: China Mobile's three-carrier product
// (contracts/carriers.md §4).
func (c *carriers) stanza() config.Carrier {
	return config.Carrier{Name: "simulator", Type: "chinamobile", URL: c.url(), AppID: c.options.AppID,
		AppKey: config.Secret{Secret: c.options.AppKey}, AppSecret: config.Secret{Secret: c.options.AppSecret},
		Device: config.Device{Mode: numberverify.ModeSim, Method: http.MethodPost, URL: "/sim/carrier/token", Params: carriersim.PageParams(),
			Sign: declared.Sign{Algorithm: "md5", Over: carriersim.PageSign, Field: "sign"}}}
}

// reportTo tells the server of every proof, as our own script would.
func (c *carriers) reportTo(server *app.App) {
	c.sim.OnToken(func(ctx context.Context, t carriersim.Token) error {
		return server.NoteProof(ctx, numberverify.Carrier(t.Carrier), t.Token, t.Life)
	})
}

func (c *carriers) close() error {
	err := c.server.Close()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
