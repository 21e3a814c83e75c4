//go:build interop

package faults

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/test/carrier"
	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "6"); err != nil { // a test here is mostly waiting
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(process.Main(m, &binary))
}

// patience bounds every wait. It is longer than the lease of a message whose
// commit nobody was told of, 30 s.
const patience = 120 * time.Second

// credit is more than any test spends.
const credit = 1_000_000

// place is what a server stands on.
type place struct {
	within   time.Duration   // store.answer_within; 0 is long: a slow machine is no fault
	folder   string          // the data folder
	database string          // store.database; "" is SQLite in the folder
	provider string          // the carrier's address, as it is configured; "" is the carrier's own
	name     string          // of the carrier's host, instead of 127.0.0.1
	wrap     func(*exec.Cmd) // runs the server inside of something; nil: as it is
}

// site is a server with one app, and what its callers were told.
type site struct {
	*process.Server
	t       *testing.T
	place   place
	carrier *carrier.Carrier
	key     string

	mu                sync.Mutex
	next              int
	accepted, refused []string // numbers
	slowest           time.Duration
}

// open starts a server on a place, and makes its app.
func open(t *testing.T, p place) *site {
	t.Helper()
	if p.within == 0 {
		p.within = time.Minute
	}
	s := &site{t: t, place: p, carrier: carrier.Start(t)}
	s.start()
	operator := client.New(s.Operator, core.NewSecret(process.OperatorToken), &http.Client{Timeout: patience})
	owner, err := operator.CreateTenant(t.Context(), "faults")
	if err != nil {
		t.Fatal(err)
	}
	signature := "验码"
	app, key, err := operator.CreateApp(t.Context(), tenant.Spec{Tenant: owner.ID, Name: "app", Settings: tenant.Patch{Signature: &signature}})
	if err == nil {
		_, err = operator.AddAppCredit(t.Context(), app.ID, api.NewCredit{Amount: credit}, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	s.key = key.Reveal()
	return s
}

// start starts the server on its place as it was left.
func (s *site) start() {
	s.t.Helper()
	s.Server = process.Serve(s.t, s.serve())
}

// serve is `yanma serve` on the place.
func (s *site) serve() (command *exec.Cmd) {
	s.t.Helper()
	provider := s.place.provider
	if provider == "" {
		provider = s.carrier.Addr()
	}
	if s.place.name != "" {
		provider = strings.Replace(provider, "127.0.0.1", s.place.name, 1)
	}
	command = process.ServeCommand(s.t, binary, fmt.Sprintf("[store]\ndata = %q\ndatabase = %q\nanswer_within = %q\n[[provider]]\nname = \"carrier\"\ntype = \"smpp\"\naddress = %q\n"+
		"system_id = %q\npassword = \"env:YANMA_SMPP_PASSWORD\"\nsource = \"YANMA\"\n", s.place.folder, s.place.database, s.place.within.String(), provider, carrier.SystemID))
	command.Env = append(command.Env, "YANMA_SMPP_PASSWORD="+carrier.Password)
	if s.place.wrap != nil {
		s.place.wrap(command)
	}
	return command
}

const (
	accepted = `{"status":"ok","phone_no":"%s"}`
	refused  = `{"code":"-1","msg":"Unexpected system error."}` // contracts/yunbox.md §2
)

// get asks for a path and gives status and body.
func (s *site) get(path string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.Public+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("X-API-Key", s.key)
	return s.do(request)
}

func (s *site) post(path, body string) (int, string) { return s.postOnce(path, body, "") }

// postOnce posts with an Idempotency-Key.
func (s *site) postOnce(path, body, key string) (int, string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.Public+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	return s.do(request)
}

// do sends a request; whatever is broken, it must be answered.
func (s *site) do(request *http.Request) (int, string) {
	began := time.Now()
	response, err := (&http.Client{Timeout: patience}).Do(request)
	if err != nil {
		s.t.Errorf("no answer: %v", err)
		return 0, ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Errorf("half an answer: %v", err)
	}
	s.mu.Lock()
	s.slowest = max(s.slowest, time.Since(began))
	s.mu.Unlock()
	return response.StatusCode, strings.TrimSuffix(string(body), "\n")
}

// number is one that nobody had before.
func (s *site) number() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	return fmt.Sprintf("139%08d", s.next)
}

// getCode asks for a code for a new number, and tells whether it was accepted.
func (s *site) getCode() (number string, ok bool) {
	number = s.number()
	return number, s.getCodeOnce(number, "")
}

// getCodeOnce asks with an Idempotency-Key. There are two answers, and no third.
func (s *site) getCodeOnce(number, key string) (ok bool) {
	status, got := s.postOnce("/get-code", fmt.Sprintf(`{"key":%q,"phone_no":%q}`, s.key, number), key)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case status == http.StatusOK && got == fmt.Sprintf(accepted, number):
		s.accepted = append(s.accepted, number)
		return true
	case status == http.StatusInternalServerError && got == refused:
		s.refused = append(s.refused, number)
	default:
		s.t.Errorf("get-code: %d %s", status, got)
	}
	return false
}

