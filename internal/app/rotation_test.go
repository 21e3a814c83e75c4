package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/tenant"
)

// gate holds jobs back until it is opened; then they wait for the requests
// under way.
type gate struct {
	requests sync.RWMutex // held for reading during each

	mu   sync.Mutex
	open chan struct{}
}

func (g *gate) settled(ctx context.Context) error {
	g.mu.Lock()
	open := g.open
	g.mu.Unlock()
	if open == nil {
		g.requests.Lock()
		defer g.requests.Unlock()
		return nil
	}
	select {
	case <-open:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gate) shut() (release func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	open := make(chan struct{})
	g.open = open
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.open = nil
		close(open)
	}
}

func (w *whole) operatorClient() *client.Client {
	return client.New(w.OperatorURL(), w.config.Operator.Token.Secret, &http.Client{})
}

// post calls the yunbox dialect of the first app.
func (w *whole) post(path string, body map[string]string) (answer map[string]any, err error) {
	w.gate.requests.RLock()
	defer w.gate.requests.RUnlock()
	body["key"] = w.keys[0]
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	r, err := http.Post(w.PublicURL()+path, "application/json", strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Body.Close() }()
	out, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(out, &answer); err != nil {
		return nil, err
	}
	if answer["code"] != nil && answer["code"] != "0" || answer["status"] == "error" {
		return answer, fmt.Errorf("%s: %s", path, out)
	}
	return answer, nil
}

// code waits for the newest code of a number.
func (w *whole) code(phone string) (string, error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if code, ok := w.phones.Value("code", []string{phone}); ok && code != "" {
			return code, nil
		}
	}
	return "", fmt.Errorf("no message came")
}

// send and login are the two halves of a verification.
func (w *whole) send(phone string) error {
	_, err := w.post("/get-code", map[string]string{"phone_no": phone})
	return err
}

func (w *whole) login(phone string) (string, error) {
	code, err := w.code(phone)
	if err != nil {
		return "", err
	}
	answer, err := w.post("/check-code", map[string]string{"phone_no": phone, "user_input_code": code})
	if err != nil {
		return "", err
	}
	return fmt.Sprint(answer["yb_uid"]), nil
}

// get reads from the yunbox dialect with the first app's key.
func (w *whole) get(t *testing.T, path string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.PublicURL()+path, nil)
	ok(t, err)
	r.Header.Set("X-API-Key", w.keys[0])
	answer, err := http.DefaultClient.Do(r)
	ok(t, err)
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	ok(t, err)
	return string(body)
}

// awaitJobs waits until no job runs.
func awaitJobs(t *testing.T, c *client.Client) rotation.Status {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		s, err := c.Keyring(t.Context())
		ok(t, err)
		if !s.Index.Running && !s.Reseal.Running {
			return s
		}
		if time.Now().After(end) {
			t.Fatalf("still running: %+v", s)
		}
	}
}

// TestReq11_EveryKeyRotatesUnderLoad rotates, reseals and retires through the
// operator API while phones log in through the public one: no verification
// fails, and a code sent before everything is right after it.
func TestReq11_EveryKeyRotatesUnderLoad(t *testing.T) {
	w := startWhole(t)
	ok(t, w.send("13700000000"))
	before := map[string]string{}
	const callers = 4
	for i := range callers {
		phone := fmt.Sprintf("1380000%04d", i)
		ok(t, w.send(phone))
		uid, err := w.login(phone)
		ok(t, err)
		before[phone] = uid
	}

	device, err := w.post("/u/"+before["13800000000"]+"/devices", map[string]string{})
	ok(t, err)
	tunnel := fmt.Sprintf("/u/%s/devices/%s/tunnel", before["13800000000"], device["device_id"])
	config := w.get(t, tunnel)

	var stop atomic.Bool
	var done atomic.Int64
	var load sync.WaitGroup
	for i := range callers {
		load.Go(func() {
			for n := 0; !stop.Load(); n++ {
				phone := fmt.Sprintf("139%04d%04d", i, n)
				if err := w.send(phone); err != nil {
					t.Errorf("send: %v", err)
					return
				}
				if _, err := w.login(phone); err != nil {
					t.Errorf("login: %v", err)
					return
				}
				done.Add(1)
			}
		})
	}
	more := func() { // some requests began after what was just changed
		for from, end := done.Load(), time.Now().Add(20*time.Second); done.Load() < from+callers && time.Now().Before(end) && !t.Failed(); {
			time.Sleep(time.Millisecond)
		}
	}
	c := w.operatorClient()
	for _, kind := range []rotation.Kind{rotation.Code, rotation.Field, rotation.Token, rotation.Index} {
		_, err := c.RotateKeyring(t.Context(), kind)
		ok(t, err)
		more()
	}
	awaitJobs(t, c)
	_, err = c.ResealKeyring(t.Context())
	ok(t, err)
	awaitJobs(t, c)
	more()
	w.gate.requests.Lock() // else the claim of a login under way would lapse
	w.clock.Advance(rotation.Grace)
	w.gate.requests.Unlock()
	more()
	uid, err := w.login("13700000000")
	if err != nil || uid == "" {
		t.Errorf("a code that was sent before everything, and lives five minutes: %q, %v", uid, err)
	}
	s, err := c.RetireKeyring(t.Context(), rotation.Field, 1)
	if err != nil || s.FieldKeys != 1 || s.CodeKeys != 2 || s.TokenKeys != 2 || s.Index.Phase != "steady" {
		t.Errorf("status = %+v, %v", s, err)
	}
	if again := w.get(t, tunnel); again != config || !strings.Contains(config, "PrivateKey = ") {
		t.Errorf("the tunnel's configuration was\n%s\nand is\n%s", config, again)
	}
	more()
	stop.Store(true)
	load.Wait()
	if done.Load() < 10*callers/2 {
		t.Errorf("only %d verifications", done.Load())
	}
	w.clock.Advance(10 * time.Minute) // codes of before have ended
	_, err = c.RetireKeyring(t.Context(), rotation.Code, 1)
	ok(t, err)
	for phone, uid := range before {
		ok(t, w.send(phone))
		w.delivered()
		if again, err := w.login(phone); err != nil || again != uid {
			t.Errorf("%s was %s and is %s, %v", phone, uid, again, err)
		}
	}
	w.reopen(t) // the database and the keyring still belong together
	ok(t, w.send("13700000001"))
	_, err = w.login("13700000001")
	ok(t, err)
}

