package catalogue

import (
	"context"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Catalogue is the templates and signatures of all apps, as of the revision that
// the directory shows. Reading it takes no lock. Do not change what it gives.
type Catalogue struct{ current atomic.Pointer[snapshot] }

// snapshot never changes.
type snapshot struct {
	templates  map[key]*message.Template
	byID       map[int64]*message.Template
	signatures map[key]*message.Signature
	byApp      map[core.AppID]*appEntries
}

type key struct {
	app core.AppID
	ref string
}

type appEntries struct {
	templates  []*message.Template // by id
	signatures []*message.Signature
	standard   *message.Signature // the approved default; nil: none
}

// New returns an empty catalogue. Read fills it: give it to Directory.Beside.
func New() *Catalogue {
	c := &Catalogue{}
	c.current.Store(&snapshot{})
	return c
}

// Read reads everything; see tenant.Directory.Beside.
func (c *Catalogue) Read(ctx context.Context, q store.SQL) (publish func(), err error) {
	templates, err := records.Templates(ctx, q)
	if err != nil {
		return nil, err
	}
	signatures, err := records.Signatures(ctx, q)
	if err != nil {
		return nil, err
	}
	s := &snapshot{templates: make(map[key]*message.Template, len(templates)), byID: make(map[int64]*message.Template, len(templates)),
		signatures: make(map[key]*message.Signature, len(signatures)), byApp: map[core.AppID]*appEntries{}}
	for i := range templates {
		t := templateOf(&templates[i])
		t.Prepare()
		of := s.of(t.App)
		of.templates = append(of.templates, t)
		s.templates[key{t.App, t.Ref}], s.byID[t.ID] = t, t
	}
	for i := range signatures {
		sign := signatureOf(&signatures[i])
		of := s.of(sign.App)
		of.signatures = append(of.signatures, sign)
		s.signatures[key{sign.App, sign.Ref}] = sign
		if sign.Default && sign.State == message.Approved {
			of.standard = sign
		}
	}
	return func() { c.current.Store(s) }, nil
}

func (s *snapshot) of(app core.AppID) *appEntries {
	if s.byApp[app] == nil {
		s.byApp[app] = &appEntries{}
	}
	return s.byApp[app]
}

func templateOf(r *records.Template) *message.Template {
	return &message.Template{ID: r.ID, App: r.App, Ref: r.Ref, Name: r.Name, Kind: message.Kind(r.Kind), State: message.Audit(r.State), Text: r.Text,
		TTL: time.Duration(r.TTL) * time.Second, Remark: r.Remark, Reason: r.Reason}
}

func signatureOf(r *records.Signature) *message.Signature {
	return &message.Signature{ID: r.ID, App: r.App, Ref: r.Ref, Text: r.Text, Kind: r.Kind, State: message.Audit(r.State), Default: r.Default,
		Remark: r.Remark, Reason: r.Reason}
}

// Template is an app's template by the id that the app knows, or one of every
// app's. KindNotFound with Field template when there is none; it may be in
// audit (Template.Usable).
func (c *Catalogue) Template(app core.AppID, ref string) (*message.Template, error) {
	s := c.current.Load()
	if t, ok := s.templates[key{app, ref}]; ok {
		return t, nil
	}
	if t, ok := s.templates[key{0, ref}]; ok {
		return t, nil
	}
	return nil, &core.Error{Kind: core.KindNotFound, Field: "template", Detail: "no such template"}
}

// TemplateByID is a template by the installation's own id.
func (c *Catalogue) TemplateByID(id int64) (*message.Template, bool) {
	t, ok := c.current.Load().byID[id]
	return t, ok
}

// Signature is an app's approved signature by the id that the app knows; "" is
// the default one, or the one of the app's settings where no default is
// approved. KindNotFound with Field signature when there is none,
// KindSignatureMissing when it is not approved.
func (c *Catalogue) Signature(app *tenant.App, ref string) (*message.Signature, error) {
	s := c.current.Load()
	if ref == "" {
		if of := s.byApp[app.ID]; of != nil && of.standard != nil {
			return of.standard, nil
		}
		if app.Template.Signature == "" {
			return nil, core.Field(core.KindSignatureMissing, "signature")
		}
		return &message.Signature{App: app.ID, Text: app.Template.Signature, Kind: 1, State: message.Approved, Default: true}, nil
	}
	sign, ok := s.signatures[key{app.ID, ref}]
	switch {
	case !ok:
		return nil, &core.Error{Kind: core.KindNotFound, Field: "signature", Detail: "no such signature"}
	case sign.State != message.Approved:
		return nil, core.Field(core.KindSignatureMissing, "signature")
	}
	return sign, nil
}

// FindSignature is an app's signature by the id that the app knows, whatever its
// state; KindNotFound with Field signature when there is none.
func (c *Catalogue) FindSignature(app core.AppID, ref string) (*message.Signature, error) {
	if sign, ok := c.current.Load().signatures[key{app, ref}]; ok {
		return sign, nil
	}
	return nil, &core.Error{Kind: core.KindNotFound, Field: "signature", Detail: "no such signature"}
}

// HasSignature tells whether an app has an approved signature of its own
// (contracts/jsms.md §11, 50046).
func (c *Catalogue) HasSignature(app core.AppID) bool {
	for _, sign := range c.Signatures(app) {
		if sign.State == message.Approved {
			return true
		}
	}
	return false
}

// Templates are an app's own templates by id; those of app 0 are every app's.
func (c *Catalogue) Templates(app core.AppID) []*message.Template {
	if of := c.current.Load().byApp[app]; of != nil {
		return of.templates
	}
	return nil
}

// Signatures are an app's signatures by id.
func (c *Catalogue) Signatures(app core.AppID) []*message.Signature {
	if of := c.current.Load().byApp[app]; of != nil {
		return of.signatures
	}
	return nil
}
