package backup

import (
	"context"
	"errors"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Retired is what of an old backup must not act again, and was ended.
type Retired struct {
	Codes      int64        `json:"codes"`      // live codes that died
	Messages   int64        `json:"messages"`   // waiting messages that ended unsent
	Refunds    int64        `json:"refunds"`    // reservations that were given back
	Refunded   core.Credits `json:"refunded"`   // and what they held
	Unrefunded core.Credits `json:"unrefunded"` // what the accounts did not hold any more: the ledger was damaged
	Checks     int64        `json:"checks"`     // questions to carriers that were under way
	Texts      int64        `json:"texts"`      // texts of sent messages that were erased
	Devices    int64        `json:"devices"`    // pending devices that were taken back
	Tokens     int64        `json:"tokens"`     // what could be taken once
	Receipts   int64        `json:"receipts"`   // receipts that waited for their message
	Sessions   int64        `json:"sessions"`   // who was logged in is not any more: they may have logged out since
	Schedules  int64        `json:"schedules"`  // schedules that had begun to be sent, or were due by now: they may have been sent since
}

// reasonRestored is the code of a message that a restore ended.
const reasonRestored = "restored"

// Waiting are the states of messages that somebody would still send.
const waiting = "(0, 1, 2, 6)" // queued, leased, unknown, rejected

// retire ends everything that an old backup would revive: its codes may have
// been used and its messages sent since. Users, their ids and devices, money
// and locks stay, and so do the limiter's events: they are of the past and
// lapse by themselves, but without them every number would have a fresh
// allowance.
func retire(ctx context.Context, q store.SQL, ids *core.IDs, now store.Time) (Retired, error) {
	t := &retirement{q: q, ids: ids, now: now, batch: &store.Batch{}}
	t.batch.Begin(now)
	for _, step := range []func(context.Context) error{t.messages, t.codes, t.numberChecks, t.write, t.texts, t.leases, t.tokens, t.schedules} {
		if err := step(ctx); err != nil {
			return Retired{}, err
		}
	}
	return t.done, nil
}

type retirement struct {
	q     store.SQL
	ids   *core.IDs
	now   store.Time
	batch *store.Batch // for the accounts and the ledger: package billing's rules
	done  Retired
}

// reservation is money that is held for something.
type reservation struct {
	ref    int64
	payer  billing.Payer
	amount core.Credits
}

// reservations reads id, tenant, app, pool, tenant_pays and amount.
func (t *retirement) reservations(ctx context.Context, sql string) (all []reservation, err error) {
	err = t.q.Query(ctx, sql, func(r store.Scanner) error {
		var ref, tenant, app, pool, amount int64
		var tenantPays bool
		err := r.Scan(&ref, &tenant, &app, &pool, &tenantPays, &amount)
		all = append(all, reservation{ref: ref, amount: core.Credits(amount),
			payer: billing.PayerOf(core.TenantID(tenant), core.AppID(app), tenantPays, core.Pool(pool))})
		return err
	})
	return all, err
}

func (t *retirement) messages(ctx context.Context) (err error) {
	held, err := t.reservations(ctx, `SELECT id, tenant, app, pool, tenant_pays, price FROM message WHERE money = 1 AND state IN `+waiting)
	if err != nil {
		return err
	}
	t.done.Messages, err = t.q.Exec(ctx, `UPDATE message SET state = 8, code = $1, updated = $2, body = NULL, due = NULL,
		money = CASE WHEN money = 1 THEN 3 ELSE money END WHERE state IN `+waiting, reasonRestored, int64(t.now))
	for _, r := range held {
		if err != nil {
			return err
		}
		var paid bool
		if paid, err = t.refund(ctx, r); err == nil && !paid {
			_, err = t.q.Exec(ctx, `UPDATE message SET money = 1 WHERE id = $1`, r.ref) // it says what is so
		}
	}
	return err
}

func (t *retirement) codes(ctx context.Context) (err error) {
	held, err := t.reservations(ctx, `SELECT id, tenant, app, 0, tenant_pays, held FROM verification WHERE state = 1 AND held > 0`)
	for _, r := range held {
		if err == nil {
			_, err = t.refund(ctx, r)
		}
	}
	if err != nil {
		return err
	}
	t.done.Codes, err = t.q.Exec(ctx, `UPDATE verification SET state = 3, claim = 0, claim_until = 0, held = 0, tenant_pays = $1 WHERE state IN (0, 1)`, false)
	return err
}

// numberChecks ends questions to carriers that were under way, and proofs and
// captcha passes that could still be used: they may have been since.
func (t *retirement) numberChecks(ctx context.Context) error {
	held, err := t.reservations(ctx, `SELECT id, tenant, app, 0, tenant_pays, price FROM number_check WHERE money = 1`)
	for _, r := range held {
		if err != nil {
			return err
		}
		var paid bool
		if paid, err = t.refund(ctx, r); err == nil && paid {
			_, err = t.q.Exec(ctx, `UPDATE number_check SET money = 3 WHERE id = $1`, r.ref)
		}
	}
	if err != nil {
		return err
	}
	if t.done.Checks, err = t.q.Exec(ctx, `UPDATE number_check SET state = 4, due = NULL, code = $1, updated = $2 WHERE state = 0`,
		reasonRestored, int64(t.now)); err != nil {
		return err
	}
	if _, err = t.q.Exec(ctx, `UPDATE number_proof SET expires = 1 WHERE check_id = 0`); err != nil {
		return err
	}
	_, err = t.q.Exec(ctx, `UPDATE captcha_pass SET expires = 0`)
	return err
}

// refund gives back what is held; false when that is not there.
func (t *retirement) refund(ctx context.Context, r reservation) (bool, error) {
	billing.Want(t.batch, r.payer)
	if err := t.loadAccounts(ctx); err != nil {
		return false, err
	}
	if have, _ := t.batch.Accounts.Get(billing.Account(r.payer.Owner, r.payer.Pool, billing.Held)); have.Balance < r.amount {
		t.done.Unrefunded += r.amount
		return false, nil
	}
	billing.Refund(t.batch, t.ids, r.payer, r.amount, r.ref)
	t.done.Refunds++
	t.done.Refunded += r.amount
	return true, nil
}

func (t *retirement) loadAccounts(ctx context.Context) error {
	for _, id := range t.batch.Accounts.Wanted() {
		err := t.q.Query(ctx, `SELECT tenant, app, pool, balance FROM account WHERE id = $1`, func(r store.Scanner) error {
			var tenant, app, pool, balance int64
			err := r.Scan(&tenant, &app, &pool, &balance)
			t.batch.Accounts.Loaded(id, store.Account{ID: id, Tenant: core.TenantID(tenant), App: core.AppID(app), Pool: core.Pool(pool), Balance: core.Credits(balance)})
			return err
		}, int64(id))
		if err != nil {
			return err
		}
	}
	t.batch.LoadDone()
	return nil
}

// write puts the refunds into the accounts and the ledger.
func (t *retirement) write(ctx context.Context) error {
	return errors.Join(
		t.batch.Accounts.Updated(func(_, a *store.Account) error {
			_, err := t.q.Exec(ctx, `UPDATE account SET balance = $1 WHERE id = $2`, int64(a.Balance), int64(a.ID))
			return err
		}),
		t.batch.Accounts.Inserted(func(a *store.Account) error {
			_, err := t.q.Exec(ctx, `INSERT INTO account (id, tenant, app, pool, balance) VALUES ($1, $2, $3, $4, $5)`,
				int64(a.ID), int64(a.Tenant), int64(a.App), int64(a.Pool), int64(a.Balance))
			return err
		}),
		t.batch.Ledger.Inserted(func(l *store.Ledger) error {
			_, err := t.q.Exec(ctx, `INSERT INTO ledger (id, debit, credit, amount, kind, ref) VALUES ($1, $2, $3, $4, $5, $6)`,
				int64(l.ID), int64(l.Debit), int64(l.Credit), int64(l.Amount), int64(l.Kind), l.Ref)
			return err
		}))
}

// texts erases what sent messages said: their codes are dead. Their receipts
// may still come; one that was reported undelivered is not sent anew.
func (t *retirement) texts(ctx context.Context) (err error) {
	if t.done.Texts, err = t.q.Exec(ctx, `UPDATE message SET body = NULL WHERE body IS NOT NULL`); err != nil {
		return err
	}
	_, err = t.q.Exec(ctx, `UPDATE message SET due = NULL WHERE state IN (5, 8) AND due IS NOT NULL`)
	return err
}

// leases takes back devices that the back end had not agreed to, lets the
// leases of networks lapse, and frees the numbers of nodes.
func (t *retirement) leases(ctx context.Context) error {
	var pending []core.DeviceID
	err := t.q.Query(ctx, `SELECT id FROM device WHERE lease_until > 0`, func(r store.Scanner) error {
		var id int64
		err := r.Scan(&id)
		pending = append(pending, core.DeviceID(id))
		return err
	})
	for _, id := range pending {
		if err == nil {
			err = records.ReleaseDevice(ctx, t.q, id)
			t.done.Devices++
		}
	}
	if err == nil {
		_, err = t.q.Exec(ctx, `UPDATE tunnel_network SET lease_until = 1 WHERE lease_until > 1`)
	}
	if err == nil { // of servers that are not there (package node)
		_, err = t.q.Exec(ctx, `DELETE FROM setting WHERE name LIKE 'node\_%' ESCAPE '\'`)
	}
	return err
}

// tokens forgets what could be taken once: whoever has it may have taken it
// since.
func (t *retirement) tokens(ctx context.Context) (err error) {
	if t.done.Tokens, err = t.q.Exec(ctx, `DELETE FROM once`); err != nil {
		return err
	}
	if t.done.Sessions, err = t.q.Exec(ctx, `DELETE FROM session`); err != nil {
		return err
	}
	t.done.Receipts, err = t.q.Exec(ctx, `DELETE FROM orphan`)
	return err
}

// schedules ends those whose time has come: they may have been sent since. Those
// of the future stay, and are sent.
func (t *retirement) schedules(ctx context.Context) (err error) {
	const over = `(SELECT id FROM schedule WHERE state = 1 OR state = 0 AND send_at <= $1)`
	if _, err = t.q.Exec(ctx, `DELETE FROM schedule_recipient WHERE schedule IN `+over, int64(t.now)); err != nil {
		return err
	}
	t.done.Schedules, err = t.q.Exec(ctx, `UPDATE schedule SET state = 3, due = NULL, updated = $1, version = version + 1
		WHERE state = 1 OR state = 0 AND send_at <= $1`, int64(t.now))
	return err
}
