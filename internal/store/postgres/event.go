package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Batches only insert events; their later columns are those of records.
func newEvents(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "event", columns: columnsOf("id bigint, app bigint, kind bigint, ref bigint, status bigint, at bigint, note text"), keys: 1}
	insert := &table{catalogue: c, name: "event", columns: append(t.columns[:len(t.columns):len(t.columns)], columnsOf("due bigint")...), keys: 1}
	return &kind[core.EventID, store.Event]{
		set:    func(b *store.Batch) *store.Set[core.EventID, store.Event] { return &b.Events },
		putKey: putID[core.EventID],
		putRow: func(p *arrays, e *store.Event) {
			p.int(int64(e.ID))
			p.int(int64(e.App))
			p.int(int64(e.Kind))
			p.int(e.Ref)
			p.int(int64(e.Status))
			p.time(e.At)
			p.text(e.Note)
			p.time(e.At) // due at once
		},
		loaded: func(b *store.Batch, f *fields) {
			e := scanEvent(f)
			b.Events.Loaded(e.ID, e)
		},
		byKey:  t.byKey(),
		insert: insert.insert(""),
	}
}

func scanEvent(f *fields) (e store.Event) {
	e.ID = core.EventID(f.int())
	e.App = core.AppID(f.int())
	e.Kind = store.EventKind(f.int())
	e.Ref = f.int()
	e.Status = uint16(f.int())
	e.At = f.time()
	e.Note = f.text()
	return e
}