// TestReq11_IndexRotationResumesByItself: the server stops in the middle, and
// the next one finishes the rotation without being asked.
func TestReq11_IndexRotationResumesByItself(t *testing.T) {
	w := startWhole(t)
	ok(t, w.send("13800000001"))
	uid, err := w.login("13800000001")
	ok(t, err)
	release := w.gate.shut()
	_, err = w.operatorClient().RotateKeyring(t.Context(), rotation.Index)
	ok(t, err)
	await := func(phase string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
			s, err := w.operatorClient().Keyring(t.Context())
			ok(t, err)
			if s.Index.Running && s.Index.Phase == phase {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("status = %+v, want %s", s, phase)
			}
		}
	}
	await("dual")
	w.reopen(t)
	await("dual")
	w.clock.Advance(time.Minute)
	ok(t, w.send("13800000001"))
	w.delivered()
	release()
	if s := awaitJobs(t, w.operatorClient()); s.Index.Phase != "steady" || s.Generation != 4 {
		t.Errorf("status = %+v", s)
	}
	if again, err := w.login("13800000001"); err != nil || again != uid {
		t.Errorf("the number's user was %s and is %s, %v", uid, again, err)
	}
}

// A change that a crash left without its note is found at the next start.
func TestChangedKeyringIsNotedAtTheStart(t *testing.T) {
	w := startWhole(t)
	ok(t, w.ring.RotateCodeKey())
	w.reopen(t)
	page, err := w.operatorClient().Audit(t.Context(), 0, 1)
	ok(t, err)
	row := page.Entries[0]
	if row.Action != "keyring.found_changed" || row.Actor != "start" || string(row.Before) != `{"generation":1}` || string(row.After) != `{"generation":2}` {
		t.Errorf("audit = %+v", row)
	}
	w.reopen(t)
	if again, err := w.operatorClient().Audit(t.Context(), 0, 1); err != nil || again.Entries[0].ID != row.ID {
		t.Errorf("noted twice: %+v, %v", again, err)
	}
}

// TestReq11_OldKeyringIsRefusedAfterARotation: an older copy would not know the
// newest key.
func TestReq11_OldKeyringIsRefusedAfterARotation(t *testing.T) {
	w := startWhole(t)
	_, err := w.operatorClient().RotateKeyring(t.Context(), rotation.Field)
	ok(t, err)
	installation, generation, err := boundKeyring(t.Context(), w.database)
	if err != nil || installation != w.ring.InstallationID() || generation != 2 {
		t.Errorf("bound to %s, generation %d, %v", installation, generation, err)
	}
	if err := w.ring.CheckDatabase(installation, 3); err == nil {
		t.Error(keyring.ErrOutdated)
	}
}

// A number that was disabled after 100 wrong codes logs in again after an
// operator unlocked it (contracts/README.md §5).
func TestUnlockedNumberLogsIn(t *testing.T) {
	w := startWhole(t)
	const phone = "13800000002"
	_, err := w.admin.UpdateApp(t.Context(), operatorOfTests, w.ids[0], tenant.Patch{Limits: &tenant.Limits{"number_app": {}, "number_tenant": {}, "content": {}}})
	ok(t, err)
	for n := 0; n < 100; n++ {
		if n%5 == 0 {
			w.clock.Advance(25 * time.Hour) // past each pause and lock
			ok(t, w.send(phone))
		}
		if _, err := w.post("/check-code", map[string]string{"phone_no": phone, "user_input_code": "0000000000"}); err == nil {
			t.Fatal("a wrong code is right")
		}
	}
	w.clock.Advance(25 * time.Hour)
	if err := w.send(phone); err == nil {
		t.Fatal("the number is not disabled")
	}
	state, err := w.operatorClient().Number(t.Context(), w.ids[0], "+86"+phone)
	if err != nil || !state.Locked || !state.Counters[0].Disabled || state.Counters[0].Total != 100 {
		t.Fatalf("state = %+v, %v", state, err)
	}
	_, err = w.operatorClient().UnlockNumber(t.Context(), w.ids[0], "+86"+phone)
	ok(t, err)
	w.clock.Advance(time.Minute)
	ok(t, w.send(phone))
	w.delivered()
	_, err = w.login(phone)
	ok(t, err)
}
