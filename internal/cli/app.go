package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// appCommands are yanma app ….
type appCommands struct {
	Create    appCreateCommand     `cmd:"" help:"Make an app and print its key, this once."`
	List      appListCommand       `cmd:"" help:"List apps."`
	Show      appShowCommand       `cmd:"" help:"Show an app."`
	Set       appSetCommand        `cmd:"" help:"Change an app's settings."`
	RotateKey appRotateKeyCommand  `cmd:"" help:"Make a new key and print it, this once."`
	Submail   appSubmailCommands   `cmd:"" help:"An app's appids and appkeys."`
	JSMS      appJSMSCommands      `cmd:"" name:"jsms" help:"An app's appKey and masterSecret."`
	Camara    appCamaraCommand     `cmd:"" help:"Make or change an app's OAuth client, for the open API."`
	OneAccess appOneAccessCommands `cmd:"" name:"oneaccess" help:"An app's client of the oneaccess dialect."`
	Disable   appDisableCommand    `cmd:"" help:"Make an app's keys invalid."`
	Enable    appEnableCommand     `cmd:"" help:"Make them valid again."`
}

// appArgument names one app.
type appArgument struct {
	App core.AppID `arg:"" help:"The app's id."`
}

type appShowCommand struct {
	remote
	appArgument
}

// Run shows one app; no key, and test numbers masked.
func (c appShowCommand) Run(ctx context.Context, w World) error {
	server, err := c.connect(w)
	if err != nil {
		return err
	}
	app, err := server.App(ctx, c.App)
	if err != nil {
		return err
	}
	return c.print(w, app, func() error { return printApp(w, app) })
}

func printApp(w World, app tenant.AppView) error {
	s := app.Settings
	payer := "the app"
	if s.TenantPays {
		payer = "the tenant"
	}
	tests := make([]string, len(app.TestNumbers))
	for i, n := range app.TestNumbers {
		tests[i] = n.Number
	}
	limits := "the installation's"
	if len(s.Limits) > 0 {
		limits = fmt.Sprintf("%d of its own (see --json)", len(s.Limits))
	}
	about := facts{
		{"app", id(app.ID)},
		{"name", app.Name},
		{"tenant", id(app.Tenant)},
		{"state", state(app.Disabled)},
		{"dialects", list(s.Dialects)},
		{"signature", orDash(s.Signature)},
		{"wording", orDash(s.CodeText)},
		{"template's name", s.CodeTemplate},
		{"time zone", s.TimeZone},
		{"domain, app hash", orDash(s.CodeDomain) + ", " + orDash(s.CodeAppHash)},
		{"sender", orDash(s.Sender)},
		{"codes", fmt.Sprintf("%d digits, %d s", s.CodeLength, s.CodeLife)},
		{"plan", orDash(strings.Join(s.Plan, ", "))},
		{"price of a segment", priceText(s.SMSPrice)},
		{"price of a login", priceText(s.LoginPrice)},
		{"price of a call", priceText(s.VoicePrice)},
		{"pays", payer},
		{"countries", list(s.Countries)},
		{"allowed sources", list(s.AllowedSources)},
		{"callers", orDash(s.Callers)},
		{"limits", limits},
		{"key on GET", yesNo(s.RequireKeyOnGet)},
		{"device cap", strconv.Itoa(s.DeviceCap)},
		{"imported users", yesNo(app.ImportedUsers)},
		{"test numbers", list(tests)},
		{"created", instant(app.Created)},
		{"updated", instant(app.Updated)},
	}
	if s.CallbackURL != "" {
		about = append(about, [2]string{"callbacks", s.CallbackURL})
	}
	if s.LowBalance != 0 {
		about = append(about, [2]string{"low balance", id(s.LowBalance)})
	}
	if s.Guard != tenant.GuardDefault {
		about = append(about, [2]string{"fraud guard", string(s.Guard)})
	}
	if len(s.SpendCaps) > 0 {
		about = append(about, [2]string{"caps", capsText(s.SpendCaps)})
	}
	if len(s.Origins) > 0 {
		about = append(about, [2]string{"origins", list(s.Origins)}, [2]string{"funnel", list(s.Funnel)})
	}
	if s.VerifyPrice != nil || s.FetchPrice != nil {
		about = append(about, [2]string{"price of a check, of a number", priceText(s.VerifyPrice) + ", " + priceText(s.FetchPrice)})
	}
	if s.RequireAuth {
		about = append(about, [2]string{"jsms valid", "with credentials only"})
	}
	if s.SIMSwap != tenant.DefaultSIMSwap() {
		about = append(about, [2]string{"changed SIM", fmt.Sprintf("send %s, login %s, number change %s; within %d h; where nobody can tell: %s",
			s.SIMSwap.Send, s.SIMSwap.Login, s.SIMSwap.NumberChange, s.SIMSwap.MaxAgeHours, s.SIMSwap.Unsupported)})
	}
	if o := s.OneAccess; o != nil {
		about = append(about, oneAccessFacts(o)...)
	}
	for _, warning := range app.Warnings {
		about = append(about, [2]string{"warning", warning})
	}
	if err := about.print(w.Stdout); err != nil || len(app.Keys) == 0 {
		return err
	}
	return keyTable(app.Keys).print(w.Stdout)
}

func keyTable(keys []tenant.KeyView) table {
	rows := table{{"KEY", "DIALECT", "VALID", "UNTIL", "CREATED"}}
	for _, k := range keys {
		until := "–"
		if k.ValidUntil != nil {
			until = instant(*k.ValidUntil)
		}
		rows = append(rows, []string{id(k.ID), keyName(k), yesNo(k.Valid), until, instant(k.Created)})
	}
	return rows
}

// keyName is a key's dialect, and whose key it is there.
func keyName(k tenant.KeyView) string {
	if k.Name == "" {
		return string(k.Dialect)
	}
	return string(k.Dialect) + " " + k.Name
}

func priceText(c *core.Credits) string {
	if c == nil {
		return "the installation's"
	}
	return id(*c)
}

func state(disabled bool) string {
	if disabled {
		return "disabled"
	}
	return "on"
}

func id[T ~int64 | ~uint32](n T) string { return strconv.FormatInt(int64(n), 10) }
