package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// appOneAccessCommands are yanma app oneaccess ….
type appOneAccessCommands struct {
	Set              oneAccessSetCommand       `cmd:"" help:"Make the app's client, or change it."`
	Subscribe        oneAccessSubscribeCommand `cmd:"" help:"Give a tenant an app of its own behind an ISV app's client id."`
	RotateSigningKey oneAccessRotateCommand    `cmd:"" help:"Make a new key of the app's id tokens."`
}

type oneAccessSetCommand struct {
	remote
	appArgument
	ClientID        *string                `help:"The id of a client that is made; drawn when absent." name:"client-id" placeholder:"ID"`
	ISV             *bool                  `help:"Whether a client that is made is a template that tenants subscribe to." name:"isv" negatable:""`
	AutoRegister    *bool                  `help:"Whether a login makes the user that is unknown." negatable:""`
	Registration    *bool                  `help:"Whether users may register themselves." negatable:""`
	SecondSMS       *tenant.SecondSMS      `help:"When a login asks for a second code: never, new_device, always." name:"second-sms" placeholder:"WHEN"`
	SessionSeconds  *int                   `help:"How long a session lives, in seconds." placeholder:"N"`
	RegisterSeconds *int                   `help:"How long a session of a registration lives, in seconds." placeholder:"N"`
	TokenSeconds    *int                   `help:"How long a backend's access token lives, in seconds." placeholder:"N"`
	IDToken         *bool                  `help:"Whether a login gives an id token." name:"id-token" negatable:""`
	IDTokenSeconds  *int                   `help:"How long it lives, in seconds." name:"id-token-seconds" placeholder:"N"`
	MaskMobile      *bool                  `help:"Whether mobile-by-token masks the number." negatable:""`
	RecycledDays    *int                   `help:"Days without a login after which a number may be another person's; 0 = never." placeholder:"N"`
	Recycled        *tenant.RecycledPolicy `help:"What its next login means: step_up, new_user." placeholder:"POLICY"`
	Language        *string                `help:"Of messages when the caller names none: zh, en." placeholder:"LANGUAGE"`
	Captcha         *tenant.CaptchaWhen    `help:"Which sends ask for a challenge: always, after, risk." placeholder:"WHEN"`
	CaptchaSends    *int                   `help:"With after: sends of a number a day that need none." placeholder:"N"`
	CaptchaKinds    listFlag               `help:"Challenges that are taken: puzzle, work, verifier; repeat, or separate by commas." name:"captcha-kind" placeholder:"KIND"`
	CaptchaAES      *bool                  `help:"Whether the puzzle's answer may come encrypted." name:"captcha-aes" negatable:""`
	AcceptUnbound   *bool                  `help:"Whether a pass counts that names no client, device or receiver." name:"captcha-accept-unbound" negatable:""`
	WorkDifficulty  *int                   `help:"Hashes of a proof of work, at most." placeholder:"N"`
	Verifier        *string                `help:"Name of the configured verifier of somebody else's challenges." name:"captcha-verifier" placeholder:"NAME"`
	RedirectURIs    listFlag               `help:"Where the login page may send its answers; repeat, or separate by commas. An empty text is nowhere." name:"redirect-uri" placeholder:"URI"`
	Errors          string                 `help:"File with other texts for rows of the table of errors: [{\"row\":\"SDK.COMMON.1001\",\"code\":…,\"en\":…,\"zh\":…}]; it replaces all of them." name:"error-texts" type:"existingfile" placeholder:"FILE"`
	NewSecret       bool                   `help:"Draw a client secret and print it, this once; older ones end."`
}

