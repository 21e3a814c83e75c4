package fsck

import (
	"context"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store/records"
)

// The states are those of store.VerificationState, store.MessageState and
// store.Money.
const (
	// A code that was claimed when a newer one came has no life left
	// (verify.supersede): it does not count. Codes of core.PurposeCode void none.
	twoLiveCodes = `SELECT COUNT(*) || ' live codes of app ' || app || ', purpose ' || purpose || ' for one number, from code ' || MIN(id) || ' on'
		FROM verification WHERE state IN (0, 1) AND expires > 0 AND purpose <> 4 AND %s GROUP BY app, purpose, %s HAVING COUNT(*) > 1 ORDER BY MIN(id)`

	wrongClaim = `SELECT 'code ' || id || ' is in state ' || state || ' with claim ' || claim || ' and holds ' || held FROM verification
		WHERE state NOT IN (0, 1, 2, 3, 4, 5) OR state = 1 AND (claim = 0 OR claim_until = 0) OR state <> 1 AND (claim <> 0 OR claim_until <> 0 OR held <> 0) ORDER BY id`

	wrongMessageOfCode = `SELECT 'code ' || v.id || ' is live and names message ' || v.message || ', which ' ||
		CASE WHEN m.id IS NULL THEN 'does not exist' ELSE 'carries another' END
		FROM verification v LEFT JOIN message m ON m.id = v.message
		WHERE v.state IN (0, 1) AND v.message <> 0 AND (m.id IS NULL OR m.verification <> v.id) ORDER BY v.id`

	// A code may name a newer message: a step of its app's plan.
	wrongCodeOfMessage = `SELECT 'message ' || m.id || ' carries code ' || m.verification || ', which ' ||
		CASE WHEN v.id IS NULL THEN 'does not exist' ELSE 'names another message' END
		FROM message m LEFT JOIN verification v ON v.id = m.verification
		WHERE m.verification <> 0 AND (v.id IS NULL AND m.state IN (0, 1, 2) OR v.message <> m.id
			AND NOT EXISTS (SELECT 1 FROM message n WHERE n.id = v.message AND n.id > m.id AND n.verification = v.id)) ORDER BY m.id`

	wrongMoney = `SELECT 'message ' || id || ' of price ' || price || ' is in state ' || state || ' with money state ' || money FROM message
		WHERE state NOT BETWEEN 0 AND 8 OR money NOT BETWEEN 0 AND 3 OR (price = 0) <> (money = 0)
		OR state IN (0, 1, 2, 6) AND (money = 3 OR money = 2 AND attempts = 0) OR state = 3 AND money NOT IN (0, 2) OR state = 4 AND money = 1
		OR state IN (5, 7, 8) AND money = 1
		ORDER BY id`

	wrongWork = `SELECT 'message ' || id || ' is in state ' || state || CASE WHEN due IS NULL THEN ', nobody looks at it' ELSE ', somebody looks at it' END
		|| CASE WHEN body IS NULL THEN ', without a text' ELSE ', with a text' END FROM message
		WHERE state IN (0, 1, 2, 3, 6) AND due IS NULL OR state IN (0, 1) AND body IS NULL AND resends = 0 AND parts = 0
		OR state IN (4, 7) AND (due IS NOT NULL OR body IS NOT NULL) OR state = 8 AND (due IS NULL) <> (body IS NULL) ORDER BY id`

	// An event that waits has its time; one that ended has none.
	wrongEvent = `SELECT 'event ' || id || ' of kind ' || kind || ' is in state ' || state || CASE WHEN due IS NULL THEN ', nobody looks at it' ELSE ', somebody looks at it' END
		FROM event WHERE state NOT IN (0, 1, 2) OR kind NOT IN (1, 2, 3, 4) OR (state = 0) <> (due IS NOT NULL) ORDER BY id`

	// A schedule that waits or is being sent has its time; one that ended has none.
	wrongSchedule = `SELECT 'schedule ' || s.id || ' is in state ' || s.state || ' with ' || COALESCE(r.n, 0) || ' recipients of ' || s.recipients ||
		CASE WHEN s.due IS NULL THEN ', nobody looks at it' ELSE ', somebody looks at it' END FROM schedule s
		LEFT JOIN (SELECT schedule, COUNT(*) AS n FROM schedule_recipient GROUP BY schedule) r ON r.schedule = s.id
		WHERE s.state NOT IN (0, 1, 2, 3) OR (s.state IN (0, 1)) <> (s.due IS NOT NULL)
		OR COALESCE(r.n, 0) <> CASE WHEN s.state = 3 THEN 0 ELSE s.recipients END ORDER BY s.id`

	wrongAudit = `SELECT '%[1]s ' || id || ' is in state ' || state || ' and of kind ' || kind FROM %[1]s WHERE state NOT IN (0, 1, 2) OR kind < 1 OR kind > %[2]d ORDER BY id`

	twoDefaults = `SELECT 'app ' || app || ' has ' || COUNT(*) || ' default signatures' FROM signature WHERE deleted = 0 AND is_default GROUP BY app HAVING COUNT(*) > 1 ORDER BY app`

	// A question that is asked has its time; its price is held. One that ended has neither.
	wrongCheck = `SELECT 'number check ' || id || ' of price ' || price || ' is in state ' || state || ' with money state ' || money ||
		CASE WHEN due IS NULL THEN ', nobody looks at it' ELSE ', somebody looks at it' END FROM number_check
		WHERE state NOT BETWEEN 0 AND 5 OR (price = 0) <> (money = 0) OR (state = 0) <> (due IS NOT NULL)
		OR state = 0 AND money NOT IN (0, 1) OR state IN (1, 2, 3) AND money NOT IN (0, 2) OR state IN (4, 5) AND money NOT IN (0, 3) ORDER BY id`

	// A session that was refreshed says with what; of the tokens of a login one at
	// most is the newest.
	wrongSession = `SELECT 'a session of user ' || user_id || ' is of kind ' || kind || ', replaced at ' || replaced FROM session
		WHERE kind NOT IN (1, 2) OR (replaced = 0) <> (next IS NULL) OR kind = 2 AND replaced <> 0 ORDER BY user_id`

	twoNewest = `SELECT COUNT(*) || ' tokens of login ' || family || ' are the newest' FROM session WHERE replaced = 0 GROUP BY family HAVING COUNT(*) > 1 ORDER BY family`

	lostReceipt = `SELECT 'a receipt of ' || r.provider || ' names message ' || r.message || ', which does not exist'
		FROM receipt_ref r LEFT JOIN message m ON m.id = r.message WHERE m.id IS NULL AND r.message >= $1 ORDER BY r.message`

	twoUsers = `SELECT COUNT(*) || ' users of tenant ' || tenant || ' have one number, from user ' || MIN(id) || ' on'
		FROM users WHERE %s IS NOT NULL GROUP BY tenant, %s HAVING COUNT(*) > 1 ORDER BY MIN(id)`

	twoCounters = `SELECT COUNT(*) || ' counters of app ' || app || ', purpose ' || purpose || ' are of one number, from ' || MIN(id) || ' on'
		FROM failure WHERE %s IS NOT NULL GROUP BY app, purpose, scope, %s HAVING COUNT(*) > 1 ORDER BY MIN(id)`

	wrongID = `SELECT 'row ' || id || ' of %s has an id that no node can have made' FROM %s WHERE id <= 0 OR id > $1 ORDER BY id`

	noRevision = `SELECT 'there are ' || COUNT(*) || ' rows, not one' FROM revision HAVING COUNT(*) <> 1`
)

