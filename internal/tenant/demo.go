package tenant

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// demoName is the name of the demo tenant, and of its app.
const demoName = "demo"

// Commands runs commands on rows: store.Batcher.
type Commands interface {
	Do(ctx context.Context, c store.Command) error
}

// DemoSpec is what `yanma dev` wants of its demo tenant.
type DemoSpec struct {
	Key      core.Secret  // the yunbox key that dev wrote down; zero draws a new one
	Credit   core.Credits // what the app gets once
	Commands Commands
	IDs      *core.IDs
}

// Demo is the demo tenant as it is now.
type Demo struct {
	Tenant core.TenantID
	App    core.AppID
	Key    core.Secret // valid, to be written down
}

// EnsureDemo makes the demo tenant with one app, its key, the built-in test
// numbers (contracts/README.md §8) and its credits, or finds what an earlier
// start made. Without the key of that start the app gets a new one, and the
// old ones end.
func (a *Admin) EnsureDemo(ctx context.Context, spec DemoSpec) (Demo, error) {
	by := By{Actor: "dev"}
	tenant, err := a.ensureDemoTenant(ctx, by)
	if err != nil {
		return Demo{}, err
	}
	demo := Demo{Tenant: tenant, Key: spec.Key}
	if err := a.ensureDemoApp(ctx, by, &demo); err != nil {
		return Demo{}, err
	}
	credit := &creditOnce{billing.TopUp{IDs: spec.IDs, Amount: spec.Credit,
		Payer: billing.PayerOf(demo.Tenant, demo.App, false, core.PoolGeneral)}}
	return demo, spec.Commands.Do(ctx, credit)
}

func (a *Admin) ensureDemoTenant(ctx context.Context, by By) (core.TenantID, error) {
	var found records.Tenant
	err := a.view(ctx, func(q store.SQL) (err error) {
		found, err = tenantNamed(ctx, q, demoName)
		return err
	})
	if err == nil || core.KindOf(err) != core.KindNotFound {
		return found.ID, err
	}
	made, err := a.CreateTenant(ctx, by, demoName)
	return made.ID, err
}

func (a *Admin) ensureDemoApp(ctx context.Context, by By, demo *Demo) error {
	if !demo.Key.IsZero() && !isImportableKey(demo.Key.Reveal()) {
		return bad("key", "want 8 to 128 visible ASCII characters")
	}
	var row records.App
	found := false
	err := a.view(ctx, func(q store.SQL) (err error) {
		row, found, err = records.AppByName(ctx, q, demo.Tenant, demoName)
		return err
	})
	if err != nil {
		return err
	}
	demo.App = row.ID
	switch {
	case !found:
		return a.createDemoApp(ctx, by, demo)
	case demo.Key.IsZero():
		_, demo.Key, err = a.RotateKey(ctx, by, row.ID, Rotation{})
		return err
	default:
		return a.ensureKey(ctx, by, row.ID, demo.Key)
	}
}

func (a *Admin) createDemoApp(ctx context.Context, by By, demo *Demo) error {
	signature := "验码"
	tests := []TestNumber{{Literal: "12345678910", Code: "4433"}, {Literal: "12345678901", Code: "232326"}}
	view, key, err := a.createApp(ctx, by, Spec{Tenant: demo.Tenant, Name: demoName,
		Settings: Patch{Signature: &signature, TestNumbers: &tests}}, demo.Key)
	demo.App, demo.Key = view.ID, key
	return err
}

// ensureKey gives the app a key that is known from elsewhere. KindConflict
// when it was ended, or another app has it.
func (a *Admin) ensureKey(ctx context.Context, by By, id core.AppID, key core.Secret) error {
	if app, ok := a.directory.AppByKey(DialectYunbox, key.Reveal()); ok && app.ID == id {
		return nil
	}
	return a.change(ctx, func(q store.SQL) error {
		for _, hash := range a.keys.TokenHashes(key.Reveal()) {
			c, taken, err := records.CredentialByHash(ctx, q, hash)
			switch {
			case err != nil:
				return err
			case taken && c.App == id && (c.ValidUntil == 0 || c.ValidUntil > store.At(a.now())):
				return nil
			}
		}
		added, err := a.insertKey(ctx, q, id, DialectYunbox, key)
		if err != nil {
			return err
		}
		return a.audit(ctx, q, by, "app.add_key", appObject(id), nil, map[string]string{"key": fmt.Sprint(added)})
	})
}

// creditOnce is a top-up of an account that has never had one.
type creditOnce struct{ billing.TopUp }

// Decide tops up if the account does not exist.
func (c *creditOnce) Decide(b *store.Batch) error {
	if _, exists := b.Accounts.Get(billing.Account(c.Payer.Owner, c.Payer.Pool, billing.Available)); exists {
		return nil
	}
	return c.TopUp.Decide(b)
}
