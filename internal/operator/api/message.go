package api

import "yanma.dev/yanma/internal/message/catalogue"

// Templates is the answer of GET /admin/apps/{app}/templates.
type Templates struct {
	Templates []catalogue.TemplateView `json:"templates"` // the app's own, then every app's
}

// NewTemplate is the body of POST /admin/apps/{app}/templates.
type NewTemplate struct {
	ID     string `json:"id,omitempty"`   // issued elsewhere, kept verbatim; absent: one is issued
	Name   string `json:"name,omitempty"` // by which providers map it; absent: the installation's number of it
	Kind   string `json:"kind"`           // code, notice, market
	Text   string `json:"text"`           // with {{name}} for each parameter, without signature
	TTL    int    `json:"ttl_seconds,omitempty"`
	Remark string `json:"remark,omitempty"`
}

// TemplateChange is the body of PATCH; what is absent stays as it is.
type TemplateChange struct {
	Name   *string `json:"name,omitempty"`
	Kind   *string `json:"kind,omitempty"`
	Text   *string `json:"text,omitempty"`
	TTL    *int    `json:"ttl_seconds,omitempty"`
	Remark *string `json:"remark,omitempty"`
}

// Verdict is the body of a rejection.
type Verdict struct {
	Reason string `json:"reason,omitempty"` // why; its app is told
}

// Signatures is the answer of GET /admin/apps/{app}/signs.
type Signatures struct {
	Signatures []catalogue.SignatureView `json:"signs"`
}

// NewSignature is the body of POST /admin/apps/{app}/signs.
type NewSignature struct {
	ID     string `json:"id,omitempty"`   // issued elsewhere, kept verbatim; absent: one is issued
	Text   string `json:"text"`           // without 【】
	Kind   int    `json:"kind,omitempty"` // 1 company, 2 site, 3 app, 4 official account, 5 shop, 6 trade mark, 7 other; default 1
	Remark string `json:"remark,omitempty"`
}
