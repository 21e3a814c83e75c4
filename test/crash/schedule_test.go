//go:build interop

package crash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/test/process"
)

const (
	scheduledCalls = 20  // each of …
	calledTogether = 100 // … recipients
	batchSize      = 1000
	dueAfter       = 6 * time.Second // the schedules are made by then
)

// sender is an app that speaks jsms.
type sender struct {
	*trial
	app      core.AppID
	pair     api.AppWithJSMS
	template string
	stored   map[string]int // of each batch, by its numbers' prefix
}

// TestReq33_SchedulesOverAKill is rows 33 and 34 for what is due later and for
// batches: schedules that are due at once leave once each over a kill in the
// middle (but for what the carrier had not answered, see eachOnce); of a batch that the kill met all are sent or none, and all when it was
// answered.
func TestReq33_SchedulesOverAKill(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		schedulesOverAKill(t, engine{})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		schedulesOverAKill(t, startPostgres(t))
	})
}

func schedulesOverAKill(t *testing.T, e engine) {
	c := newTrial(t, e)
	server := c.start(t)
	s := c.newSender(t, server)

	due := time.Now().Add(dueAfter).Truncate(time.Second)
	s.schedule(t, server, due)
	if late := time.Since(due); late > 0 {
		t.Logf("the last schedules were made %v after the first was due", late)
	}
	s.await(t, "14", scheduledCalls*calledTogether/4)
	server.Kill()

	for round := range 4 { // a kill at any moment of a batch
		server = c.start(t)
		answered := make(chan bool, 1)
		go func() { answered <- s.batch(server, round) }()
		time.Sleep(time.Duration(rand.Int64N(int64(150 * time.Millisecond)))) // the test's own clock: when the power goes
		server.Kill()
		server = c.start(t)
		s.wholeBatch(t, server, round, <-answered)
		server.Kill()
	}

	server = c.start(t)
	s.await(t, "14", scheduledCalls*calledTogether)
	for numbers, n := range s.stored {
		s.await(t, numbers, n)
	}
	c.settle(t, server)
	s.eachOnce(t)
}

// eachOnce: every number has one message, paid once. One that the kill met on
// its way to the carrier may have arrived twice, and says so: nobody can know
// whether a carrier that did not answer has it (contracts/delivery.md).
func (s *sender) eachOnce(t *testing.T) {
	t.Helper()
	arrived, rows := s.sink.Counts(), map[string]bool{}
	twice, resent := 0, 0
	for _, m := range s.messages(t) {
		if rows[m.number] {
			t.Errorf("%s has two messages and was asked for once", m.number)
		}
		rows[m.number] = true
		m.check(t, arrived[m.number])
		twice += max(arrived[m.number]-1, 0)
		resent += int(m.Resends)
		if arrived[m.number] > 1+int(m.Resends) {
			t.Errorf("%s got %d messages, and %d were sent again", m.number, arrived[m.number], m.Resends)
		}
	}
	for number := range arrived {
		if !rows[number] {
			t.Errorf("%s got a message that is not on disk", number)
		}
	}
	t.Logf("counts: %d messages, %d of unknown outcome sent again, %d arrived twice", len(rows), resent, twice)
}

// newSender makes the app, with a notice that is approved.
func (c *trial) newSender(t *testing.T, server *process.Server) *sender {
	t.Helper()
	operator := client.New(server.Operator, core.NewSecret(process.OperatorToken), c.http)
	owner, err := operator.CreateTenant(t.Context(), "schedules")
	if err != nil {
		t.Fatal(err)
	}
	s := &sender{trial: c, stored: map[string]int{}, app: createApp(t, operator, owner.ID, "schedules", nil).id}
	dialects := []tenant.Dialect{tenant.DialectJSMS}
	if _, err = operator.UpdateApp(t.Context(), s.app, tenant.Patch{Dialects: &dialects}); err == nil {
		s.pair, err = operator.RotateJSMS(t.Context(), s.app, api.JSMSRotation{})
	}
	if err != nil {
		t.Fatal(err)
	}
	var made struct {
		ID int64 `json:"temp_id"`
	}
	answer, err := s.ask(server, "/v1/templates", `{"template":"您的订单{{number}}已发货","type":2}`)
	if err == nil {
		err = json.Unmarshal([]byte(answer), &made)
	}
	if s.template = fmt.Sprint(made.ID); err == nil {
		_, err = operator.ApproveTemplate(t.Context(), s.app, s.template)
	}
	if err != nil {
		t.Fatal(err, answer)
	}
	return s
}

// ask posts as the app; an error when the connection broke.
func (s *sender) ask(server *process.Server, path, body string) (string, error) {
	request, err := http.NewRequest(http.MethodPost, server.Public+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return "", err
	}
	request.SetBasicAuth(s.pair.Key, s.pair.Secret)
	answer, err := s.http.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return string(text), err
}

func (s *sender) body(head, numbers string, n int) string {
	var t strings.Builder
	fmt.Fprintf(&t, `{%s"temp_id":%s,"recipients":[`, head, s.template)
	for i := range n {
		if i > 0 {
			t.WriteByte(',')
		}
		fmt.Fprintf(&t, `{"mobile":"%s%04d","temp_para":{"number":"%d"}}`, numbers, i, i)
	}
	return t.String() + "]}"
}

// schedule makes calls of many recipients each, all due at once.
func (s *sender) schedule(t *testing.T, server *process.Server, due time.Time) {
	t.Helper()
	head := fmt.Sprintf(`"send_time":%q,`, due.In(time.FixedZone("", 8*60*60)).Format("2006-01-02 15:04:05"))
	var group sync.WaitGroup
	for i := range scheduledCalls {
		group.Go(func() {
			answer, err := s.ask(server, "/v1/schedule/batch", s.body(head, fmt.Sprintf("1470%03d", i), calledTogether))
			if err != nil || !strings.Contains(answer, fmt.Sprintf(`"success_count":%d`, calledTogether)) {
				t.Errorf("schedule: %v %s", err, answer)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// batch sends to a thousand numbers of its own; true when it was answered.
func (s *sender) batch(server *process.Server, round int) bool {
	answer, err := s.ask(server, "/v1/messages/batch", s.body("", fmt.Sprintf("15%d0000", round), batchSize))
	if err == nil && !strings.HasPrefix(answer, fmt.Sprintf(`{"success_count":%d`, batchSize)) {
		s.odd("batch: %.200s", answer)
	}
	return err == nil
}

// wholeBatch holds the rows of a batch against its answer.
func (s *sender) wholeBatch(t *testing.T, server *process.Server, round int, answered bool) {
	t.Helper()
	numbers, rows := fmt.Sprintf("15%d", round), 0
	for _, m := range s.messages(t) {
		if strings.HasPrefix(m.number, numbers) {
			rows++
		}
	}
	if rows != 0 && rows != batchSize || answered && rows == 0 {
		t.Fatalf("round %d: %d of a batch of %d are stored, answered: %v; the log ends:\n%s", round, rows, batchSize, answered, tail(server.Err.String()))
	}
	s.stored[numbers] = rows
}

// await waits until so many numbers with a prefix got a message.
func (s *sender) await(t *testing.T, prefix string, n int) {
	t.Helper()
	for end := time.Now().Add(settleWithin); ; time.Sleep(20 * time.Millisecond) {
		arrived := 0
		for number := range s.sink.Counts() {
			if strings.HasPrefix(number, prefix) {
				arrived++
			}
		}
		if arrived >= n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d numbers with %s got a message, want %d; strange answers: %v", arrived, prefix, n, s.strange)
		}
	}
}
