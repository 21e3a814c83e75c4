package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// appCamaraCommand is yanma app camara: the OAuth client of the open API.
type appCamaraCommand struct {
	remote
	appArgument
	ClientID       *string  `help:"The id of a client that is made; drawn when absent." name:"client-id" placeholder:"ID"`
	Scopes         listFlag `help:"What it may ask for; all when it is made; repeat, or separate by commas." name:"scope" placeholder:"SCOPE"`
	RedirectURIs   listFlag `help:"Where authorization codes may be sent; repeat, or separate by commas. An empty text is nowhere." name:"redirect-uri" placeholder:"URI"`
	JWKS           string   `help:"File with the client's public keys (RFC 7517), for private_key_jwt." name:"jwks" type:"existingfile" placeholder:"FILE"`
	SecretAuth     *bool    `help:"Whether client_secret_basic is taken, for one-time passwords." negatable:""`
	StrictProfile  *bool    `help:"Whether the CAMARA profile holds to the letter: private_key_jwt only." negatable:""`
	RequirePurpose *bool    `help:"Whether every request has to name a purpose (dpv:…)." negatable:""`
	NewSecret      bool     `help:"Draw a client secret and print it, this once; older ones end."`
}

// Run makes the client, or changes it.
func (c appCamaraCommand) Run(ctx context.Context, w World) error {
	patch := tenant.CamaraPatch{ClientID: c.ClientID, Scopes: c.Scopes.values, RedirectURIs: c.RedirectURIs.values, SecretAuth: c.SecretAuth,
		StrictProfile: c.StrictProfile, RequirePurpose: c.RequirePurpose, NewSecret: c.NewSecret}
	if c.JWKS != "" {
		text, err := os.ReadFile(c.JWKS)
		if err != nil {
			return err
		}
		if !json.Valid(text) {
			return fmt.Errorf("%s is no JSON", c.JWKS)
		}
		patch.JWKS = text
	}
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	made, err := server.SetCamara(ctx, c.App, patch)
	if err != nil {
		return err
	}
	return c.print(w, made, func() error {
		if made.ClientSecret == "" {
			return say(w.Stdout, "app %d has the client %s.", made.App.ID, made.ClientID)
		}
		return printKey(w, fmt.Sprintf("app %d has the client %s with a new secret; older ones have ended.", made.App.ID, made.ClientID), core.NewSecret(made.ClientSecret), nil)
	})
}

// signingKeyCommands are yanma signing-key ….
type signingKeyCommands struct {
	Rotate signingKeyRotateCommand `cmd:"" help:"Make a new key of id tokens."`
}

type signingKeyRotateCommand struct {
	remote
	Overlap time.Duration `help:"How long the old key is published, an hour at least." default:"24h" placeholder:"TIME"`
}

// Run makes a new key.
func (c signingKeyRotateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	kid, err := server.RotateSigningKey(ctx, c.Overlap)
	if err != nil {
		return err
	}
	return c.print(w, map[string]string{"kid": kid}, func() error {
		return say(w.Stdout, "id tokens are signed with %s in a few seconds.", kid)
	})
}
