package carriersim

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/oauth/jwt"
)

// Options are what a Sim knows of those who ask it.
type Options struct {
	AppID     string // of China Mobile's and of the declared interface
	AppKey    core.Secret
	AppSecret core.Secret

	Camara Camara // the CAMARA operator's client; without keys it knows none

	Now    func() time.Time
	Random io.Reader // safe for concurrent use
}

// Camara is the client whom the simulated operator knows.
type Camara struct {
	ClientID string
	Keys     jwt.KeySet
}

// Token is a proof that was made.
type Token struct {
	Token   core.Secret
	Carrier int // 1 Mobile, 2 Unicom, 3 Telecom
	Life    time.Duration
}

// lives are the carriers' own (contracts/carriers.md §5).
var lives = map[int]time.Duration{1: 120 * time.Second, 2: 1800 * time.Second, 3: 600 * time.Second}

// mostTokens bounds what is remembered: the oldest go.
const mostTokens = 100_000

// Sim is the simulated carriers. It is an http.Handler for paths below /sim/.
type Sim struct {
	o   Options
	mux *http.ServeMux

	mu     sync.Mutex
	report func(context.Context, Token) error
	proofs map[string]*proof
	order  []string             // of proofs
	msgIDs map[string]time.Time // of China Mobile: each once
	access map[string]*access   // of the CAMARA operator
	jtis   map[string]time.Time // of its clients
	swaps  map[string]swap
}

// proof is one that a phone holds.
type proof struct {
	carrier int
	number  string // E.164
	outcome string
	expires time.Time
	used    bool
}

// New returns an empty one.
func New(o Options) *Sim {
	s := &Sim{o: o, mux: http.NewServeMux()}
	s.forget()
	s.mux.HandleFunc("POST /sim/carrier/token", s.makeToken)
	s.mux.HandleFunc("OPTIONS /sim/carrier/token", allowPage)
	s.mux.HandleFunc("POST /sim/reset", s.reset)
	s.mux.HandleFunc("POST /sim/simswap", s.scriptSwap)
	s.mux.HandleFunc("POST /sim/openapi/rs/tokenValidate", s.tokenValidate)
	s.mux.HandleFunc("POST /sim/unisdk/rsapi/loginTokenValidate", s.loginTokenValidate)
	s.mux.HandleFunc("POST /sim/declared/verify", s.declared)
	s.mux.HandleFunc("POST /sim/camara/oauth2/token", s.camaraToken)
	s.mux.HandleFunc("POST /sim/camara/number-verification/v2/verify", s.camaraVerify)
	s.mux.HandleFunc("GET /sim/camara/number-verification/v2/device-phone-number", s.camaraNumber)
	s.mux.HandleFunc("POST /sim/camara/sim-swap/v2/check", s.swapCheck)
	s.mux.HandleFunc("POST /sim/camara/sim-swap/v2/retrieve-date", s.swapDate)
	return s
}

// OnToken says who is told of new proofs, as our browser script tells of its
// own (contracts/carriers.md §7).
func (s *Sim) OnToken(report func(context.Context, Token) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.report = report
}

// ServeHTTP serves what is below /sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Sim) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proofs, s.order, s.msgIDs = map[string]*proof{}, nil, map[string]time.Time{}
	s.access, s.jtis, s.swaps = map[string]*access{}, map[string]time.Time{}, map[string]swap{}
}

func (s *Sim) reset(w http.ResponseWriter, _ *http.Request) {
	s.forget()
	w.WriteHeader(http.StatusNoContent)
}

var number = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)

