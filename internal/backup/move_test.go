package backup

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"
	"time"

	"yanma.dev/yanma/internal/backup/backuptest"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/fsck"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
)

// TestReq42_MoveLosesNothing: there and back again between the engines, every
// row of every table is what it was, and a live code is still right.
func TestReq42_MoveLosesNothing(t *testing.T) {
	pairs(t, func(t *testing.T, from, to func(testing.TB) database) {
		source, w := filled(t, from)
		first := write(t, source, true)
		there := to(t)
		report, err := restore(t, first, there, w.Ring, true)
		ok(t, err)
		if report.Retired != (Retired{}) || report.Indexed != (Indexed{}) {
			t.Errorf("the move changed something: %+v", report)
		}
		second := write(t, there, true)
		same(t, first, second, "audit", "revision") // the move is noted
		back := from(t)
		_, err = restore(t, second, back, w.Ring, true)
		ok(t, err)
		same(t, first, write(t, back, true), "audit", "revision")
		e := there.open(t)
		if n := number(t, e, "SELECT COUNT(*) FROM audit WHERE action = 'database.moved'"); n != 1 {
			t.Errorf("%d audit rows of the move", n)
		}
		codesLive(t, e, w)
		goesOn(t, e)
		clean(t, e, w)
	})
}

// codesLive compares the live codes with what was sent.
func codesLive(t *testing.T, e engine, w *backuptest.World) {
	t.Helper()
	for i, id := range w.Live {
		phone, app := []string{backuptest.Zhang, backuptest.Li, backuptest.Zhang}[i], []core.AppID{1, 1, 2}[i]
		var tag keyring.CodeTag
		ok(t, e.View(t.Context(), func(q store.SQL) error {
			return q.Query(t.Context(), `SELECT code_key, code_salt, code_mac FROM verification WHERE id = $1 AND state IN (0, 1)`, func(r store.Scanner) error {
				var key int64
				var salt, mac []byte
				err := r.Scan(&key, &salt, &mac)
				tag = keyring.CodeTag{Key: uint16(key), Salt: [8]byte(salt), MAC: [32]byte(mac)}
				return err
			}, int64(id))
		}))
		if !w.Ring.CheckCode(keyring.CodeContext{Verification: id, App: app, Purpose: core.PurposeLogin, Phone: core.PhoneFromE164(phone)}, tag, core.CodeFromDigits(backuptest.Code)) {
			t.Errorf("the code of %d is wrong after the move", id)
		}
	}
}

// goesOn writes what batches write: numbers that the server gives go on.
func goesOn(t *testing.T, e engine) {
	t.Helper()
	before := number(t, e, "SELECT COUNT(*) FROM journal")
	b := store.NewBatcher(e, now, quiet, store.Options{})
	b.Start()
	defer b.Stop()
	ok(t, b.Do(t.Context(), journal{}))
	if after := number(t, e, "SELECT COUNT(*) FROM journal"); after != before+1 {
		t.Errorf("%d journal rows, then %d", before, after)
	}
}

type journal struct{}

func (journal) Want(*store.Batch) {}
func (journal) Decide(b *store.Batch) error {
	b.AppendJournal([]byte("more"))
	return nil
}

