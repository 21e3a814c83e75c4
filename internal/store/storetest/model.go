package storetest

import (
	"maps"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// model is what the database must hold: plain maps, changed one command after
// the other.
type model struct {
	users    map[core.UserID]store.User
	messages map[core.MessageID]store.Message
}

func newModel() *model {
	return &model{users: map[core.UserID]store.User{}, messages: map[core.MessageID]store.Message{}}
}

func (m *model) clone() *model {
	return &model{users: maps.Clone(m.users), messages: maps.Clone(m.messages)}
}

// step is one random command: what it does to a batch and to the model.
type step struct {
	kind   int // see steps
	user   core.UserID
	number byte
	key    core.MessageID
	text   string
}

const (
	stepRegister = iota // the number's user logs in; a new one is made when it has none
	stepForget          // the user goes
	stepMove            // the user takes the number, whoever has it loses it
	stepPutMessage
	stepDropMessage
	stepRefuse // changes everything, then refuses
	stepPanic
	steps
)

// Every run of the model works on a tenant, ids and numbers of its own.
type world struct {
	tenant core.TenantID
	base   int64
}

func (w world) userKey(number byte) store.UserKey {
	return store.UserKey{Tenant: w.tenant, Index: index(number + 1)}
}

func (w world) command(s step) store.Command {
	k := w.userKey(s.number)
	return &command{
		want: func(b *store.Batch) {
			b.UserOf.Want(k)
			b.Users.Want(s.user)
			b.Messages.Want(s.key)
		},
		decide: func(b *store.Batch) error {
			switch s.kind {
			case stepRegister:
				u, known := b.User(k)
				if !known {
					if _, taken := b.Users.Get(s.user); taken {
						return core.E(core.KindConflict, "the id has another number")
					}
					u = store.User{ID: s.user, Tenant: w.tenant, Index: core.PhoneIndex{A: k.Index}}
				}
				u.LastLogin++
				b.PutUser(u)
			case stepForget:
				b.Users.Delete(s.user)
			case stepMove:
				u, exists := b.Users.Get(s.user)
				if !exists {
					return core.E(core.KindNotFound, "")
				}
				if holder, taken := b.User(k); taken && holder.ID != u.ID {
					b.Users.Delete(holder.ID)
				}
				u.Index.A = k.Index
				b.PutUser(u)
			case stepPutMessage:
				b.Messages.Put(s.key, store.Message{ID: s.key, Code: s.text, Body: []byte(s.text)})
			case stepDropMessage:
				b.Messages.Delete(s.key)
			case stepRefuse, stepPanic:
				b.PutUser(store.User{ID: s.user, Tenant: w.tenant, Index: core.PhoneIndex{A: k.Index}, Network: 99})
				b.Messages.Delete(s.key)
				if s.kind == stepPanic {
					panic("a command of the model")
				}
				return core.E(core.KindForbidden, "")
			}
			return nil
		},
	}
}

// apply does to the model what command does to the database, and gives the kind
// of its refusal.
func (w world) apply(m *model, s step) (refused core.Kind, ok bool) {
	holder := func() (store.User, bool) {
		for _, u := range m.users {
			if u.Index.A == w.userKey(s.number).Index {
				return u, true
			}
		}
		return store.User{}, false
	}
	switch s.kind {
	case stepRegister:
		u, known := holder()
		if !known {
			if _, taken := m.users[s.user]; taken {
				return core.KindConflict, false
			}
			u = store.User{ID: s.user, Tenant: w.tenant, Index: core.PhoneIndex{A: w.userKey(s.number).Index}}
		}
		u.LastLogin++
		m.users[u.ID] = u
	case stepForget:
		delete(m.users, s.user)
	case stepMove:
		u, exists := m.users[s.user]
		if !exists {
			return core.KindNotFound, false
		}
		if h, taken := holder(); taken && h.ID != u.ID {
			delete(m.users, h.ID)
		}
		u.Index.A = w.userKey(s.number).Index
		m.users[u.ID] = u
	case stepPutMessage:
		message := store.Message{ID: s.key, Code: s.text}
		if s.text != "" {
			message.Body = []byte(s.text)
		}
		m.messages[s.key] = message
	case stepDropMessage:
		delete(m.messages, s.key)
	case stepRefuse:
		return core.KindForbidden, false
	case stepPanic:
		return core.KindInternal, false
	}
	return 0, true
}

const modelUsers, modelNumbers, modelMessages = 4, 5, 3

func (w world) step(t *rapid.T) step {
	return step{
		kind:   rapid.IntRange(0, steps-1).Draw(t, "kind"),
		user:   core.UserID(w.base + rapid.Int64Range(1, modelUsers).Draw(t, "user")),
		number: rapid.ByteRange(0, modelNumbers-1).Draw(t, "number"),
		key:    core.MessageID(w.base + rapid.Int64Range(1, modelMessages).Draw(t, "message")),
		text:   rapid.SampledFrom([]string{"", "a", "验码"}).Draw(t, "text"),
	}
}

// read gives what the database holds of the world.
func (w world) read(t *testing.T, e store.Engine) *model {
	m := newModel()
	load(t, e, func(b *store.Batch) {
		for n := range int64(modelUsers) {
			b.Users.Want(core.UserID(w.base + n + 1))
		}
		for n := range int64(modelMessages) {
			b.Messages.Want(core.MessageID(w.base + n + 1))
		}
	}, func(b *store.Batch) {
		for n := range int64(modelUsers) {
			if u, ok := b.Users.Get(core.UserID(w.base + n + 1)); ok {
				m.users[u.ID] = u
			}
		}
		for n := range int64(modelMessages) {
			if message, ok := b.Messages.Get(core.MessageID(w.base + n + 1)); ok {
				m.messages[message.ID] = message
			}
		}
	})
	return m
}

// testModel runs random commands, in random groups that share a commit, with
// random faults of the engine, against the model.
func testModel(t *testing.T, fresh Fresh) {
	f := &Faulty{Engine: opened(t, fresh)}
	g := NewGate(f)
	b := start(t, g, store.Options{})
	var worlds atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		n := worlds.Add(1)
		w := world{tenant: core.TenantID(n), base: n << 20}
		now := newModel()
		for range rapid.IntRange(1, 6).Draw(rt, "commits") {
			now = w.commit(rt, t, f, g, b, now)
			if diff := cmp.Diff(now, w.read(t, f.Engine), cmp.AllowUnexported(model{})); diff != "" {
				rt.Fatalf("the database is not what the model says (-model +database):\n%s", diff)
			}
		}
	})
}