// makeToken is POST /sim/carrier/token: what a phone on its cellular network
// gets.
func (s *Sim) makeToken(w http.ResponseWriter, r *http.Request) {
	allowPage(w, r)
	ask := struct {
		Carrier int    `json:"carrier"`
		Number  string `json:"number"`
		Outcome string `json:"outcome"`
		TTL     int    `json:"ttl"`
		signed
	}{Carrier: 1, Outcome: "ok"}
	if !decode(w, r, &ask) {
		return
	}
	if code := s.checkPage(ask.signed); code != "" {
		writeJSON(w, http.StatusOK, map[string]string{"resultCode": code, "resultDesc": pageTexts[code]})
		return
	}
	life, known := lives[ask.Carrier]
	if ask.TTL > 0 {
		life = time.Duration(ask.TTL) * time.Second
	}
	if !strings.HasPrefix(ask.Number, "+") && len(ask.Number) == 11 {
		ask.Number = "+86" + ask.Number
	}
	if !known || !number.MatchString(ask.Number) || !isOutcome(ask.Outcome) || ask.TTL < 0 || ask.TTL > 86400 {
		http.Error(w, `want {"carrier":1|2|3,"number":"+86…","outcome":"ok","ttl":120}`, http.StatusBadRequest)
		return
	}
	text, err := s.drawToken(ask.Carrier)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	s.mu.Lock()
	if len(s.order) >= mostTokens {
		delete(s.proofs, s.order[0])
		s.order = s.order[1:]
	}
	s.proofs[text] = &proof{carrier: ask.Carrier, number: ask.Number, outcome: ask.Outcome, expires: s.o.Now().Add(life)}
	s.order = append(s.order, text)
	report := s.report
	s.mu.Unlock()
	if report != nil {
		if err := report(r.Context(), Token{Token: core.NewSecret(text), Carrier: ask.Carrier, Life: life}); err != nil {
			http.Error(w, "the proof could not be reported", http.StatusServiceUnavailable)
			return
		}
	}
	writeJSON(w, http.StatusOK, map[string]string{"token": text, "userInformation": userInformation})
}

// userInformation is a fingerprint such as the browser script makes
// (contracts/submail.md §9).
const userInformation = "TGludXggYXJtdjhsQEBNb3ppbGxhLzUuMCAoTGludXg7IEFuZHJvaWQgMTApIE1vYmlsZUBAZmUwMWNlMmE3ZmJhYzhmYWZhZWQ3Yzk4MmEwNGUyMjk%3D"

// allowPage lets pages of other origins call: there is nothing to protect here.
func allowPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Access-Control-Allow-Origin", "*")
	w.Header().Set("Access-Control-Allow-Headers", "Content-Type")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
	}
}

const alphanumerics = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// drawToken makes a proof of the carrier's shape (contracts/carriers.md §7).
func (s *Sim) drawToken(carrier int) (string, error) {
	b := make([]byte, 32)
	if _, err := io.ReadFull(s.o.Random, b); err != nil {
		return "", errors.New("no random bytes")
	}
	switch carrier {
	case 2:
		return hex.EncodeToString(b[:16]), nil
	case 3:
		return "nm" + hex.EncodeToString(b[:16]), nil
	}
	for i := range b[:22] {
		b[i] = alphanumerics[int(b[i])%len(alphanumerics)]
	}
	return fmt.Sprintf("STsid%010d%s", s.o.Now().Unix()%1e10, b[:22]), nil
}

// isOutcome tells whether a proof can be scripted so.
func isOutcome(s string) bool {
	if ms, ok := strings.CutPrefix(s, "slow:"); ok {
		n, err := strconv.Atoi(ms)
		return err == nil && n >= 0 && n <= 60_000
	}
	return s != "" && len(s) <= 96
}

// take takes a proof: false when it is unknown, expired or used.
func (s *Sim) take(token string) (proof, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.proofs[token]
	if !ok || p.used || !s.o.Now().Before(p.expires) {
		return proof{}, false
	}
	p.used = true
	return *p, true
}

// once tells whether an id was not seen in the last ten minutes.
func (s *Sim) once(seen map[string]time.Time, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.o.Now()
	if at, ok := seen[id]; ok && now.Sub(at) < 10*time.Minute {
		return false
	}
	if len(seen) >= mostTokens {
		clear(seen)
	}
	seen[id] = now
	return true
}

// silence is how long `timeout` says nothing (contracts/carriers.md §7).
const silence = 30 * time.Second

// misbehave does what a scripted outcome wants of the connection; it tells
// whether an answer is still to be written, and by which outcome.
func misbehave(w http.ResponseWriter, r *http.Request, outcome string) (then string, answer bool) {
	if ms, ok := strings.CutPrefix(outcome, "slow:"); ok {
		n, _ := strconv.Atoi(ms) // checked when it was scripted
		return "ok", wait(r, time.Duration(n)*time.Millisecond)
	}
	switch outcome {
	case "timeout":
		wait(r, silence)
		panic(http.ErrAbortHandler)
	case "drop":
		panic(http.ErrAbortHandler)
	case "garbage":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<html>系统繁忙，请稍后再试</html>")
		return "", false
	}
	return outcome, true
}

// wait is false when the caller has gone first.
func wait(r *http.Request, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

// decode reads one JSON body of up to 64 KiB.
func decode(w http.ResponseWriter, r *http.Request, into any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err == nil {
		err = json.Unmarshal(body, into)
	}
	if err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return false
	}
	return true
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the caller may be gone
}
