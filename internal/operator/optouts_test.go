package operator

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// optIns deletes rows as dispatch.OptOuts does.
type optIns struct{ w *world }

func (o optIns) OptIn(ctx context.Context, app *tenant.App, signature string, phone core.Phone) (was bool, err error) {
	err = o.w.engine.Update(ctx, func(q store.SQL) (err error) {
		was, err = records.DeleteOptOut(ctx, q, app.Tenant, signature, o.w.ring.Index(phone))
		return err
	})
	return was, err
}

// An operator lists who opted out, of one tenant, masked, and takes one back.
func TestOptOuts(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	one, _ := w.app(t, "one")
	two, _ := w.app(t, "two")
	must(t, w.engine.Update(ctx, func(q store.SQL) error {
		for i, number := range []string{"+8613800138000", "+8613800138001", "+8613800138002"} {
			app := one
			if i == 2 {
				app = two
			}
			phone := core.PhoneFromE164(number)
			sealed, err := w.ring.SealPhone(phone)
			if err != nil {
				return err
			}
			if err := records.InsertOptOut(ctx, q, records.OptOut{ID: int64(i + 1), Tenant: app.Tenant, App: app.ID, Signature: "极光推送", Index: w.ring.Index(phone),
				Phone: sealed, At: store.At(w.clock.now())}); err != nil {
				return err
			}
		}
		return nil
	}))
	found, err := w.OptOuts(ctx, one.ID, "", 1)
	must(t, err)
	if len(found.OptOuts) != 1 || found.Before != "2" || found.OptOuts[0].Phone != "138****8001" || found.OptOuts[0].App != one.ID || found.OptOuts[0].Signature != "极光推送" {
		t.Errorf("%+v", found)
	}
	found, err = w.OptOuts(ctx, one.ID, found.Before, 0)
	must(t, err)
	if len(found.OptOuts) != 1 || found.OptOuts[0].Phone != "138****8000" || found.Before != "" {
		t.Errorf("%+v", found)
	}
	for _, c := range []struct {
		phone, signature string
		removed          bool
	}{{"13800138002", "极光推送", false}, {"13800138000", "别的", false}, {"13800138000", "极光推送", true}, {"13800138000", "极光推送", false}} {
		done, err := w.RemoveOptOut(ctx, one.ID, api.OptOutRemoval{Phone: c.phone, Signature: c.signature})
		must(t, err)
		if done.Removed != c.removed || !strings.HasPrefix(done.Phone, "138****") {
			t.Errorf("%+v: %+v", c, done)
		}
	}
	found, err = w.OptOuts(ctx, one.ID, "", 0)
	must(t, err)
	if len(found.OptOuts) != 1 {
		t.Errorf("%+v", found)
	}
	for body, status := range map[string]int{`{"phone":"1380013800","signature":"x"}`: http.StatusBadRequest, `{"phone":"13800138000"}`: http.StatusBadRequest} {
		if answer, text := w.call(t, http.MethodPost, "/admin/apps/1/opt-outs/remove", body); answer.StatusCode != status {
			t.Errorf("%s: %d %s", body, answer.StatusCode, text)
		}
	}
	audit, err := w.Audit(ctx, 0, 10)
	must(t, err)
	if e := audit.Entries[0]; e.Action != "optout.remove" || strings.Contains(string(e.After), "13800138000") {
		t.Errorf("%+v", e)
	}
}
