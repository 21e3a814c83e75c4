package postgres

import (
	"errors"

	"yanma.dev/yanma/internal/store"
)

// kind is one kind of row of a batch: its statements, and how its rows and keys
// become parameters and come back.
type kind[K comparable, R any] struct {
	set    func(*store.Batch) *store.Set[K, R]
	find   func(*request, *store.Batch) // asks for rows by a second key; may be nil
	finds  func(*store.Batch) bool      // whether there are any to ask for
	putKey func(*arrays, K)
	putRow func(*arrays, *R)           // every column
	loaded func(*store.Batch, *fields) // reads a row and hands it over

	byKey, insert *statement
	read          *statement // instead of byKey where nobody has to be careful; may be nil

	// Kinds whose rows change have the rest.
	remove    *statement
	update    *statement                  // of the columns that change in a row's life
	putLife   func(*arrays, *R)           // the key and those columns
	putChange func(p *arrays, was, is *R) // instead of putLife where the former row counts

	// Kinds with columns that change hardly ever have these.
	keeps   func(was, is *R) bool // whether those columns are the same
	keyOf   func(*R) K
	free    *statement // takes a row out of unique indexes; may be nil
	rewrite *statement // of every column

	again, next []K // see order.go
}

// rowKind is a kind of any types.
type rowKind interface {
	wants(*store.Batch) bool
	locks(*statements) bool // whether loading locks
	load(q *request, b *store.Batch, round int)
	remember(keep bool)
	check(*store.Batch) error
	write(*request, *store.Batch)
}

// load asks for the rows that the batch names, and in the first round for those
// that an earlier run of it named later.
func (k *kind[K, R]) load(q *request, b *store.Batch, round int) {
	if k.find != nil {
		k.find(q, b)
	}
	wanted := k.set(b).Wanted()
	p := q.bind(k.loading(q.conn.statements))
	for _, key := range wanted {
		k.putKey(p, key)
	}
	if round == 1 {
		for _, key := range k.again {
			k.putKey(p, key)
		}
	} else {
		k.next = append(k.next, wanted...)
	}
	q.send(func(f *fields) { k.loaded(b, f) })
}

// loading is the statement that loads rows by their keys.
func (k *kind[K, R]) loading(s *statements) *statement {
	if k.read != nil && !s.careful {
		return k.read
	}
	return k.byKey
}

func (k *kind[K, R]) locks(s *statements) bool { return k.loading(s) == k.byKey }

// wants tells whether the batch names rows.
func (k *kind[K, R]) wants(b *store.Batch) bool {
	return k.find != nil && k.finds(b) || len(k.set(b).Wanted()) > 0
}

// remember keeps what was named in later rounds for the next run, or forgets it.
func (k *kind[K, R]) remember(keep bool) {
	k.again = k.again[:0]
	if keep {
		k.again = append(k.again, k.next...)
	}
	k.next = k.next[:0]
}

var errFrozen = errors.New("postgres: a row that is only ever inserted was changed")

// check refuses changes of rows that are only ever inserted.
func (k *kind[K, R]) check(b *store.Batch) error {
	if k.update != nil {
		return nil
	}
	if err := k.set(b).Updated(func(_, _ *R) error { return errFrozen }); err != nil {
		return err
	}
	return k.set(b).Deleted(func(K) error { return errFrozen })
}

// write sends what goes, what changed and what is new.
func (k *kind[K, R]) write(q *request, b *store.Batch) {
	set := k.set(b)
	if k.update != nil {
		p := q.bind(k.remove)
		_ = set.Deleted(func(key K) error { k.putKey(p, key); return nil })
		q.send(nil)
		if k.keeps == nil || !k.writeLasting(q, set) {
			p = q.bind(k.update)
			_ = set.Updated(func(was, is *R) error {
				if k.putChange != nil {
					k.putChange(p, was, is)
				} else {
					k.putLife(p, is)
				}
				return nil
			})
			q.send(nil)
		}
	}
	p := q.bind(k.insert)
	_ = set.Inserted(func(row *R) error { k.putRow(p, row); return nil })
	q.send(nil)
}

// writeLasting writes every column of all changed rows when a lasting column of
// any changed, and tells whether that was so. Rows first leave the unique
// indexes, so that a value may move from one row to another in either order.
// They are not deleted: another node that waits for such a row must find it.
func (k *kind[K, R]) writeLasting(q *request, set *store.Set[K, R]) bool {
	lasting := false
	_ = set.Updated(func(was, is *R) error {
		lasting = lasting || !k.keeps(was, is)
		return nil
	})
	if !lasting {
		return false
	}
	if k.free != nil {
		p := q.bind(k.free)
		_ = set.Updated(func(was, is *R) error {
			if !k.keeps(was, is) {
				k.putKey(p, k.keyOf(is))
			}
			return nil
		})
		q.send(nil)
	}
	p := q.bind(k.rewrite)
	_ = set.Updated(func(_, is *R) error { k.putRow(p, is); return nil })
	q.send(nil)
	return true
}

// putID writes a key that is one number.
func putID[K ~int64](p *arrays, id K) { p.int(int64(id)) }

// findAll asks for the rows that second keys lead to.
func findAll[L any](q *request, by *statement, wanted []L, put func(*arrays, *L), loaded func(*fields)) {
	p := q.bind(by)
	for i := range wanted {
		put(p, &wanted[i])
	}
	q.send(loaded)
}
