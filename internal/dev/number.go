package dev

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
)

// numberPage is what stands behind /handset/number: the server of a page that
// wants to know whose number it is. It holds the app's keys, and asks the public
// API over HTTP like anybody's backend.
//
//	page ─ proof, or none ─▶ POST prove ─ signed ─▶ /vfmobile/prove: the plan's steps
//	     ─ code ──────────▶ POST check ─ signed ─▶ /vfmobile/prove/check
type numberPage struct {
	now  func() time.Time
	http *http.Client

	mu   sync.Mutex
	card card
	app  core.AppID
}

func newNumberPage(now func() time.Time) *numberPage {
	return &numberPage{now: now, http: &http.Client{Timeout: 15 * time.Second}}
}

// set tells it where the server is, once that is known.
func (p *numberPage) set(c card, app core.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.card, p.app = c, app
}

func (p *numberPage) get() (card, core.AppID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.card, p.app
}

// mount puts the page's calls on a mux.
func (p *numberPage) mount(mux *http.ServeMux) {
	mux.HandleFunc("GET /handset/api/number", p.about)
	mux.HandleFunc("POST /handset/api/number/prove", p.prove)
	mux.HandleFunc("POST /handset/api/number/check", p.check)
	mux.HandleFunc("GET /handset/api/oneaccess", p.client)
}

// client tells /handset/oneaccess the app's client id: all that such a page has
// to know (contracts/oneaccess.md §1.1).
func (p *numberPage) client(w http.ResponseWriter, _ *http.Request) {
	card, _ := p.get()
	writeJSON(w, map[string]string{"client_id": card.OneAccess.ClientID})
}

// about tells the app's plan, as the operator set it.
func (p *numberPage) about(w http.ResponseWriter, r *http.Request) {
	card, app := p.get()
	view, err := client.New(card.OperatorURL, core.NewSecret(card.OperatorToken), p.http).App(r.Context(), app)
	if err != nil {
		http.Error(w, "the operator API does not answer", http.StatusBadGateway)
		return
	}
	writeJSON(w, map[string]any{"appid": card.Submail.AppID, "plan": view.Settings.Funnel, "voice": card.JSMS.AppKey != ""})
}

// asked is what the page sends.
type asked struct {
	Token           string `json:"token"`
	UserInformation string `json:"userInformation"`
	Number          string `json:"number"`
	After           string `json:"after"` // the step that did not help
	Code            string `json:"code"`
	ID              string `json:"id"` // of the code
}

// said is an exchange with the public API, for the page to show.
type said struct {
	OK      bool              `json:"ok"`
	Request map[string]string `json:"request"`
	Answer  json.RawMessage   `json:"answer"`
}

// prove asks for the plan's next step. The number is signed behind the proof, if
// there is one (docs/adr/0031-the-plan-as-a-call.md).
func (p *numberPage) prove(w http.ResponseWriter, r *http.Request) {
	a, ok := readAsked(w, r)
	if !ok {
		return
	}
	p.answer(w, r, "/vfmobile/prove", a.Token+a.Number, map[string]string{"os": "1", "token": a.Token, "mobile_number": a.Number,
		"userInformation": a.UserInformation, "after": a.After})
}

// check answers a code.
func (p *numberPage) check(w http.ResponseWriter, r *http.Request) {
	a, ok := readAsked(w, r)
	if !ok {
		return
	}
	p.answer(w, r, "/vfmobile/prove/check", a.ID, map[string]string{"id": a.ID, "code": a.Code})
}

// readAsked takes JSON only: another site's page can not send that without
// being asked first, and nobody answers it here.
func readAsked(w http.ResponseWriter, r *http.Request) (a asked, ok bool) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "want JSON", http.StatusUnsupportedMediaType)
		return a, false
	}
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&a) != nil {
		http.Error(w, "want one JSON object", http.StatusBadRequest)
		return a, false
	}
	return a, true
}

// answer signs a request (contracts/submail.md §4.1), calls the public API and
// shows the page what was said.
func (p *numberPage) answer(w http.ResponseWriter, r *http.Request, path, what string, members map[string]string) {
	card, _ := p.get()
	now := strconv.FormatInt(p.now().Unix(), 10)
	sum := sha256.Sum256([]byte(card.Submail.AppKey + now + what))
	members["appid"], members["timestamp"], members["signature"] = card.Submail.AppID, now, hex.EncodeToString(sum[:])
	body, err := p.call(r.Context(), card.BaseURL+path, members)
	if err != nil {
		http.Error(w, "the public API does not answer", http.StatusBadGateway)
		return
	}
	var outcome struct {
		Status string `json:"status"`
	}
	_ = json.Unmarshal(body, &outcome) // what is no object is no success
	writeJSON(w, said{OK: outcome.Status == "success" || outcome.Status == "pending", Request: members, Answer: body})
}

func (p *numberPage) call(ctx context.Context, url string, members map[string]string) (answer json.RawMessage, err error) {
	body, err := json.Marshal(members)
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Content-Type", "application/json")
	got, err := p.http.Do(q)
	if err != nil {
		return nil, err
	}
	defer func() { _ = got.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(got.Body, 64<<10))
	if err == nil && !json.Valid(answer) {
		answer, err = json.Marshal(string(answer))
	}
	return answer, err
}

// close lets go of connections.
func (p *numberPage) close() { p.http.CloseIdleConnections() }
