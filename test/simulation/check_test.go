package simulation

import (
	"context"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
)

// database is what lies on disk, as far as it is checked.
type database struct {
	codes    []store.Verification
	messages map[core.MessageID]store.Message
	numbers  map[core.MessageID]string // in the clear, as carriers write them
	moves    map[int64]map[store.LedgerKind][]core.Credits
	balances map[store.AccountID]core.Credits
	summed   map[store.AccountID]core.Credits // of the ledger's entries
	networks map[int64][]int64                // users by network
	wrong    map[string]int
}

// checkBooks checks what must hold on disk at any moment. It runs when a life
// begins, before anything is repaired, and in the end.
func (w *world) checkBooks(e store.Engine, when string) *database {
	d := w.read(e)
	odd := func(format string, args ...any) { w.ledger.odd(when+": "+format, args...) }
	var sum, held core.Credits
	for id, balance := range d.balances {
		sum += balance
		if id&15 == 2 {
			held += balance
		}
		if balance != d.summed[id] {
			odd("account %d has %d, its entries say %d", id, balance, d.summed[id])
		}
	}
	if sum != 0 {
		odd("the ledger sums to %d", sum)
	}
	var reserved core.Credits
	for id, m := range d.messages {
		d.checkMoney(odd, int64(id), m.Price, m.Money)
		if m.Money == store.MoneyReserved {
			reserved += m.Price
		}
		if m.Resends > 1 {
			odd("message %d was sent again %d times", id, m.Resends)
		}
	}
	live := map[core.PhoneIndex]int{}
	for _, v := range d.codes {
		reserved += v.Held
		d.checkClaim(odd, v)
		if v.State == store.VerificationPending && v.Expires > store.At(w.now()) {
			live[v.Index]++
		}
		if m, there := d.messages[v.Message]; !there || m.Verification != v.ID {
			odd("code %d has no message", v.ID)
		}
	}
	for _, n := range live {
		if n > 1 {
			odd("a number has %d live codes", n)
		}
	}
	if held != reserved {
		odd("%d credits are held, what is under way reserved %d", held, reserved)
	}
	for network, users := range d.networks {
		if len(users) > 1 {
			odd("network %d belongs to %d users", network, len(users))
		}
	}
	return d
}

// checkMoney holds a message's transfers against its state: reserved once, and
// then settled or given back, once.
func (d *database) checkMoney(odd func(string, ...any), ref int64, price core.Credits, money store.Money) {
	moves := d.moves[ref]
	for kind, amounts := range moves {
		if len(amounts) != 1 || amounts[0] != price {
			odd("message %d costs %d and has %d entries of kind %d: %v", ref, price, len(amounts), kind, amounts)
		}
	}
	want := map[store.Money][3]int{store.MoneyReserved: {1, 0, 0}, store.MoneySettled: {1, 1, 0}, store.MoneyRefunded: {1, 0, 1}}[money]
	got := [3]int{len(moves[store.LedgerReserve]), len(moves[store.LedgerSettle]), len(moves[store.LedgerRefund])}
	if got != want {
		odd("message %d with money %d has %v reserve, settle, refund", ref, money, got)
	}
}

// checkClaim: a login is paid once, when it is one; a claim that came to nothing
// gave its price back.
func (d *database) checkClaim(odd func(string, ...any), v store.Verification) {
	moves := d.moves[int64(v.ID)]
	settled := len(moves[store.LedgerSettle])
	if paid := v.State == store.VerificationVerified; settled > 1 || paid != (settled == 1) {
		odd("the login of code %d is paid %d times, its state is %d", v.ID, settled, v.State)
	}
	open := len(moves[store.LedgerReserve]) - len(moves[store.LedgerRefund]) - settled
	if held := v.Held > 0; open != 0 && !held || held && open != 1 {
		odd("code %d holds %d, and has %d open reservations", v.ID, v.Held, open)
	}
}

