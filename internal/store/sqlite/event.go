package sqlite

import (
	"errors"

	zsqlite "zombiezen.com/go/sqlite"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Batches only insert events; their later columns are those of records.
const eventColumns = "id, app, kind, ref, status, at, note"

type eventStatements struct{ byID, insert *zsqlite.Stmt }

func prepareEvents(p *preparer) eventStatements {
	return eventStatements{
		byID:   p.stmt("SELECT " + eventColumns + " FROM event WHERE id = ?"),
		insert: p.insert("event", eventColumns+", due"),
	}
}

func (s *eventStatements) load(b *store.Batch) error {
	return loadByKey(s.byID, b.Events.Wanted(), bindID[core.EventID], func(id core.EventID, row columns) {
		b.Events.Loaded(id, scanEvent(row))
	})
}

var errEvent = errors.New("sqlite: a batch never changes an event")

func (s *eventStatements) write(b *store.Batch) error {
	return writeSet(&b.Events, rowWriter[core.EventID, store.Event]{
		remove: func(core.EventID) error { return errEvent },
		update: func(_, _ *store.Event) error { return errEvent },
		insert: s.writeNew,
		keeps:  keepsAll[store.Event],
	})
}

func (s *eventStatements) writeNew(e *store.Event) error {
	p := bindID(s.insert, e.ID)
	p.int(int64(e.App))
	p.int(int64(e.Kind))
	p.int(e.Ref)
	p.int(int64(e.Status))
	p.time(e.At)
	p.text(e.Note)
	p.time(e.At) // due at once
	return p.run()
}

func scanEvent(c columns) (e store.Event) {
	e.ID = core.EventID(c.int())
	e.App = core.AppID(c.int())
	e.Kind = store.EventKind(c.int())
	e.Ref = c.int()
	e.Status = uint16(c.int())
	e.At = c.time()
	e.Note = c.text()
	return e
}
