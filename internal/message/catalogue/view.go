package catalogue

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
)

// TemplateView is a template as operators see it.
type TemplateView struct {
	ID     string     `json:"id"`  // as its app says it
	App    core.AppID `json:"app"` // 0: every app's
	Name   string     `json:"name"`
	Kind   string     `json:"kind"`  // code, notice, market
	State  string     `json:"state"` // pending, approved, rejected
	Text   string     `json:"text"`
	TTL    int        `json:"ttl_seconds"`
	Remark string     `json:"remark"`
	Reason string     `json:"reason"`
}

// ViewTemplate shows a template.
func ViewTemplate(t *message.Template) TemplateView {
	return TemplateView{ID: t.Ref, App: t.App, Name: t.Name, Kind: t.Kind.String(), State: t.State.String(), Text: t.Text, TTL: int(t.TTL / time.Second),
		Remark: t.Remark, Reason: t.Reason}
}

// SignatureView is a signature as operators see it.
type SignatureView struct {
	ID      string     `json:"id"` // as its app says it
	App     core.AppID `json:"app"`
	Text    string     `json:"text"`
	Kind    int        `json:"kind"`  // 1 to 7
	State   string     `json:"state"` // pending, approved, rejected
	Default bool       `json:"default"`
	Remark  string     `json:"remark"`
	Reason  string     `json:"reason"`
}

// ViewSignature shows a signature.
func ViewSignature(s *message.Signature) SignatureView {
	return SignatureView{ID: s.Ref, App: s.App, Text: s.Text, Kind: int(s.Kind), State: s.State.String(), Default: s.Default, Remark: s.Remark, Reason: s.Reason}
}