// TestEveryTableIsThoughtOf: a new table must be put into one of these lists,
// by somebody who has thought of what an old row of it could do.
func TestEveryTableIsThoughtOf(t *testing.T) {
	stays := []string{"account", "alias", "app", "audit", "credential", "device_alias", "event", "failure", "fraud_delta", "fraud_state", "guard_decision", "idempotency", "journal", "known", "ledger", "login_event", "opt_out", "profile",
		"receipt_ref", "reply", "revision", "setting", "signature", "signature_image", "signing_key", "spend", "template", "tenant", "tunnel_peer", "tunnel_pool", "users"}
	ended := map[string]string{
		"verification":       "live ones expire",
		"message":            "waiting ones end and are refunded",
		"device":             "pending ones are taken back",
		"tunnel_network":     "leases lapse",
		"once":               "is emptied",
		"session":            "is emptied",
		"number_check":       "those under way end and are refunded",
		"number_proof":       "those not used expire",
		"captcha_pass":       "passes end; tokens stay used",
		"schedule":           "those whose time has come end; those of the future are sent",
		"schedule_recipient": "go with their schedule",
		"orphan":             "is emptied",
	}
	want := slices.Sorted(slices.Values(append(stays, slices.Collect(maps.Keys(ended))...)))
	for _, e := range engines {
		d, _ := filled(t, e.make)
		f, err := Open(write(t, d, false))
		ok(t, err)
		defer func() { ok(t, f.Close()) }()
		var have []string
		for _, table := range f.Header.Tables {
			have = append(have, table.Name)
			if table.Rows == 0 {
				t.Errorf("%s: backuptest has no row of %s", e.name, table.Name)
			}
		}
		if !slices.Equal(have, want) {
			t.Errorf("%s: the tables are %v, known are %v", e.name, have, want)
		}
	}
}

// TestIndexRotatedSince: a backup from before two rotations of the blind index
// is found by the keyring of today.
func TestIndexRotatedSince(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			d, w := filled(t, e.make)
			path := write(t, d, false)
			for range 2 {
				ok(t, w.Ring.BeginIndexRotation())
				ok(t, w.Ring.SwapIndex())
				ok(t, w.Ring.FinishIndexRotation())
			}
			to := e.make(t)
			report, err := restore(t, path, to, w.Ring, false)
			ok(t, err)
			if want := (Indexed{Anew: 6}); report.Indexed != want { // two users, one counter, one reply, one opt-out, one number check
				t.Errorf("%+v, want %+v", report.Indexed, want)
			}
			clean(t, to.open(t), w)
		})
	}
}

// TestDamagedNumbersAreRestoredAsTheyAre: a number that can not be opened, or
// that two users have, does not keep everybody else away; fsck names them.
func TestDamagedNumbersAreRestoredAsTheyAre(t *testing.T) {
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			d, w := filled(t, e.make)
			at := d.open(t)
			ok(t, at.Update(t.Context(), func(q store.SQL) error {
				// A second Zhang, under a value of her own, and a counter of nobody.
				_, err := q.Exec(t.Context(), `INSERT INTO users (id, tenant, idx_a, phone, test, network, last_login)
					SELECT 7, tenant, $1, phone, test, 0, 0 FROM users WHERE id = $2`, []byte("another's index!"), int64(w.User))
				if err == nil {
					_, err = q.Exec(t.Context(), `UPDATE failure SET phone = idx_a`)
				}
				return err
			}))
			ok(t, at.Close())
			to := e.make(t)
			report, err := restore(t, write(t, d, false), to, w.Ring, false)
			ok(t, err)
			if want := (Indexed{Unreadable: 1, Twins: 1}); report.Indexed != want {
				t.Errorf("%+v, want %+v", report.Indexed, want)
			}
			found, err := fsck.Run(t.Context(), fsck.Options{Source: to.open(t), Ring: w.Ring, Now: start.Add(time.Hour)})
			ok(t, err)
			if len(found.Findings) != 2 || found.Findings[0].Check != "sealed" || found.Findings[1].String() != "user: 7 is not found by the number that it has" {
				t.Errorf("%v", found.Findings)
			}
		})
	}
}

// TestReq12_NothingInTheClearInABackup: what is sealed in the database is sealed in the file,
// and no key is in it (requirement row 12).
func TestReq12_NothingInTheClearInABackup(t *testing.T) {
	d, w := filled(t, engines[0].make)
	secretsNowhere(t, write(t, d, false), w)
}

func secretsNowhere(t *testing.T, path string, w *backuptest.World) {
	t.Helper()
	data, err := os.ReadFile(path)
	ok(t, err)
	for _, secret := range []string{backuptest.Zhang[1:], backuptest.Zhang[3:], backuptest.Li[3:], backuptest.Code, "12345678910", "4433"} {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s is in the file", secret)
		}
	}
	if !bytes.Contains(data, []byte(w.Ring.InstallationID())) {
		t.Error("the file does not name its keyring")
	}
}
