//go:build interop

package crash

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/test/process"
)

// again counts what was asked again after restarts, and answered as it must be.
type again struct{ limits, codes, users int }

// atMost bounds what is asked of a restarted server in each round.
const atMost = 60

// afterRestart asks for what was answered before the kill: limits hold, codes
// stay used, users and their devices are there.
func (c *trial) afterRestart(t *testing.T, server *process.Server) {
	t.Helper()
	c.mu.Lock()
	recent, codes, uids := c.recent, map[string]string{}, map[string]string{}
	c.recent = nil
	for _, number := range recent {
		if code, ok := c.checked[number]; ok {
			codes[number], uids[number] = code, c.uids[number]
		}
	}
	c.mu.Unlock()
	for _, number := range recent[max(0, len(recent)-atMost):] { // the latest are the ones in danger
		if since := time.Since(c.askedAt[number]); since > 50*time.Second {
			continue
		}
		c.again.limits++
		if got := c.getCode(server, c.codes.key, number); got.Code != "0074" {
			t.Errorf("a second code for %s within 60 s: %+v", number, got)
		}
		code, ok := codes[number]
		if !ok {
			continue
		}
		c.again.codes++
		if got := c.checkCode(server, c.codes.key, number, code); got.Code != "0077" {
			t.Errorf("the used code of %s: %+v", number, got)
		}
		c.again.users++
		if got := c.post(server.Public+"/u/"+uids[number]+"/devices", fmt.Sprintf(`{"key":%q}`, c.codes.key)); !got.ok() {
			t.Errorf("%s of %s, who had logged in: %+v", uids[number], number, got)
		}
	}
	for _, odd := range c.strange {
		t.Error(odd)
	}
}

// settle waits until nothing is queued, leased or held any more.
func (c *trial) settle(t *testing.T, server *process.Server) {
	t.Helper()
	for end := time.Now().Add(settleWithin); ; time.Sleep(200 * time.Millisecond) {
		waiting := 0
		for _, m := range c.messages(t) {
			if m.State == store.MessageQueued || m.State == store.MessageLeased || m.State == store.MessageUnknown && m.Resends == 0 {
				waiting++
			}
		}
		if waiting == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d messages still wait; the log ends:\n%s", waiting, tail(server.Err.String()))
		}
	}
}

// ledger checks the books, as the operator sees them.
func (c *trial) ledger(t *testing.T, server *process.Server) {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, server.Operator+"/admin/ledger", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+process.OperatorToken)
	response, err := c.http.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var books api.Ledger
	if err := json.NewDecoder(response.Body).Decode(&books); err != nil {
		t.Fatal(err)
	}
	c.books = books
	if !books.Balanced || books.Sum != 0 || books.Funded != 2*credit {
		t.Errorf("the ledger does not balance: %+v", books)
	}
	var paid core.Credits
	for _, m := range c.messages(t) {
		if m.Money == store.MoneyReserved || m.Money == store.MoneySettled {
			paid += m.Price
		}
	}
	if used := c.usedCodes(t); books.Held+books.Spent != paid+used*loginPrice {
		t.Errorf("%d credits left the accounts; the messages cost %d, %d codes were used", books.Held+books.Spent, paid, used)
	}
}

// usedCodes counts the codes that logged somebody in.
func (c *trial) usedCodes(t *testing.T) core.Credits {
	t.Helper()
	var n int64
	c.query(t, fmt.Sprintf("SELECT count(*) FROM verification WHERE state = %d", store.VerificationVerified), func(row store.Scanner) error {
		return row.Scan(&n)
	})
	return core.Credits(n)
}

// message is a row of the database, its number in the clear.
type message struct {
	store.Message
	number string
}

// messages reads the database beside the server.
func (c *trial) messages(t *testing.T) []message {
	t.Helper()
	ring, err := keyring.Open(filepath.Join(c.folder, "keyring.json"), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var all []message
	c.query(t, `SELECT app, state, money, price, resends, phone FROM message`, func(row store.Scanner) error {
		var app, state, money, price, resends int64
		var sealed []byte
		if err := row.Scan(&app, &state, &money, &price, &resends, &sealed); err != nil {
			return err
		}
		phone, err := ring.OpenPhone(sealed)
		all = append(all, message{number: strings.TrimPrefix(phone.E164(), "+86"), Message: store.Message{App: core.AppID(app),
			State: store.MessageState(state), Money: store.Money(money), Price: core.Credits(price), Resends: uint8(resends)}})
		return err
	})
	return all
}

// verdict holds the database and the carrier against the answers.
func (c *trial) verdict(t *testing.T, kills int) {
	t.Helper()
	rows, arrived := map[string]message{}, c.sink.Counts()
	byState := map[string]int{}
	for _, m := range c.messages(t) {
		byState[m.State.String()]++
		if m.App != c.codes.id {
			continue
		}
		if _, twice := rows[m.number]; twice {
			t.Errorf("%s has two messages and asked once", m.number)
		}
		rows[m.number] = m
	}
	var accepted, unknown, lost, unpaid, delivered, waiting, dead, duplicates, resent int
	for number, got := range c.asked {
		row, there := rows[number]
		n := arrived[number]
		if n > 0 && !there {
			unpaid++
			t.Errorf("%s got a message that is not on disk: nobody paid for it", number)
		}
		if there {
			row.check(t, n)
			duplicates += max(n-1, 0)
			resent += int(row.Resends)
		}
		if !got.ok() {
			unknown++
			continue
		}
		accepted++
		switch {
		case !there:
			lost++
			t.Errorf("the code of %s was answered ok and is lost", number)
		case n > 0:
			delivered++
		case row.State == store.MessageExpired || row.State == store.MessageDead:
			dead++
		default:
			waiting++
		}
	}
	for _, line := range []string{
		fmt.Sprintf("%d kills of the server, %d of the database", kills, c.outages),
		fmt.Sprintf("accepted %d = delivered %d + waiting %d + dead %d; lost %d", accepted, delivered, waiting, dead, lost),
		fmt.Sprintf("%d requests of unknown outcome; sent and not paid for: %d", unknown, unpaid),
		fmt.Sprintf("%d messages of unknown outcome sent again, %d arrived twice", resent, duplicates),
		fmt.Sprintf("%d codes used, each once; asked again after restarts: %d limits, %d used codes, %d users",
			len(c.checked), c.again.limits, c.again.codes, c.again.users),
		fmt.Sprintf("ledger: %+v; messages on disk: %v", c.books, byState),
	} {
		t.Log("counts: " + line)
	}
	if accepted != delivered+waiting+dead || duplicates > resent {
		t.Error("the counts do not add up")
	}
	if accepted == 0 || len(c.checked) == 0 {
		t.Error("there was no load")
	}
}

// check tells whether what arrived fits the row: once; twice only when it was
// sent again after an unknown outcome; not at all only while that still waits,
// or when it is dead.
func (m message) check(t *testing.T, arrived int) {
	t.Helper()
	if m.Resends > 1 || arrived > 1+int(m.Resends) {
		t.Errorf("%s got %d messages, %d resends", m.number, arrived, m.Resends)
	}
	switch m.State {
	case store.MessageSubmitted, store.MessageDelivered:
		if arrived == 0 {
			t.Errorf("the message of %s is %s and never arrived", m.number, m.State)
		}
	case store.MessageUnknown: // sent again, and again the process was killed
		if m.Resends == 0 {
			t.Errorf("the message of %s was not sent again", m.number)
		}
	case store.MessageExpired, store.MessageDead: // given up, and refunded when it never left
	default:
		t.Errorf("the message of %s is %s: nothing here refuses a message", m.number, m.State)
	}
}