// futureIDs is how far the ids may be ahead of the clock: it was set back.
const futureIDs = 48 * time.Hour

// retentionSlack is by how much a receipt may be older than the oldest message
// that is kept: sweeps run now and then.
const retentionSlack = 24 * time.Hour

// rows checks the states of codes and messages, what must be unique, and ids.
func (r *run) rows(ctx context.Context) error {
	oldest := int64(0)
	if r.Messages > 0 {
		oldest = core.IDAt(r.Now.Add(retentionSlack - r.Messages))
	}
	for _, c := range []struct {
		check, sql string
		args       []any
	}{
		{"code", fmt.Sprintf(twoLiveCodes, "idx_a IS NOT NULL", "idx_a"), nil},
		{"code", fmt.Sprintf(twoLiveCodes, "idx_a IS NULL AND idx_b IS NOT NULL", "idx_b"), nil},
		{"code", wrongClaim, nil},
		{"code", wrongMessageOfCode, nil},
		{"message", wrongCodeOfMessage, nil},
		{"message", wrongMoney, nil},
		{"message", wrongWork, nil},
		{"event", wrongEvent, nil},
		{"schedule", wrongSchedule, nil},
		{"template", fmt.Sprintf(wrongAudit, "template", 3), nil},
		{"signature", fmt.Sprintf(wrongAudit, "signature", 7), nil},
		{"signature", twoDefaults, nil},
		{"receipt", lostReceipt, []any{oldest}},
		{"user", fmt.Sprintf(twoUsers, "idx_a", "idx_a"), nil},
		{"user", fmt.Sprintf(twoUsers, "idx_b", "idx_b"), nil},
		{"counter", fmt.Sprintf(twoCounters, "idx_a", "idx_a"), nil},
		{"counter", fmt.Sprintf(twoCounters, "idx_b", "idx_b"), nil},
		{"number_check", wrongCheck, nil},
		{"session", wrongSession, nil},
		{"session", twoNewest, nil},
		{"revision", noRevision, nil},
	} {
		if err := r.ask(ctx, c.check, c.sql, c.args...); err != nil {
			return err
		}
	}
	for _, table := range records.IDTables() {
		if err := r.ask(ctx, "id", fmt.Sprintf(wrongID, table, table), core.IDAt(r.Now.Add(futureIDs))); err != nil {
			return err
		}
	}
	return nil
}