// Run makes the client, or changes it.
func (c oneAccessSetCommand) Run(ctx context.Context, w World) error {
	patch := tenant.OneAccessPatch{ClientID: c.ClientID, ISV: c.ISV, AutoRegister: c.AutoRegister, Registration: c.Registration, SecondSMS: c.SecondSMS,
		SessionSeconds: c.SessionSeconds, RegisterSeconds: c.RegisterSeconds, TokenSeconds: c.TokenSeconds, IDToken: c.IDToken, IDTokenSeconds: c.IDTokenSeconds,
		MaskMobile: c.MaskMobile, RecycledDays: c.RecycledDays, Recycled: c.Recycled, Language: c.Language, Captcha: c.Captcha, CaptchaSends: c.CaptchaSends,
		CaptchaKinds: c.CaptchaKinds.values, CaptchaAES: c.CaptchaAES, AcceptUnbound: c.AcceptUnbound, WorkDifficulty: c.WorkDifficulty, Verifier: c.Verifier,
		RedirectURIs: c.RedirectURIs.values, NewSecret: c.NewSecret}
	if c.Errors != "" {
		text, err := os.ReadFile(c.Errors)
		if err != nil {
			return err
		}
		patch.Errors = &tenant.ErrorTexts{}
		if err := json.Unmarshal(text, patch.Errors); err != nil {
			return fmt.Errorf("%s: want a list of {row, code, en, zh}: %w", c.Errors, err)
		}
	}
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	made, err := server.SetOneAccess(ctx, c.App, patch)
	if err != nil {
		return err
	}
	return c.print(w, made, func() error {
		if made.ClientSecret == "" {
			return say(w.Stdout, "app %d has the client %s.", made.App.ID, orDash(made.ClientID))
		}
		return printKey(w, fmt.Sprintf("app %d has the client %s with a new secret; older ones have ended.", made.App.ID, made.ClientID), core.NewSecret(made.ClientSecret), nil)
	})
}

type oneAccessSubscribeCommand struct {
	remote
	appArgument
	Tenant core.TenantID `help:"The tenant that subscribes." placeholder:"ID" required:""`
	Name   string        `help:"Of the app that it gets; the ISV app's when absent."`
}

// Run makes the tenant's app.
func (c oneAccessSubscribeCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	made, err := server.Subscribe(ctx, c.App, tenant.Subscription{Tenant: c.Tenant, Name: c.Name})
	if err != nil {
		return err
	}
	return c.print(w, made, func() error {
		return say(w.Stdout, "tenant %d has app %d behind the client id of app %d; its users, balance and settings are its own.", made.Tenant, made.ID, c.App)
	})
}

type oneAccessRotateCommand struct {
	remote
	appArgument
	Overlap time.Duration `help:"How long the old key is published, 25 hours at least." default:"25h" placeholder:"TIME"`
}

// Run makes a new key.
func (c oneAccessRotateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	kid, err := server.RotateAppSigningKey(ctx, c.App, c.Overlap)
	if err != nil {
		return err
	}
	return c.print(w, map[string]string{"kid": kid}, func() error {
		return say(w.Stdout, "app %d has the new key %s: it is published now, and signs when verifiers have had time to read it.", c.App, kid)
	})
}

type importOneAccessCommand struct{ importYunboxCommand }

// Run imports, and prints a report in any case.
func (c importOneAccessCommand) Run(ctx context.Context, w World) error {
	return c.run(w, func(server *client.Client, file io.Reader) (tenant.ImportReport, error) {
		return server.ImportOneAccess(ctx, c.App, file, c.DryRun)
	})
}

// oneAccessFacts are what is worth seeing of a client; all of it is in --json.
func oneAccessFacts(o *tenant.OneAccessSettings) facts {
	kind := ""
	switch {
	case o.ISV:
		kind = " (ISV)"
	case o.TemplateOf != 0:
		return facts{{"oneaccess", fmt.Sprintf("subscription to app %d", o.TemplateOf)}, {"captcha", fmt.Sprintf("%s: %s", o.Captcha, list(o.CaptchaKinds))}}
	}
	return facts{{"oneaccess", o.ClientID + kind}, {"captcha", fmt.Sprintf("%s: %s", o.Captcha, list(o.CaptchaKinds))}}
}
