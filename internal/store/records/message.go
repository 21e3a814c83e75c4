package records

import (
	"context"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const messageColumns = `id, tenant, app, verification, channel, state, money, pool, tenant_pays, price, segments, parts, parts_done, resends, attempts,
	node, phone, body, template, provider, code, history, report, status, valid_until, COALESCE(due, 0), updated`

func scanMessages(f func(store.Message) error) func(store.Scanner) error {
	return func(r store.Scanner) error {
		var m store.Message
		var id, tenant, app, verification, channel, state, money, pool, price, segments, parts, done, resends, attempts, node, status, validUntil, due, updated int64
		err := r.Scan(&id, &tenant, &app, &verification, &channel, &state, &money, &pool, &m.TenantPays, &price, &segments, &parts, &done, &resends, &attempts,
			&node, &m.Phone, &m.Body, &m.Template, &m.Provider, &m.Code, &m.History, &m.Report, &status, &validUntil, &due, &updated)
		if err != nil {
			return err
		}
		m.ID, m.Tenant, m.App, m.Verification = core.MessageID(id), core.TenantID(tenant), core.AppID(app), core.VerificationID(verification)
		m.Channel, m.State, m.Money, m.Pool = core.Channel(channel), store.MessageState(state), store.Money(money), core.Pool(pool)
		m.Price, m.Segments, m.Parts, m.PartsDone = core.Credits(price), uint8(segments), uint8(parts), uint8(done)
		m.Resends, m.Attempts, m.Node, m.Status = uint8(resends), uint8(attempts), uint8(node), uint16(status)
		m.ValidUntil, m.Due, m.Updated = store.Time(validUntil), store.Time(due), store.Time(updated)
		return f(m)
	}
}

// MessageByID reads one message.
func MessageByID(ctx context.Context, q store.SQL, id core.MessageID) (m store.Message, found bool, err error) {
	err = q.Query(ctx, `SELECT `+messageColumns+` FROM message WHERE id = $1`, scanMessages(func(row store.Message) error {
		m, found = row, true
		return nil
	}), int64(id))
	return m, found, err
}

// MessageQuery is which messages of a page are wanted; zero values mean all.
type MessageQuery struct {
	App    core.AppID
	States []store.MessageState
}

// MessagePage calls f with the messages that q wants of the looked newest ones
// with ids in [from, before), newest first. last is the lowest id that was
// looked at; 0 when there is nothing further.
func MessagePage(ctx context.Context, q store.SQL, want MessageQuery, from, before core.MessageID, looked int, f func(store.Message) error) (last core.MessageID, err error) {
	if before <= 0 {
		before = 1<<63 - 1
	}
	low, n, err := lowest(ctx, q, "message", int64(before), int64(from), looked)
	if err != nil || n == 0 {
		return 0, err
	}
	sql, args := `SELECT `+messageColumns+` FROM message WHERE id >= $1 AND id < $2`, []any{low, int64(before)}
	if want.App != 0 {
		sql += ` AND app = $3`
		args = append(args, int64(want.App))
	}
	if len(want.States) > 0 {
		states := make([]string, len(want.States))
		for i, s := range want.States {
			states[i] = strconv.Itoa(int(s))
		}
		sql += ` AND state IN (` + strings.Join(states, ", ") + `)`
	}
	err = q.Query(ctx, sql+` ORDER BY id DESC`, scanMessages(f), args...)
	if n < int64(looked) {
		low = 0
	}
	return core.MessageID(low), err
}

// CodeState is the state of the code that a message carries.
func CodeState(ctx context.Context, q store.SQL, id core.VerificationID) (v store.Verification, found bool, err error) {
	err = q.Query(ctx, `SELECT purpose, state, wrong, expires, message FROM verification WHERE id = $1`, func(r store.Scanner) error {
		var purpose, state, wrong, expires, message int64
		err := r.Scan(&purpose, &state, &wrong, &expires, &message)
		v = store.Verification{ID: id, Purpose: core.Purpose(purpose), State: store.VerificationState(state), Wrong: uint8(wrong),
			Expires: store.Time(expires), Message: core.MessageID(message)}
		found = true
		return err
	}, int64(id))
	return v, found, err
}

// MoneyMove is a transfer that a message caused.
type MoneyMove struct {
	ID     core.LedgerID
	Kind   store.LedgerKind
	Amount core.Credits
	Debit  store.AccountID
	Credit store.AccountID
}

// MoneyOf lists the transfers of a message that have ids in one of the ranges
// [from, to), which are in order and do not overlap. There is no index by
// message: the ranges are what is read.
func MoneyOf(ctx context.Context, q store.SQL, id core.MessageID, ranges [][2]int64) (moves []MoneyMove, err error) {
	for _, r := range ranges {
		err := q.Query(ctx, `SELECT id, kind, amount, debit, credit FROM ledger WHERE id >= $1 AND id < $2 AND ref = $3 ORDER BY id`, func(s store.Scanner) error {
			var entry, kind, amount, debit, credit int64
			err := s.Scan(&entry, &kind, &amount, &debit, &credit)
			moves = append(moves, MoneyMove{ID: core.LedgerID(entry), Kind: store.LedgerKind(kind), Amount: core.Credits(amount), Debit: store.AccountID(debit), Credit: store.AccountID(credit)})
			return err
		}, r[0], r[1], int64(id))
		if err != nil {
			return nil, err
		}
	}
	return moves, nil
}
