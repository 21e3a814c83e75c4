package operator

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
)

// appOfTests makes a tenant and an app.
func (w *world) appOfTests(t *testing.T) core.AppID {
	t.Helper()
	owner, err := w.CreateTenant(t.Context(), "acme")
	must(t, err)
	signature := "验码"
	app, _, err := w.CreateApp(t.Context(), tenant.Spec{Tenant: owner.ID, Name: "shop", Settings: tenant.Patch{Signature: &signature}})
	must(t, err)
	return app.ID
}

func refused(t *testing.T, err error, code string) {
	t.Helper()
	var e *client.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

// TestTemplates walks a template through its life: pending → approved | rejected
// (→ pending when edited), each step with its audit row.
func TestTemplates(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	app := w.appOfTests(t)
	made, err := w.AddTemplate(ctx, app, api.NewTemplate{Kind: "notice", Text: "您好，{{name}}", Remark: "greeting"})
	must(t, err)
	want := catalogue.TemplateView{ID: "2", App: app, Name: "2", Kind: "notice", State: "pending", Text: "您好，{{name}}", Remark: "greeting"}
	if made != want { // 1 is built in
		t.Errorf("%+v, want %+v", made, want)
	}
	rejected, err := w.RejectTemplate(ctx, app, made.ID, "too short")
	must(t, err)
	if want.State, want.Reason = "rejected", "too short"; rejected != want {
		t.Errorf("%+v, want %+v", rejected, want)
	}
	text := "您好，{{name}}，欢迎"
	edited, err := w.EditTemplate(ctx, app, made.ID, api.TemplateChange{Text: &text})
	must(t, err)
	if want.State, want.Reason, want.Text = "pending", "", text; edited != want {
		t.Errorf("%+v, want %+v", edited, want)
	}
	approved, err := w.ApproveTemplate(ctx, app, made.ID)
	must(t, err)
	if want.State = "approved"; approved != want {
		t.Errorf("%+v, want %+v", approved, want)
	}
	imported, err := w.AddTemplate(ctx, app, api.NewTemplate{ID: "4", Kind: "code", Text: "{{code}}", TTL: 60, Name: "login"})
	must(t, err)
	if imported.ID != "4" || imported.Name != "login" || imported.TTL != 60 {
		t.Errorf("%+v", imported)
	}
	_, err = w.AddTemplate(ctx, app, api.NewTemplate{ID: "4", Kind: "notice", Text: "x"})
	refused(t, err, "conflict")
	next, err := w.AddTemplate(ctx, app, api.NewTemplate{Kind: "notice", Text: "没有参数"})
	must(t, err)
	if next.ID != "5" { // 4 is taken by the imported one
		t.Errorf("the next id is %s", next.ID)
	}
	_, err = w.DeleteTemplate(ctx, app, next.ID)
	must(t, err)
	_, err = w.Template(ctx, app, next.ID)
	refused(t, err, "not_found")

	general := "您的验证码：{{code}}"
	built, err := w.EditTemplate(ctx, 0, "1", api.TemplateChange{Text: &general})
	must(t, err)
	if built.State != "approved" || built.TTL != 300 || built.Text != general {
		t.Errorf("the built-in one: %+v", built)
	}
	_, err = w.DeleteTemplate(ctx, 0, "1")
	refused(t, err, "not_found")
	all, err := w.Templates(ctx, app)
	must(t, err)
	var ids []string
	for _, one := range all {
		ids = append(ids, one.ID)
	}
	if strings.Join(ids, " ") != "2 4 1" {
		t.Errorf("listed: %v", ids)
	}
	for want, bad := range map[string]api.NewTemplate{
		"missing_field":    {Kind: "notice", Text: " "},
		"forbidden_symbol": {Kind: "notice", Text: "【x】"},
		"bad_field":        {Kind: "code", Text: "{{code}}"},
		"forbidden_word":   {Kind: "market", Text: "博 彩"},
		"content_too_long": {Kind: "notice", Text: strings.Repeat("长", 347)},
	} {
		_, err := w.AddTemplate(ctx, app, bad)
		refused(t, err, want)
	}
	_, err = w.Templates(ctx, 9)
	refused(t, err, "not_found")
	page, err := w.Audit(ctx, 0, 50)
	must(t, err)
	var actions []string
	for _, e := range page.Entries {
		if strings.HasPrefix(e.Action, "template.") {
			actions = append(actions, e.Action+" "+e.Object)
		}
	}
	if got := strings.Join(actions, "; "); got != "template.edit app 0 template 1; template.delete app 1 template 5; template.add app 1 template 5; "+
		"template.add app 1 template 4; template.approve app 1 template 2; template.edit app 1 template 2; template.reject app 1 template 2; template.add app 1 template 2" {
		t.Errorf("audit: %s", got)
	}
}

// TestSigns walks signatures through their lives (contracts/jsms.md §12).
func TestSigns(t *testing.T) {
	w, ctx := newWorld(t), context.Background()
	app := w.appOfTests(t)
	first, err := w.AddSignature(ctx, app, api.NewSignature{Text: "极光推送", Kind: 3})
	must(t, err)
	if first != (catalogue.SignatureView{ID: "1", App: app, Text: "极光推送", Kind: 3, State: "pending"}) {
		t.Errorf("%+v", first)
	}
	_, err = w.DefaultSignature(ctx, app, "1")
	refused(t, err, "wrong_state")
	first, err = w.ApproveSignature(ctx, app, "1")
	must(t, err)
	if first.State != "approved" || !first.Default {
		t.Errorf("the first approved one: %+v", first)
	}
	second, err := w.AddSignature(ctx, app, api.NewSignature{ID: "888", Text: "Yanma", Kind: 1})
	must(t, err)
	_, err = w.RejectSignature(ctx, app, "888", "whose is it?")
	must(t, err)
	second, err = w.ApproveSignature(ctx, app, second.ID)
	must(t, err)
	if second.Default || second.Reason != "" {
		t.Errorf("%+v", second)
	}
	_, err = w.DeleteSignature(ctx, app, "1")
	refused(t, err, "wrong_state")
	_, err = w.DefaultSignature(ctx, app, "888")
	must(t, err)
	_, err = w.DeleteSignature(ctx, app, "1")
	must(t, err)
	all, err := w.Signatures(ctx, app)
	must(t, err)
	if len(all) != 1 || all[0].ID != "888" || !all[0].Default {
		t.Errorf("listed: %+v", all)
	}
	for _, bad := range []api.NewSignature{{Text: "一"}, {Text: "一二三四五六七八九"}, {Text: "【极光】"}, {Text: "a b"}, {Text: "极光", Kind: 8}} {
		_, err := w.AddSignature(ctx, app, bad)
		refused(t, err, "bad_field")
	}
	answer, err := w.http.Do(must2(http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/admin/apps/1/signs/888/image", nil)))
	must(t, err)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %d", answer.StatusCode)
	}
}

func must2(r *http.Request, err error) *http.Request {
	if err != nil {
		panic(err)
	}
	return r
}
