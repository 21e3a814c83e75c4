package sqlite

import (
	"bytes"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// The columns that delivery changes, and before them those that are fixed when
// the message is accepted.
const (
	messageProgress = messageKept + ", due"
	messageKept     = "state, money, parts, parts_done, resends, attempts, node, updated, provider, code, status, history, body"
	messageColumns  = "id, tenant, app, verification, channel, pool, tenant_pays, price, segments, phone, template, valid_until, report, " + messageProgress
)

// updateKept leaves due alone: to name it moves the message in its index, even
// to where it was.
type messageStatements struct{ byID, insert, update, updateKept, remove *zsqlite.Stmt }

func prepareMessages(p *preparer) messageStatements {
	return messageStatements{
		byID:       p.stmt("SELECT " + messageColumns + " FROM message WHERE id = ?"),
		insert:     p.insert("message", messageColumns+", room"),
		update:     p.update("message", 1, "id, "+messageProgress+", room"),
		updateKept: p.update("message", 1, "id, "+messageKept+", room"),
		remove:     p.stmt("DELETE FROM message WHERE id = ?"),
	}
}

func (s *messageStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Messages.Wanted(), bindID[core.MessageID], func(id core.MessageID, row columns) {
		b.Messages.Loaded(id, scanMessage(row))
	})
}

func (s *messageStatements) write(b *store.Batch) error {
	return writeSet(&b.Messages, rowWriter[core.MessageID, store.Message]{
		remove: remover(s.remove, bindID[core.MessageID]),
		update: s.writeProgress,
		insert: s.writeNew,
		key:    func(m *store.Message) core.MessageID { return m.ID },
		keeps:  keepsMessage,
	})
}

// keepsMessage tells whether nothing changed but what delivery changes.
func keepsMessage(was, is *store.Message) bool {
	return was.Tenant == is.Tenant && was.App == is.App && was.Verification == is.Verification && was.Channel == is.Channel &&
		was.Pool == is.Pool && was.TenantPays == is.TenantPays && was.Price == is.Price && was.Segments == is.Segments &&
		bytes.Equal(was.Phone, is.Phone) && was.Template == is.Template && was.ValidUntil == is.ValidUntil && was.Report == is.Report
}

func (s *messageStatements) writeNew(m *store.Message) error {
	p := bind(s.insert)
	p.int(int64(m.ID))
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
	bindProgress(&p, m)
	bindRoom(&p, m)
	return p.run()
}

func (s *messageStatements) writeProgress(was, m *store.Message) error {
	if was.Due == m.Due {
		p := bindID(s.updateKept, m.ID)
		bindKept(&p, m)
		bindRoom(&p, m)
		return p.run()
	}
	p := bindID(s.update, m.ID)
	bindProgress(&p, m)
	bindRoom(&p, m)
	return p.run()
}

// bindRoom binds what is left for the row to grow; without its text it is done
// growing.
func bindRoom(p *parameters, m *store.Message) {
	if len(m.Body) == 0 {
		p.null()
		return
	}
	used := intSize(int64(m.State)) + intSize(int64(m.Money)) + intSize(int64(m.Parts)) + intSize(int64(m.PartsDone)) +
		intSize(int64(m.Resends)) + intSize(int64(m.Attempts)) + intSize(int64(m.Node)) + intSize(int64(m.Status)) +
		len(m.Provider) + len(m.Code) + len(m.History)
	p.bytes(room(messageRoom, used))
}

func bindProgress(p *parameters, m *store.Message) {
	bindKept(p, m)
	if m.Due == 0 {
		p.null() // in no index
	} else {
		p.time(m.Due)
	}
}

func bindKept(p *parameters, m *store.Message) {
	p.int(int64(m.State))
	p.int(int64(m.Money))
	p.int(int64(m.Parts))
	p.int(int64(m.PartsDone))
	p.int(int64(m.Resends))
	p.int(int64(m.Attempts))
	p.int(int64(m.Node))
	p.time(m.Updated)
	p.text(m.Provider)
	p.text(m.Code)
	p.int(int64(m.Status))
	p.bytes(m.History)
	p.bytes(m.Body)
}

func scanMessage(c columns) (m store.Message) {
	m.ID = core.MessageID(c.int())
	m.Tenant = core.TenantID(c.int())
	m.App = core.AppID(c.int())
	m.Verification = core.VerificationID(c.int())
	m.Channel = core.Channel(c.int())
	m.Pool = core.Pool(c.int())
	m.TenantPays = c.bool()
	m.Price = core.Credits(c.int())
	m.Segments = uint8(c.int())
	m.Phone = c.bytes()
	m.Template = c.text()
	m.ValidUntil = c.time()
	m.Report = c.bool()
	m.State = store.MessageState(c.int())
	m.Money = store.Money(c.int())
	m.Parts = uint8(c.int())
	m.PartsDone = uint8(c.int())
	m.Resends = uint8(c.int())
	m.Attempts = uint8(c.int())
	m.Node = uint8(c.int())
	m.Updated = c.time()
	m.Provider = c.text()
	m.Code = c.text()
	m.Status = uint16(c.int())
	m.History = c.bytes()
	m.Body = c.bytes()
	m.Due = c.time()
	return m
}
