package jsms

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/message/catalogue"
	"yanma.dev/yanma/internal/message/dispatch"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/verify"
)

// Apps is the configuration cache (tenant.Directory).
type Apps interface {
	AppByName(dialect tenant.Dialect, name string) (app *tenant.App, keys []tenant.SigningKey, ok bool)
	App(id core.AppID) (*tenant.App, bool)
}

// Verifier sends and checks codes (verify.Service).
type Verifier interface {
	Start(ctx context.Context, r verify.StartRequest) (verify.Started, error)
	Validate(ctx context.Context, r verify.ValidateRequest) (verify.Outcome, error)
	PublicID(app *tenant.App, id core.VerificationID) string
	WhosePublicID(text string) (app core.AppID, id core.VerificationID, ok bool)
}

// Catalogue finds templates and signatures (catalogue.Catalogue).
type Catalogue interface {
	Template(app core.AppID, ref string) (*message.Template, error)
	Signature(app *tenant.App, ref string) (*message.Signature, error)
	FindSignature(app core.AppID, ref string) (*message.Signature, error)
}

// Editor changes templates and signatures (catalogue.Admin).
type Editor interface {
	AddTemplate(ctx context.Context, by tenant.By, n catalogue.NewTemplate) (message.Template, error)
	EditTemplate(ctx context.Context, by tenant.By, app core.AppID, ref string, c catalogue.TemplateChange) (message.Template, error)
	DeleteTemplate(ctx context.Context, by tenant.By, app core.AppID, ref string) error
	AddSignature(ctx context.Context, by tenant.By, n catalogue.NewSignature) (message.Signature, error)
	EditSignature(ctx context.Context, by tenant.By, app core.AppID, ref string, c catalogue.SignatureChange) (message.Signature, error)
	DeleteSignature(ctx context.Context, by tenant.By, app core.AppID, ref string) error
}

// Dispatcher sends template messages, now and later (dispatch.Service).
type Dispatcher interface {
	Send(ctx context.Context, r dispatch.Request, to dispatch.Recipient) (dispatch.Result, error)
	Batch(ctx context.Context, r dispatch.Request, to []dispatch.Recipient) ([]dispatch.Result, error)
	Schedule(ctx context.Context, r dispatch.ScheduleRequest) (dispatch.Scheduled, error)
	Reschedule(ctx context.Context, id string, r dispatch.ScheduleRequest) (dispatch.Scheduled, error)
	FindSchedule(ctx context.Context, app core.AppID, id string) (dispatch.ScheduleView, error)
	DeleteSchedule(ctx context.Context, app core.AppID, id string) error
}

// Balances tells what an owner can spend in each pool that was ever assigned.
type Balances interface {
	OfApp(ctx context.Context, app core.AppID) (map[core.Pool]core.Credits, error)
	OfTenant(ctx context.Context, id core.TenantID) (map[core.Pool]core.Credits, error)
}

// Events hands out what an app was not told yet (callback.Service).
type Events interface {
	Reports(ctx context.Context, app core.AppID) ([]callback.Event, error)
	Replies(ctx context.Context, app core.AppID) ([]callback.Event, error)
}

// Options are what the façade works with; all but Words are required.
type Options struct {
	Apps      Apps
	Verify    Verifier
	Catalogue Catalogue
	Editor    Editor
	Dispatch  Dispatcher
	Balances  Balances
	Events    Events
	Words     *message.Words // that no text may have
	Longest   int            // characters of a text with its signature
	Limiter   guard.Limiter
	Subjects  guard.Subjects
	Rules     guard.Rules // the installation's: for limits that come before the caller is known
	Now       func() time.Time
}

// dialect is the façade with what it works with.
type dialect struct{ Options }

// The endpoints' names, as events show them.
const (
	codes           = "codes"
	voiceCodes      = "voice-codes"
	valid           = "valid"
	messages        = "messages"
	batch           = "batch"
	addSchedule     = "schedule"
	editSchedule    = "edit-schedule"
	showSchedule    = "show-schedule"
	deleteSchedule  = "delete-schedule"
	scheduleBatch   = "schedule-batch"
	editBatch       = "edit-schedule-batch"
	addTemplate     = "add-template"
	editTemplate    = "edit-template"
	showTemplate    = "show-template"
	deleteTemplate  = "delete-template"
	addSign         = "add-sign"
	editSign        = "edit-sign"
	showSign        = "show-sign"
	deleteSign      = "delete-sign"
	appBalance      = "app-balance"
	developerCredit = "dev-balance"
	reports         = "report"
	replies         = "reply"
)

