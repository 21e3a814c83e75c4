package postgres

import (
	"bytes"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that delivery changes, and behind them those that are fixed when
// the message is accepted.
const (
	messageLife = "id bigint, state bigint, money bigint, parts bigint, parts_done bigint, resends bigint, attempts bigint, node bigint, " +
		"due bigint, updated bigint, provider text, code text, status bigint, history bytea, body bytea"
	messageColumns = messageLife + ", tenant bigint, app bigint, verification bigint, channel bigint, pool bigint, tenant_pays boolean, " +
		"price bigint, segments bigint, phone bytea, template text, valid_until bigint, report boolean"
)

func newMessages(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "message", columns: columnsOf(messageColumns), keys: 1}
	return &kind[core.MessageID, store.Message]{
		set:    func(b *store.Batch) *store.Set[core.MessageID, store.Message] { return &b.Messages },
		putKey: putID[core.MessageID],
		putRow: func(p *arrays, m *store.Message) {
			putMessageLife(p, m)
			p.int(int64(m.Tenant))
			p.int(int64(m.App))
			p.int(int64(m.Verification))
			p.int(int64(m.Channel))
			p.int(int64(m.Pool))
			p.bool(m.TenantPays)
			p.int(int64(m.Price))
			p.int(int64(m.Segments))
			p.bytes(m.Phone)
			p.text(m.Template)
			p.time(m.ValidUntil)
			p.bool(m.Report)
		},
		loaded: func(b *store.Batch, f *fields) {
			m := scanMessage(f)
			b.Messages.Loaded(m.ID, m)
		},
		byKey:   t.byKey(),
		insert:  t.insert(""),
		remove:  t.remove(),
		update:  t.update(columnsOf(messageLife)),
		putLife: putMessageLife,
		keeps:   keepsMessage,
		keyOf:   func(m *store.Message) core.MessageID { return m.ID },
		rewrite: t.update(t.columns),
	}
}

// keepsMessage tells whether nothing changed but what delivery changes.
func keepsMessage(was, is *store.Message) bool {
	return was.Tenant == is.Tenant && was.App == is.App && was.Verification == is.Verification && was.Channel == is.Channel &&
		was.Pool == is.Pool && was.TenantPays == is.TenantPays && was.Price == is.Price && was.Segments == is.Segments &&
		bytes.Equal(was.Phone, is.Phone) && was.Template == is.Template && was.ValidUntil == is.ValidUntil && was.Report == is.Report
}

func putMessageLife(p *arrays, m *store.Message) {
	p.int(int64(m.ID))
	p.int(int64(m.State))
	p.int(int64(m.Money))
	p.int(int64(m.Parts))
	p.int(int64(m.PartsDone))
	p.int(int64(m.Resends))
	p.int(int64(m.Attempts))
	p.int(int64(m.Node))
	if m.Due == 0 {
		p.null() // in no index
	} else {
		p.time(m.Due)
	}
	p.time(m.Updated)
	p.text(m.Provider)
	p.text(m.Code)
	p.int(int64(m.Status))
	p.bytes(m.History)
	p.bytes(m.Body)
}

func scanMessage(f *fields) (m store.Message) {
	m.ID = core.MessageID(f.int())
	m.State = store.MessageState(f.int())
	m.Money = store.Money(f.int())
	m.Parts = uint8(f.int())
	m.PartsDone = uint8(f.int())
	m.Resends = uint8(f.int())
	m.Attempts = uint8(f.int())
	m.Node = uint8(f.int())
	m.Due = f.time()
	m.Updated = f.time()
	m.Provider = f.text()
	m.Code = f.text()
	m.Status = uint16(f.int())
	m.History = f.bytes()
	m.Body = f.bytes()
	m.Tenant = core.TenantID(f.int())
	m.App = core.AppID(f.int())
	m.Verification = core.VerificationID(f.int())
	m.Channel = core.Channel(f.int())
	m.Pool = core.Pool(f.int())
	m.TenantPays = f.bool()
	m.Price = core.Credits(f.int())
	m.Segments = uint8(f.int())
	m.Phone = f.bytes()
	m.Template = f.text()
	m.ValidUntil = f.time()
	m.Report = f.bool()
	return m
}
