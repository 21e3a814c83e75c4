package tenant

import (
	"context"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// submailApp is an app of the dialect with one drawn pair.
func (w *world) submailApp(t *testing.T, name string) (AppView, SubmailKey) {
	t.Helper()
	view, _ := w.app(t, name)
	dialects := []Dialect{DialectSubmail}
	_, err := w.admin.UpdateApp(context.Background(), by, view.ID, Patch{Dialects: &dialects})
	must(t, err)
	view, made, err := w.admin.RotateSubmail(context.Background(), by, view.ID, "", Rotation{})
	must(t, err)
	return view, made
}

func keysOf(w *world, appid string) (keys []string) {
	_, valid, _ := w.directory.AppByName(DialectSubmail, appid)
	for _, k := range valid {
		keys = append(keys, k.Key.Reveal())
	}
	return keys
}

// contracts/submail.md §4.1: during a rotation the previous appkey is accepted
// for a set time; §6: an appid without a usable key is still its app's.
func TestRotateSubmail(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, first := w.submailApp(t, "shop")
	if len(first.AppID) != 10 || strings.Trim(first.AppID, "0123456789") != "" || first.AppID[0] == '0' || len(first.Key.Reveal()) != 32 {
		t.Errorf("drawn: %q, a key of %d", first.AppID, len(first.Key.Reveal()))
	}
	_, second, err := w.admin.RotateSubmail(ctx, by, view.ID, "", Rotation{OldValidUntil: w.clock.now().Add(time.Hour)})
	must(t, err)
	if second.AppID != first.AppID || second.Key == first.Key {
		t.Errorf("rotated: %q after %q", second.AppID, first.AppID)
	}
	if got := keysOf(w, first.AppID); len(got) != 2 || got[0] != second.Key.Reveal() || got[1] != first.Key.Reveal() {
		t.Errorf("%d keys in the overlap", len(got))
	}
	w.clock.move(time.Hour)
	if got := keysOf(w, first.AppID); len(got) != 1 || got[0] != second.Key.Reveal() {
		t.Errorf("%d keys after the overlap", len(got))
	}
	shown, err := w.admin.RevokeSubmail(ctx, by, view.ID)
	must(t, err)
	if app, keys, ok := w.directory.AppByName(DialectSubmail, first.AppID); !ok || app.ID != view.ID || len(keys) != 0 {
		t.Errorf("revoked: %v, %d keys, %v", app, len(keys), ok)
	}
	for _, k := range shown.Keys {
		if k.Dialect == DialectSubmail && (k.Valid || k.Name != first.AppID) {
			t.Errorf("shown: %+v", k)
		}
	}
	if _, _, err := w.admin.RotateSubmail(ctx, by, view.ID, "", Rotation{OldValidUntil: w.clock.now().Add(-time.Second)}); core.KindOf(err) != core.KindBadField {
		t.Errorf("a time that is past: %v", err)
	}
	for _, appid := range []string{"a b", strings.Repeat("a", 65), "é"} {
		if _, _, err := w.admin.RotateSubmail(ctx, by, view.ID, appid, Rotation{}); core.KindOf(err) != core.KindBadField {
			t.Errorf("appid %q: %v", appid, err)
		}
	}
	if _, _, err := w.admin.RotateSubmail(ctx, by, 99, "", Rotation{}); core.KindOf(err) != core.KindNotFound {
		t.Errorf("no app: %v", err)
	}
	for range 2 * mostSubmail { // ended keys are forgotten in time
		_, _, err := w.admin.RotateSubmail(ctx, by, view.ID, "", Rotation{})
		must(t, err)
	}
	if shown, err = w.admin.ShowApp(ctx, view.ID); err != nil || len(shown.Keys) > mostSubmail+1 {
		t.Errorf("%d keys are kept, %v", len(shown.Keys), err)
	}
}

// An appid names one app of the installation.
func TestAppIDIsUnique(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	_, first := w.submailApp(t, "shop")
	other, _ := w.submailApp(t, "other")
	if _, _, err := w.admin.RotateSubmail(ctx, by, other.ID, first.AppID, Rotation{}); core.KindOf(err) != core.KindConflict {
		t.Errorf("another app's appid: %v", err)
	}
	_, _, err := w.admin.RotateSubmail(ctx, by, other.ID, "second.one", Rotation{})
	must(t, err)
	if _, _, err := w.admin.RotateSubmail(ctx, by, other.ID, "", Rotation{}); core.KindOf(err) != core.KindBadField {
		t.Errorf("which of two: %v", err)
	}
}

// contracts/README.md §3.5: ids and keys verbatim, all of a file or nothing.
func TestImportSubmail(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, drawn := w.submailApp(t, "shop")
	other, _ := w.submailApp(t, "other")
	file := "\uFEFF{\"type\":\"app\",\"appid\":\"10001\",\"appkey\":\"testkey\"}\n\n{\"type\":\"app\",\"appid\":\"un_usual.id\",\"appkey\":\"another-one!\"}\n"
	report, err := w.admin.ImportSubmail(ctx, by, view.ID, strings.NewReader(file), true)
	must(t, err)
	if report.Keys != 2 || report.Applied || len(keysOf(w, "10001")) != 0 {
		t.Errorf("dry run: %+v", report)
	}
	for range 2 {
		report, err = w.admin.ImportSubmail(ctx, by, view.ID, strings.NewReader(file), false)
		must(t, err)
		if report.Keys != 2 || !report.Applied || report.Failed != 0 {
			t.Errorf("%+v", report)
		}
	}
	if got := keysOf(w, "10001"); len(got) != 1 || got[0] != "testkey" {
		t.Errorf("keys %v", len(got))
	}
	if got := keysOf(w, drawn.AppID); len(got) != 1 || got[0] != drawn.Key.Reveal() {
		t.Error("the app's own pair changed")
	}
	_, _, err = w.admin.RotateSubmail(ctx, by, view.ID, "10001", Rotation{})
	must(t, err)
	_, err = w.admin.ImportSubmail(ctx, by, view.ID, strings.NewReader(file), false)
	must(t, err)
	if got := keysOf(w, "10001"); len(got) != 1 || got[0] == "testkey" {
		t.Error("an import revived a key")
	}
	for name, bad := range map[string]string{
		"another app's":   `{"type":"app","appid":"` + drawn.AppID + `","appkey":"testkey"}`,
		"no JSON":         "appid=1",
		"another type":    `{"type":"key","appid":"1","appkey":"testkey"}`,
		"unknown member":  `{"type":"app","appid":"1","appkey":"testkey","x":1}`,
		"bad appid":       `{"type":"app","appid":"a b","appkey":"testkey"}`,
		"short appkey":    `{"type":"app","appid":"1","appkey":"short"}`,
		"blank in appkey": `{"type":"app","appid":"1","appkey":"test key"}`,
		"long line":       `{"type":"app","appid":"1","appkey":"` + strings.Repeat("k", longestLine) + `"}`,
	} {
		report, err := w.admin.ImportSubmail(ctx, by, other.ID, strings.NewReader(`{"type":"app","appid":"fine","appkey":"testkey"}`+"\n"+bad), false)
		if err != nil || report.Failed != 1 || report.Applied || len(keysOf(w, "fine")) != 0 {
			t.Errorf("%s: %+v, %v", name, report, err)
		}
		for _, p := range report.Errors {
			if strings.Contains(p.Message, "testkey") {
				t.Errorf("%s: a problem quotes a key", name)
			}
		}
	}
}

// Keys are sealed, follow the field key, and stand in no audit row.
func TestSigningKeysAreSealed(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, made := w.submailApp(t, "shop")
	must(t, w.ring.RotateFieldKey())
	newest := w.ring.FieldKeyIDs()[0]
	if _, n, err := w.admin.Reseal(ctx, newest, 0, 10); err != nil || n != 1 {
		t.Errorf("%d apps sealed anew, %v", n, err)
	}
	must(t, w.directory.Refresh(ctx))
	if got := keysOf(w, made.AppID); len(got) != 1 || got[0] != made.Key.Reveal() {
		t.Error("the key is lost")
	}
	if _, n, err := w.admin.Reseal(ctx, newest, 0, 10); err != nil || n != 0 {
		t.Errorf("%d apps are sealed under an older key, %v", n, err)
	}
	rows, err := w.admin.Audits(ctx, 0, 100)
	must(t, err)
	for _, row := range rows {
		if text := string(row.Before) + string(row.After); strings.Contains(text, made.Key.Reveal()) {
			t.Errorf("audit row %d has the key", row.ID)
		}
	}
	must(t, w.engine.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT secrets FROM app WHERE id = $1`, func(r store.Scanner) error {
			var sealed []byte
			if err := r.Scan(&sealed); err != nil {
				return err
			}
			if len(sealed) == 0 || strings.Contains(string(sealed), made.AppID) {
				t.Error("the column is not sealed")
			}
			return CheckSealed(w.ring, nil, sealed)
		}, int64(view.ID))
	}))
}

// contracts/submail.md §6, 1310 and 1317.
func TestAccountsThatMayNot(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, key := w.app(t, "shop")
	on, off, denied := true, false, []string{ProductOneClickLogin}
	shown, err := w.admin.UpdateTenant(ctx, by, view.Tenant, TenantPatch{Disabled: &on, Denied: &denied})
	must(t, err)
	if !shown.Disabled || len(shown.Denied) != 1 {
		t.Errorf("%+v", shown)
	}
	app, _ := w.directory.App(view.ID)
	if !app.AccountDisabled || !app.Denies(ProductOneClickLogin) || app.Denies(ProductNumberVerification) {
		t.Errorf("%+v", app)
	}
	if _, ok := w.directory.AppByKey(DialectYunbox, key); ok {
		t.Error("a disabled account's key works")
	}
	_, err = w.admin.UpdateTenant(ctx, by, view.Tenant, TenantPatch{Disabled: &off, Denied: &[]string{}})
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, key); !ok {
		t.Error("an enabled account's key does not work")
	}
	if _, err := w.admin.UpdateTenant(ctx, by, view.Tenant, TenantPatch{Denied: &[]string{"everything"}}); core.KindOf(err) != core.KindBadField {
		t.Errorf("an unknown product: %v", err)
	}
	if _, err := w.admin.UpdateTenant(ctx, by, 99, TenantPatch{}); core.KindOf(err) != core.KindNotFound {
		t.Errorf("no tenant: %v", err)
	}
}

func TestOriginsAndFunnel(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	view, _ := w.app(t, "shop")
	origins := []string{"https://www.example.com", "http://127.0.0.1:8080"}
	_, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{Origins: &origins, Funnel: &[]string{"sms", "voice"}})
	must(t, err)
	app, _ := w.directory.App(view.ID)
	if !app.ListsOrigin("https://www.example.com") || app.ListsOrigin("https://example.com") || !w.directory.ListsOrigin("http://127.0.0.1:8080") || w.directory.ListsOrigin("null") ||
		strings.Join(app.Funnel, " ") != "sms voice" {
		t.Errorf("%+v", app)
	}
	for _, bad := range []string{"*", "null", "www.example.com", "https://www.example.com/", "https://WWW.example.com", "ftp://x", "https://x?y", "https://a@b", ""} {
		if _, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{Origins: &[]string{bad}}); core.KindOf(err) != core.KindBadField {
			t.Errorf("origin %q: %v", bad, err)
		}
	}
	for _, bad := range [][]string{{"sms", "sms"}, {"email"}} {
		if _, err := w.admin.UpdateApp(ctx, by, view.ID, Patch{Funnel: &bad}); core.KindOf(err) != core.KindBadField {
			t.Errorf("funnel %q: %v", bad, err)
		}
	}
}