// read reads the database past everything that fails.
func (w *world) read(e store.Engine) *database {
	d := &database{messages: map[core.MessageID]store.Message{}, numbers: map[core.MessageID]string{}, moves: map[int64]map[store.LedgerKind][]core.Credits{},
		balances: map[store.AccountID]core.Credits{}, summed: map[store.AccountID]core.Credits{}, networks: map[int64][]int64{}, wrong: map[string]int{}}
	ctx := context.Background()
	err := e.View(ctx, func(q store.SQL) error {
		for _, part := range []func(context.Context, store.SQL) error{d.readCodes, d.readMessages, d.readLedger, d.readUsers} {
			if err := part(ctx, q); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Errorf("read the database: %v", err)
	}
	return d
}

func (d *database) readCodes(ctx context.Context, q store.SQL) error {
	return q.Query(ctx, `SELECT id, tenant, app, purpose, state, wrong, idx_a, expires, code_key, code_salt, code_mac, message, held FROM verification ORDER BY id`,
		func(row store.Scanner) error {
			var id, tenant, app, purpose, state, wrong, expires, key, message, held int64
			var index, salt, mac []byte
			err := row.Scan(&id, &tenant, &app, &purpose, &state, &wrong, &index, &expires, &key, &salt, &mac, &message, &held)
			v := store.Verification{ID: core.VerificationID(id), Tenant: core.TenantID(tenant), App: core.AppID(app), Purpose: core.Purpose(purpose),
				State: store.VerificationState(state), Wrong: uint8(wrong), Expires: store.Time(expires), CodeKey: uint16(key), Message: core.MessageID(message), Held: core.Credits(held)}
			copy(v.CodeSalt[:], salt)
			copy(v.CodeMAC[:], mac)
			copy(v.Index.A[:], index)
			d.codes = append(d.codes, v)
			return err
		})
}

func (d *database) readMessages(ctx context.Context, q store.SQL) error {
	return q.Query(ctx, `SELECT id, verification, state, money, price, resends, attempts, valid_until, phone, history FROM message`, func(row store.Scanner) error {
		var id, code, state, money, price, resends, attempts, valid int64
		var phone, history []byte
		err := row.Scan(&id, &code, &state, &money, &price, &resends, &attempts, &valid, &phone, &history)
		d.messages[core.MessageID(id)] = store.Message{ID: core.MessageID(id), Verification: core.VerificationID(code), State: store.MessageState(state),
			Money: store.Money(money), Price: core.Credits(price), Resends: uint8(resends), Attempts: uint8(attempts), ValidUntil: store.Time(valid), Phone: phone, History: history}
		return err
	})
}

// failovers is how often a message went on to another carrier because a receipt
// said that it was not delivered.
func failovers(m *store.Message) (n int) {
	steps, _ := outbox.History(m)
	for _, s := range steps {
		if s.Kind == outbox.StepFailover {
			n++
		}
	}
	return n
}

func (d *database) readLedger(ctx context.Context, q store.SQL) error {
	err := q.Query(ctx, `SELECT id, balance FROM account`, func(row store.Scanner) error {
		var id, balance int64
		err := row.Scan(&id, &balance)
		d.balances[store.AccountID(id)] = core.Credits(balance)
		return err
	})
	if err != nil {
		return err
	}
	return q.Query(ctx, `SELECT debit, credit, amount, kind, ref FROM ledger`, func(row store.Scanner) error {
		var debit, credit, amount, kind, ref int64
		err := row.Scan(&debit, &credit, &amount, &kind, &ref)
		d.summed[store.AccountID(debit)] -= core.Credits(amount)
		d.summed[store.AccountID(credit)] += core.Credits(amount)
		if d.moves[ref] == nil {
			d.moves[ref] = map[store.LedgerKind][]core.Credits{}
		}
		d.moves[ref][store.LedgerKind(kind)] = append(d.moves[ref][store.LedgerKind(kind)], core.Credits(amount))
		return err
	})
}

func (d *database) readUsers(ctx context.Context, q store.SQL) error {
	return q.Query(ctx, `SELECT id, network FROM users`, func(row store.Scanner) error {
		var id, network int64
		err := row.Scan(&id, &network)
		if network != 0 {
			d.networks[network] = append(d.networks[network], id)
		}
		return err
	})
}

// history is everything about one number.
type history struct {
	*phone
	person core.Phone
	codes  []store.Verification // in the order of their ids
}

// checkAll holds the database against what the world saw.
func (w *world) checkAll() {
	e := w.current.disk.Engine
	d := w.checkBooks(e, "in the end")
	ring, err := keyring.Open(filepath.Join(w.current.folder, "keyring.json"), rand.Reader)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]*history{}
	for _, p := range w.ledger.phones {
		all[p.number] = &history{phone: p, person: core.PhoneFromE164("+" + p.number)}
	}
	for _, v := range d.codes {
		to, err := ring.OpenPhone(d.messages[v.Message].Phone)
		h := all[to.E164()[1:]]
		if err != nil || h == nil {
			w.ledger.odd("message %d is to nobody who asked: %v", v.Message, err)
			continue
		}
		h.codes = append(h.codes, v)
	}
	find := func(number, code string) (store.Verification, bool) {
		for _, v := range all[number].codes {
			if ring.CheckCode(keyring.CodeContext{Verification: v.ID, App: v.App, Purpose: v.Purpose, Phone: all[number].person},
				keyring.CodeTag{Key: v.CodeKey, Salt: v.CodeSalt, MAC: v.CodeMAC}, core.CodeFromDigits(code)) {
				return v, true
			}
		}
		return store.Verification{}, false
	}
	w.checkCopies(d, find)
	for _, h := range all {
		w.checkPerson(h, find)
	}
	w.checkUsers(e, all)
}

type finder func(number, code string) (store.Verification, bool)

// checkCopies: nothing left that was not paid, nothing after its code's life,
// nothing twice but after an unknown outcome; what is over was sent, or given up.
func (w *world) checkCopies(d *database, find finder) {
	const transit = 2 * time.Second // on a slow line
	copies := map[core.MessageID][]*copied{}
	for _, c := range w.ledger.copies {
		v, found := find(c.number, c.code)
		if !found {
			w.ledger.odd("%s got a code that is not on disk: nobody paid for it", c.number)
			continue
		}
		m := d.messages[v.Message]
		copies[m.ID] = append(copies[m.ID], c)
		if late := store.At(c.clock).Sub(m.ValidUntil); late > transit && !w.jumped.Load() {
			w.ledger.odd("%s got a code %v after its life", c.number, late)
		}
	}
	for id, m := range d.messages {
		n, over := len(copies[id]), failovers(&m)
		if n > 1+int(m.Resends)+over {
			w.ledger.odd("message %d left %d times, it was sent again %d times, and %d times after a receipt", id, n, m.Resends, over)
		}
		if n > 1 && over == 0 && copies[id][0].answered && !w.ledger.disturbed(copies[id][0].at.Add(-time.Second), copies[id][1].at) {
			w.ledger.odd("message %d left twice, and the first time was answered", id)
		}
		reported := slices.ContainsFunc(copies[id], func(c *copied) bool { return c.reported && c.delivers })
		switch m.State {
		case store.MessageSubmitted, store.MessageDelivered, store.MessageUndelivered:
			if n == 0 {
				w.ledger.odd("message %d is %s and never left", id, m.State)
			}
		case store.MessageUnknown, store.MessageExpired, store.MessageDead: // waits, or was given up and refunded
		case store.MessageQueued: // may not be sent again any more: waits for the older copy's receipt
			if m.Resends == 0 && over == 0 && w.offset.Load() >= 0 {
				w.ledger.odd("message %d is still queued", id)
			}
		default:
			if w.offset.Load() >= 0 { // else it waits until the clock is where it was
				w.ledger.odd("message %d is still %s", id, m.State)
			}
		}
		if n == 1 && reported && copies[id][0].answered && m.State != store.MessageDelivered &&
			!w.ledger.disturbed(copies[id][0].at.Add(-time.Second), copies[id][0].at.Add(20*time.Second)) {
			w.ledger.odd("the receipt of message %d was taken, and it is %s", id, m.State)
		}
	}
}

// checkPerson holds one person's answers against the codes on disk.
func (w *world) checkPerson(h *history, find finder) {
	accepted, perhaps := 0, 0
	for _, s := range h.sendings {
		switch s.result {
		case yes:
			accepted++
		case unknown:
			perhaps++
		case no, never:
		}
	}
	if n := len(h.codes); n < accepted || n > accepted+perhaps {
		w.ledger.odd("%s has %d codes on disk; %d were answered ok, %d are not known", h.number, n, accepted, perhaps)
	}
	used, wrong := map[core.VerificationID]int{}, map[core.VerificationID]int{}
	uncertain := map[core.VerificationID]int{}
	tries := slices.Clone(h.tries)
	slices.SortStableFunc(tries, func(a, b try) int { return a.answered.Compare(b.answered) })
	for _, t := range tries {
		v, right := find(h.number, t.code)
		switch {
		case t.result == yes && !right:
			w.ledger.odd("%s logged in with a wrong code", h.number)
		case t.result == yes:
			used[v.ID]++
			if used[v.ID] > 1 {
				w.ledger.odd("%s logged in twice with one code", h.number)
			}
			if v.State != store.VerificationVerified {
				w.ledger.odd("%s logged in, and the code is %d", h.number, v.State)
			}
			w.checkOld(h, t, v)
		case t.result == unknown && right:
			uncertain[v.ID]++
		case t.result == no && !right:
			if on, live := w.guessed(h, t, used); live {
				wrong[on.ID]++
			}
		}
	}
	for _, v := range h.codes {
		if v.State == store.VerificationVerified && used[v.ID] == 0 && uncertain[v.ID] == 0 {
			w.ledger.odd("the code %d of %s is used, and nobody used it", v.ID, h.number)
		}
		if int(v.Wrong) < wrong[v.ID] && v.State != store.VerificationExhausted { // by the number's count, five in all
			w.ledger.odd("the code %d of %s counts %d wrong tries; %d were answered", v.ID, h.number, v.Wrong, wrong[v.ID])
		}
		if wrong[v.ID] >= 5 && v.State == store.VerificationVerified {
			w.ledger.odd("the code %d of %s was right after %d wrong tries", v.ID, h.number, wrong[v.ID])
		}
	}
	if len(h.uids) > 1 {
		w.ledger.odd("%s has %d ids", h.number, len(h.uids))
	}
}

// checkOld: no login with a code that a newer one, answered before, superseded,
// and none past its life.
func (w *world) checkOld(h *history, t try, v store.Verification) {
	if w.jumped.Load() {
		return
	}
	made := core.IDTime(int64(v.ID)).Add(-clockAhead)
	if age := t.sent.Sub(made); age > codeLife+time.Millisecond {
		w.ledger.odd("%s logged in with a code that was %v old", h.number, age)
	}
	for _, s := range h.sendings {
		if s.result == yes && s.answered.Before(t.sent) && s.sent.After(made.Add(time.Second)) {
			w.ledger.odd("%s logged in with a code that a newer one superseded", h.number)
		}
	}
}

// guessed is the code that a wrong guess was certainly counted against: the only
// one of the number that was alive from before the guess until after it.
func (w *world) guessed(h *history, t try, used map[core.VerificationID]int) (store.Verification, bool) {
	if w.jumped.Load() {
		return store.Verification{}, false
	}
	for i, v := range h.codes {
		made := core.IDTime(int64(v.ID)).Add(-clockAhead)
		begins := made.Add(time.Second)
		if t.sent.Before(begins) || t.answered.After(made.Add(codeLife-time.Second)) || used[v.ID] > 0 {
			continue
		}
		if i+1 < len(h.codes) && core.IDTime(int64(h.codes[i+1].ID)).Add(-clockAhead).Before(t.answered.Add(time.Second)) {
			continue
		}
		// Somebody may be logging in with it meanwhile, or was without an answer.
		busy := slices.ContainsFunc(h.tries, func(o try) bool {
			return o.code != t.code && o.result != no && o.sent.Before(t.answered) && o.answered.After(made)
		})
		if !busy && len(w.delivered(h.number, made)) > 0 {
			return v, true
		}
	}
	return store.Verification{}, false
}

// delivered are the codes that a phone showed since.
func (w *world) delivered(number string, since time.Time) []*copied {
	var got []*copied
	for _, c := range w.ledger.copies {
		if c.number == number && c.at.After(since) {
			got = append(got, c)
		}
	}
	return got
}

// checkUsers: who logged in is there, has a network that the back end knows,
// and the devices that were answered.
func (w *world) checkUsers(e store.Engine, all map[string]*history) {
	ctx := context.Background()
	devices := map[string]bool{}
	want := 0
	for _, h := range all {
		want += len(h.devices)
		for _, d := range h.devices {
			devices[d] = true
			if !w.gateway.has(d) {
				w.ledger.odd("a device of %s was answered, and the back end does not know it", h.number)
			}
		}
		for uid := range h.uids {
			if !w.gateway.knows(uid) {
				w.ledger.odd("%s logged in as %s, whom the back end does not know", h.number, uid)
			}
		}
	}
	if len(devices) != want {
		w.ledger.odd("%d devices were made, with %d ids", want, len(devices))
	}
	active := 0
	err := e.View(ctx, func(q store.SQL) error {
		return q.Query(ctx, `SELECT count(*) FROM device WHERE lease_until = 0`, func(row store.Scanner) error {
			var n int64
			err := row.Scan(&n)
			active = int(n)
			return err
		})
	})
	if err != nil {
		w.t.Error(err)
	}
	if active < want {
		w.ledger.odd("%d devices are on disk, %d were answered", active, want)
	}
}

// checkSettled: when everything is over nothing is held and nothing waits.
func (w *world) checkSettled() {
	d := w.checkBooks(w.current.disk.Engine, "three days later")
	for id, balance := range d.balances {
		if id&15 == 2 && balance != 0 {
			w.ledger.odd("three days later %d credits are held", balance)
		}
	}
	for id, m := range d.messages {
		switch m.State {
		case store.MessageQueued, store.MessageLeased, store.MessageUnknown, store.MessageRejected:
			w.ledger.odd("three days later message %d is %s", id, m.State)
		default:
		}
	}
	for _, v := range d.codes {
		if v.State == store.VerificationClaimed {
			w.ledger.odd("three days later code %d is claimed", v.ID)
		}
	}
	w.trace.add("end", "%s", d.summary())
}

// summary is how everything ended, in numbers.
func (d *database) summary() string {
	states, codes := map[string]int{}, map[store.VerificationState]int{}
	for _, m := range d.messages {
		states[m.State.String()]++
	}
	for _, v := range d.codes {
		codes[v.State]++
	}
	return fmt.Sprintf("messages %v, codes %v, users' networks %d", states, codes, len(d.networks))
}