// New returns the façade.
func New(o Options) *facade.Facade {
	d := &dialect{o}
	return &facade.Facade{
		Name: string(tenant.DialectJSMS),
		Owns: []string{"/v1/"},
		Routes: []facade.Route{
			{Name: codes, Method: http.MethodPost, Path: "/v1/codes", BodyCap: facade.BodyCap, Handle: d.json(d.codes)},
			{Name: voiceCodes, Method: http.MethodPost, Path: "/v1/voice_codes", BodyCap: facade.BodyCap, Handle: d.json(d.voiceCodes)},
			{Name: valid, Method: http.MethodPost, Path: "/v1/codes/{msg_id}/valid", BodyCap: facade.BodyCap, Handle: d.valid},
			{Name: messages, Method: http.MethodPost, Path: "/v1/messages", BodyCap: facade.BodyCap, Handle: d.json(d.messages)},
			{Name: batch, Method: http.MethodPost, Path: "/v1/messages/batch", BodyCap: batchCap, Handle: d.json(d.batch)},
			{Name: addSchedule, Method: http.MethodPost, Path: "/v1/schedule", BodyCap: facade.BodyCap, Handle: d.json(d.schedule)},
			{Name: scheduleBatch, Method: http.MethodPost, Path: "/v1/schedule/batch", BodyCap: batchCap, Handle: d.json(d.scheduleBatch)},
			{Name: editBatch, Method: http.MethodPut, Path: "/v1/schedule/batch/{schedule_id}", BodyCap: batchCap, Handle: d.json(d.scheduleBatch)},
			{Name: editSchedule, Method: http.MethodPut, Path: "/v1/schedule/{schedule_id}", BodyCap: facade.BodyCap, Handle: d.json(d.schedule)},
			{Name: showSchedule, Method: http.MethodGet, Path: "/v1/schedule/{schedule_id}", Handle: d.app(d.showSchedule)},
			{Name: deleteSchedule, Method: http.MethodDelete, Path: "/v1/schedule/{schedule_id}", Handle: d.app(d.deleteSchedule)},
			{Name: addTemplate, Method: http.MethodPost, Path: "/v1/templates", BodyCap: facade.BodyCap, Handle: d.json(d.addTemplate)},
			{Name: editTemplate, Method: http.MethodPut, Path: "/v1/templates/{temp_id}", BodyCap: facade.BodyCap, Handle: d.json(d.editTemplate)},
			{Name: showTemplate, Method: http.MethodGet, Path: "/v1/templates/{temp_id}", Handle: d.app(d.showTemplate)},
			{Name: deleteTemplate, Method: http.MethodDelete, Path: "/v1/templates/{temp_id}", Handle: d.app(d.deleteTemplate)},
			{Name: addSign, Method: http.MethodPost, Path: "/v1/sign", BodyCap: signCap, Handle: d.app(d.addSign)},
			{Name: editSign, Method: http.MethodPost, Path: "/v1/sign/{sign_id}", BodyCap: signCap, Handle: d.app(d.editSign)},
			{Name: showSign, Method: http.MethodGet, Path: "/v1/sign/{sign_id}", Handle: d.app(d.showSign)},
			{Name: deleteSign, Method: http.MethodDelete, Path: "/v1/sign/{sign_id}", Handle: d.app(d.deleteSign)},
			{Name: appBalance, Method: http.MethodGet, Path: "/v1/accounts/app", Handle: d.app(d.appBalance)},
			{Name: developerCredit, Method: http.MethodGet, Path: "/v1/accounts/dev", Handle: d.developerBalance},
			{Name: reports, Method: http.MethodGet, Path: "/v1/report", NoHead: true, Handle: d.app(d.reports)}, // each row is handed out once
			{Name: replies, Method: http.MethodGet, Path: "/v1/reply", NoHead: true, Handle: d.app(d.replies)},
		},
		Refuse: refuse,
	}
}

// call is one request of an app.
type call func(ctx context.Context, x *facade.Exchange, app *tenant.App) error

// app is what comes before every call of an app (contracts/jsms.md §1.3).
func (d *dialect) app(then call) func(context.Context, *facade.Exchange) error {
	return func(ctx context.Context, x *facade.Exchange) error {
		app, err := d.authenticate(ctx, x)
		if err != nil {
			return err
		}
		return then(ctx, x, app)
	}
}

// json is app for a call with a JSON object.
func (d *dialect) json(then call) func(context.Context, *facade.Exchange) error {
	return d.app(func(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
		if err := readObject(x); err != nil {
			return err
		}
		return then(ctx, x, app)
	})
}