// ask sends n requests at the same time and gives how many were accepted.
func (s *site) ask(n int) (ok int) {
	var group sync.WaitGroup
	var mu sync.Mutex
	for range n {
		group.Go(func() {
			if _, yes := s.getCode(); yes {
				mu.Lock()
				ok++
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return ok
}

// checkCode answers a code and gives status and body.
func (s *site) checkCode(number, code string) (int, string) { return s.checkCodeOnce(number, code, "") }

func (s *site) checkCodeOnce(number, code, key string) (int, string) {
	return s.postOnce("/check-code", fmt.Sprintf(`{"key":%q,"phone_no":%q,"user_input_code":%q}`, s.key, number, code), key)
}

// logIn does all that a person does, who tries again when he is refused, and
// gives the yb_uid.
func (s *site) logIn() (uid string) {
	s.t.Helper()
	s.await("somebody can log in", func() bool {
		number, ok := s.getCode()
		if !ok {
			return false
		}
		_, got := s.checkCode(number, s.carrier.Code(s.t.Context(), number, 0))
		if got == refused {
			return false
		}
		uid = process.UID(s.t, got)
		return true
	})
	return uid
}

// worksAgain waits until somebody can log in.
func (s *site) worksAgain() {
	s.t.Helper()
	s.await("get-code works again", func() bool { _, ok := s.getCode(); return ok })
	s.await("/readyz says so", func() bool { status, _ := s.get("/readyz"); return status == http.StatusOK })
	s.logIn()
}

// isUnready waits until /readyz sends traffic elsewhere, while the process
// lives.
func (s *site) isUnready() {
	s.t.Helper()
	s.await("/readyz answers 503", func() bool {
		status, body := s.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"store":"failed"`)
	})
	if status, body := s.get("/healthz"); status != http.StatusOK {
		s.t.Errorf("/healthz: %d %s", status, body)
	}
}

// says waits for a line of the log that holds every one of some texts.
func (s *site) says(texts ...string) {
	s.t.Helper()
	s.await(fmt.Sprintf("the log says %q", texts), func() bool {
	lines:
		for line := range strings.Lines(s.Err.String()) {
			for _, text := range texts {
				if !strings.Contains(line, text) {
					continue lines
				}
			}
			return true
		}
		return false
	})
}

// await polls for what the server is about to do.
func (s *site) await(what string, done func() bool) {
	s.t.Helper()
	for end := time.Now().Add(patience); !done(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) || s.t.Failed() {
			s.t.Fatalf("waited in vain until %s; the log ends:\n%s", what, s.tail())
		}
	}
}

func (s *site) tail() string {
	log := s.Err.String()
	return log[max(0, len(log)-4000):]
}

// operator gives the answer of the operator's listener.
func (s *site) operator(path string) string {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.Operator+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+process.OperatorToken)
	_, body := s.do(request)
	return body
}

func (s *site) ledger() (books api.Ledger) {
	s.t.Helper()
	if body := s.operator("/admin/ledger"); json.Unmarshal([]byte(body), &books) != nil {
		s.t.Fatalf("ledger: %s", body)
	}
	return books
}

// quiet waits until the outcome and the receipt of every message that arrived
// are stored, or seem to be: then the server commits nothing of its own.
func (s *site) quiet() {
	s.t.Helper()
	stored := fmt.Sprintf("yanma_outbox_receipts_total{state=\"delivered\"} %d\n", len(s.carrier.Counts()))
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if strings.Contains(s.operator("/metrics"), stored) {
			return
		}
	}
}

// verdict: what was accepted arrived, once; what arrived is paid for, once;
// nothing else is paid for. Where it is known that nothing happened, what was
// refused did not arrive.
func (s *site) verdict(known bool) {
	s.t.Helper()
	var books api.Ledger
	var arrived core.Credits // a message costs one credit
	s.await("every message is sent and paid for", func() bool {
		for _, number := range s.accepted {
			if s.carrier.Count(number) == 0 {
				return false
			}
		}
		books, arrived = s.ledger(), 0
		for _, n := range s.carrier.Counts() {
			arrived += core.Credits(n)
		}
		return books.Held == 0 && books.Spent == arrived
	})
	for number, n := range s.carrier.Counts() {
		if n > 1 {
			s.t.Errorf("%s got %d messages", number, n)
		}
	}
	late := 0
	for _, number := range s.refused {
		late += s.carrier.Count(number)
	}
	if known && late > 0 {
		s.t.Errorf("%d messages were refused and sent", late)
	}
	if !books.Balanced || books.Sum != 0 || books.Funded != credit {
		s.t.Errorf("the ledger does not balance: %+v", books)
	}
	s.t.Logf("counts: accepted %d, arrived %d; refused %d, of which sent and paid once %d; ledger sum %d; slowest answer %s",
		len(s.accepted), arrived, len(s.refused), late, books.Sum, s.slowest.Round(time.Millisecond))
}

// dataFolder is a new one.
func dataFolder(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "data")
}
