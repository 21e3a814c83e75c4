package cli

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/tenant"
)

// appSettings are the flags of an app's settings; what is not said stays as it
// is, or takes its default in a new app.
type appSettings struct {
	Dialects           listFlag              `help:"Dialects that it may use; repeat, or separate by commas." name:"dialect" placeholder:"NAME"`
	Signature          *string               `help:"Signature of its messages, 2 to 10 characters without the brackets; a new app needs one." placeholder:"TEXT"`
	CodeText           *string               `help:"Wording of its code messages." placeholder:"TEXT"`
	CodeTemplate       *string               `help:"Name of its code template, as the templates of providers call it." placeholder:"NAME"`
	TimeZone           *string               `help:"Time zone of the hours of its marketing, such as Asia/Shanghai." placeholder:"ZONE"`
	CodeDomain         *string               `help:"Domain of the last line of its code messages, for browsers that fill codes in." placeholder:"HOST"`
	CodeAppHash        *string               `help:"Hash of the Android app that reads its code messages." placeholder:"HASH"`
	Sender             *string               `help:"Source address; empty is the provider's." placeholder:"TEXT"`
	CodeLength         *int                  `help:"Digits of a code, 4 to 10." placeholder:"N"`
	CodeLife           *int                  `help:"Life of a code in seconds, 1 to 600." placeholder:"SECONDS"`
	SMSPrice           price                 `help:"Price of a segment, or default: the installation's." name:"sms-price" placeholder:"CREDITS"`
	LoginPrice         price                 `help:"Price of a successful login, or default." placeholder:"CREDITS"`
	VerifyPrice        price                 `help:"Price of a number verified through its carrier, or default." placeholder:"CREDITS"`
	FetchPrice         price                 `help:"Price of a number that its carrier told, or default." placeholder:"CREDITS"`
	SIMSwapSend        *tenant.SIMSwapPolicy `help:"What a SIM that was changed lately means before a code is sent: off, observe, challenge or require." name:"sim-swap-send" placeholder:"POLICY"`
	SIMSwapLogin       *tenant.SIMSwapPolicy `help:"… before a right code logs in." name:"sim-swap-login" placeholder:"POLICY"`
	SIMSwapChange      *tenant.SIMSwapPolicy `help:"… before another number is bound." name:"sim-swap-number-change" placeholder:"POLICY"`
	SIMSwapUnsupported *string               `help:"What require does where the operator can not tell: allow or refuse." name:"sim-swap-unsupported" placeholder:"WHAT"`
	SIMSwapMaxAge      *int                  `help:"How many hours ago a change counts, 1 to 2400." name:"sim-swap-max-age" placeholder:"HOURS"`
	TenantPays         *bool                 `help:"Charge the tenant's account instead of the app's." negatable:""`
	Countries          listFlag              `help:"Regions that it may send to, such as CN; repeat, or separate by commas." name:"country" placeholder:"REGION"`
	AllowedSources     listFlag              `help:"Addresses and networks that may call it; repeat, or separate by commas. An empty text lets all." name:"allow-source" placeholder:"CIDR"`
	Origins            listFlag              `help:"Origins of web pages that may call in a browser, such as https://www.example.com; repeat, or separate by commas. An empty text lets none." name:"origin" placeholder:"ORIGIN"`
	Funnel             listFlag              `help:"Steps that show whose a number is, in order: silent, sms, voice; repeat, or separate by commas." name:"funnel" placeholder:"STEP"`
	Plan               listFlag              `help:"How a code that nobody entered goes out again: channel, route and wait of each step, such as sms, sms:other=45s, voice=60s; repeat, or separate by commas. An empty text ends it." name:"plan" placeholder:"STEP"`
	Callers            *string               `help:"Who calls it: backend or end_users." placeholder:"WHO"`
	Guard              *tenant.GuardMode     `help:"What the fraud guard does: off, record or enforce; an empty text leaves it to the installation." placeholder:"MODE"`
	SpendCaps          capsFlag              `help:"What its messages may cost in a day, by country; * is all together. Repeat for more: all caps are replaced; none leaves it none." name:"spend-cap" placeholder:"COUNTRY=CREDITS"`
	Limits             limitsFlag            `help:"A limit of its own, such as number_app=1/60s,5/1h (no windows: no limit); repeat for more. All of its own limits are replaced; default leaves it none." name:"limit" placeholder:"RULE=WINDOWS"`
	VoicePrice         price                 `help:"Price of a call that speaks a code, or default." placeholder:"CREDITS"`
	CallbackURL        *string               `help:"Where the app is told of receipts, replies and verdicts: http:// or https://. It must answer a GET with echostr. An empty text ends it." name:"callback-url" placeholder:"URL"`
	LowBalance         *core.Credits         `help:"Below it the balance counts as low in the metrics; 0 is never." name:"low-balance" placeholder:"CREDITS"`
	RequireAuth        *bool                 `help:"Whether jsms codes are checked with credentials only." name:"require-auth-on-valid" negatable:""`
	RequireKeyOnGet    *bool                 `help:"Whether GET devices wants the key; GET tunnel always does." name:"require-key-on-get" negatable:""`
	DeviceCap          *int                  `help:"Devices that a user may have." placeholder:"N"`
	TestNumbers        testsFlag             `help:"A test number and its code; repeat for more. All of its test numbers are replaced; none leaves it none." name:"test-number" placeholder:"NUMBER=CODE"`
}