// commit runs a group of commands in one commit and gives the model after it.
func (w world) commit(rt *rapid.T, t *testing.T, f *Faulty, g *Gate, b *store.Batcher, before *model) *model {
	group := make([]step, rapid.IntRange(1, 6).Draw(rt, "commands"))
	commands := make([]store.Command, len(group))
	for i := range group {
		group[i] = w.step(rt)
		commands[i] = w.command(group[i])
	}
	after := before.clone()
	kinds := make([]core.Kind, len(group))
	accepted := make([]bool, len(group))
	for i, s := range group {
		kinds[i], accepted[i] = w.apply(after, s)
	}
	fault := rapid.SampledFrom([]Fault{0, 0, 0, 0, FailCommitLost, FailCommitKept, FailAgain}).Draw(rt, "fault")
	changed := !cmp.Equal(before, after, cmp.AllowUnexported(model{}))
	if fault != 0 && !changed {
		fault = 0 // a batch that changes nothing may not reach its commit
	}
	f.Inject(0, fault)
	errs := g.Together(t, b, commands...)
	if fault == FailCommitLost || fault == FailCommitKept {
		for i, err := range errs {
			if !isKind(err, core.KindInternal) {
				rt.Fatalf("command %d of a failed batch: %v", i, err)
			}
		}
		if fault == FailCommitLost {
			return before
		}
		return after
	}
	for i, err := range errs {
		if accepted[i] != (err == nil) || err != nil && core.KindOf(err) != kinds[i] {
			rt.Fatalf("command %d %+v: %v, the model says accepted %v, %v", i, group[i], err, accepted[i], kinds[i])
		}
	}
	return after
}