// price is credits, or "default".
type price tenant.Price

// UnmarshalText reads the flag.
func (p *price) UnmarshalText(text []byte) error {
	if string(text) == "default" {
		*p = price{Set: true}
		return nil
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return fmt.Errorf("%q is neither a number of credits nor default", text)
	}
	*p = price(tenant.PriceOf(core.Credits(n)))
	return nil
}

func (s appSettings) patch() tenant.Patch {
	return tenant.Patch{
		Dialects:        listOf[tenant.Dialect](s.Dialects),
		Signature:       s.Signature,
		CodeText:        s.CodeText,
		CodeTemplate:    s.CodeTemplate,
		TimeZone:        s.TimeZone,
		CodeDomain:      s.CodeDomain,
		CodeAppHash:     s.CodeAppHash,
		Sender:          s.Sender,
		CodeLength:      s.CodeLength,
		CodeLife:        s.CodeLife,
		SMSPrice:        tenant.Price(s.SMSPrice),
		LoginPrice:      tenant.Price(s.LoginPrice),
		VerifyPrice:     tenant.Price(s.VerifyPrice),
		FetchPrice:      tenant.Price(s.FetchPrice),
		SIMSwap:         s.simSwap(),
		TenantPays:      s.TenantPays,
		Countries:       listOf[string](s.Countries),
		AllowedSources:  listOf[string](s.AllowedSources),
		Origins:         listOf[string](s.Origins),
		Funnel:          listOf[string](s.Funnel),
		Plan:            listOf[string](s.Plan),
		Callers:         s.Callers,
		Limits:          s.Limits.limits,
		RequireKeyOnGet: s.RequireKeyOnGet,
		VoicePrice:      tenant.Price(s.VoicePrice),
		RequireAuth:     s.RequireAuth,
		CallbackURL:     s.CallbackURL,
		LowBalance:      s.LowBalance,
		Guard:           s.Guard,
		SpendCaps:       s.SpendCaps.caps,
		DeviceCap:       s.DeviceCap,
		TestNumbers:     s.TestNumbers.numbers,
	}
}

// simSwap is nil when none of its flags was said.
func (s appSettings) simSwap() *tenant.SIMSwapPatch {
	p := tenant.SIMSwapPatch{Send: s.SIMSwapSend, Login: s.SIMSwapLogin, NumberChange: s.SIMSwapChange, Unsupported: s.SIMSwapUnsupported,
		MaxAgeHours: s.SIMSwapMaxAge}
	if p == (tenant.SIMSwapPatch{}) {
		return nil
	}
	return &p
}

type appSetCommand struct {
	remote
	appArgument
	Name *string `help:"Another name." placeholder:"NAME"`
	appSettings
}

// Run changes what was said and shows the app.
func (c appSetCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	patch := c.patch()
	patch.Name = c.Name
	app, err := server.UpdateApp(ctx, c.App, patch)
	if err != nil {
		return err
	}
	return c.print(w, app, func() error { return printApp(w, app) })
}

type appCreateCommand struct {
	remote
	Name   string        `arg:"" help:"Its name, unique in the tenant."`
	Tenant core.TenantID `help:"The tenant that it belongs to." placeholder:"ID" required:""`
	appSettings
}

// Run makes an app.
func (c appCreateCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	app, key, err := server.CreateApp(ctx, tenant.Spec{Tenant: c.Tenant, Name: c.Name, Settings: c.patch()})
	if err != nil {
		return err
	}
	return c.print(w, api.AppWithKey{App: app, Key: key.Reveal()}, func() error {
		if err := printKey(w, fmt.Sprintf("app %d %q made.", app.ID, app.Name), key, app.Warnings); err != nil {
			return err
		}
		return say(w.Stdout, "next: %s", nextStep(app))
	})
}

// nextStep is what a new app needs before its first code.
func nextStep(app tenant.AppView) string {
	payer := fmt.Sprintf("--app %d", app.ID)
	if app.Settings.TenantPays {
		payer = fmt.Sprintf("--tenant %d", app.Tenant)
	}
	call := "POST /get-code with the key (docs/yunbox.md)"
	if speaks := app.Settings.Dialects; len(speaks) > 0 && !slices.Contains(speaks, tenant.DialectYunbox) {
		call = fmt.Sprintf("see yanma app %[1]s --help for its credentials (docs/%[1]s.md)", speaks[0])
	}
	return fmt.Sprintf("give it credit with yanma credit add %s AMOUNT, then %s", payer, call)
}

// printKey shows a key, this once.
func printKey(w World, what string, key core.Secret, warnings []string) error {
	lines := []string{visible(what)}
	if !key.IsZero() {
		lines = append(lines, "key: "+key.Reveal(), "It is not stored and will not be shown again.")
	}
	for _, warning := range warnings {
		lines = append(lines, "warning: "+visible(warning))
	}
	return say(w.Stdout, "%s", strings.Join(lines, "\n"))
}
