package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// Authentication methods (amr) of a token's subject (contracts/camara.md §4.2).
const (
	MethodNone    = "none"
	MethodNetwork = "mno" // the network said who is there
	MethodSIM     = "sim" // an operator token out of the device
)

// Token is what an access token stands for.
type Token struct {
	App     *tenant.App
	Scopes  []string
	Method  string     // MethodNone for a client of its own
	Phone   core.Phone // the subject, where the number is known
	Proof   string     // the operator token that stands for the subject, where it is not
	Expires time.Time
	Single  bool // it serves one call

	key   []byte
	value []byte
}

// Has tells whether the token is good for a scope.
func (t *Token) Has(scope string) bool { return slices.Contains(t.Scopes, scope) }

// tokenField is the name under which what a token stands for is sealed.
const tokenField = "oauth.token"

// tokenRow is a Token as it is kept.
type tokenRow struct {
	App     core.AppID `json:"app"`
	Client  string     `json:"client"`
	Scopes  []string   `json:"scopes"`
	Method  string     `json:"amr"`
	Phone   string     `json:"phone,omitempty"`
	Proof   string     `json:"proof,omitempty"`
	Expires int64      `json:"exp"` // Unix milliseconds
	Single  bool       `json:"single,omitempty"`
}

// subject is whom a grant is about.
type subject struct {
	method string
	phone  core.Phone
	proof  string
}

// issue keeps a new token.
func (s *Service) issue(ctx context.Context, app *tenant.App, scopes []string, of subject, secret string) (life time.Duration, err error) {
	single := slices.ContainsFunc(scopes, isNumberScope)
	life = reusableLife
	if single || of.method != MethodNone {
		life = singleLife
	}
	row := tokenRow{App: app.ID, Client: app.Camara.ClientID, Scopes: scopes, Method: of.method, Proof: of.proof,
		Expires: s.Now().Add(life).UnixMilli(), Single: single}
	if !of.phone.IsZero() {
		row.Phone = of.phone.E164()
	}
	plain, err := json.Marshal(row)
	if err != nil {
		return 0, err
	}
	value, err := s.Sealer.Seal(tokenField, plain)
	if err != nil {
		return 0, err
	}
	return life, s.Once.Put(ctx, key(onceToken, secret), value, life)
}

// Find is what a bearer token stands for. KindUnauthenticated for one that is
// unknown, used, revoked or expired, and when its client is gone.
func (s *Service) Find(ctx context.Context, bearer string) (*Token, error) {
	id := key(onceToken, bearer)
	now := s.Now()
	row, cached := s.known.get(string(id), now)
	var value []byte
	if !cached {
		var ok bool
		var err error
		if value, ok, err = s.Once.Peek(ctx, id); err != nil {
			return nil, err
		}
		if !ok {
			return nil, core.E(core.KindUnauthenticated, "access token unknown, used or expired")
		}
		if row, err = s.openToken(value); err != nil {
			return nil, err
		}
	}
	app, ok := s.Clients.AppByClient(row.Client)
	if !ok || app.ID != row.App || row.Expires <= now.UnixMilli() {
		return nil, core.E(core.KindUnauthenticated, "access token expired, or its client is gone")
	}
	if !cached && !row.Single && row.Method == MethodNone {
		s.known.put(string(id), row, now)
	}
	t := &Token{App: app, Scopes: row.Scopes, Method: row.Method, Proof: row.Proof, Expires: time.UnixMilli(row.Expires), Single: row.Single,
		key: id, value: value}
	if row.Phone != "" {
		t.Phone = core.PhoneFromE164(row.Phone)
	}
	return t, nil
}

func (s *Service) openToken(value []byte) (*tokenRow, error) {
	plain, err := s.Sealer.Open(tokenField, value)
	if err != nil {
		return nil, core.Wrap(core.KindUnauthenticated, err, "an access token's row")
	}
	row := &tokenRow{}
	return row, json.Unmarshal(plain, row)
}

// Claim takes a single-use token for a call: of parallel calls one gets it, the
// others KindUnauthenticated. A token that can be used again is left alone.
func (s *Service) Claim(ctx context.Context, t *Token) error {
	if !t.Single {
		return nil
	}
	_, ok, err := s.Once.Take(ctx, t.key)
	if err == nil && !ok {
		err = core.E(core.KindUnauthenticated, "access token used meanwhile")
	}
	return err
}

// GiveBack makes a claimed token usable again, after its call had no answer of
// 200. It lives as long as before; one that was revoked meanwhile does not.
func (s *Service) GiveBack(ctx context.Context, t *Token) error {
	left := t.Expires.Sub(s.Now())
	if !t.Single || left <= 0 {
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	if err := s.Once.Put(ctx, t.key, t.value, left); err != nil {
		return err
	}
	_, revoked, err := s.Once.Peek(ctx, revokedKey(t.key))
	if err != nil || revoked { // not knowing ends it, too
		_, _, taken := s.Once.Take(ctx, t.key)
		err = errors.Join(err, taken)
	}
	return err
}

// mostCached bounds the cache; a full one is emptied.
const mostCached = 10_000

// tokenCache remembers tokens that can be used again and that nothing revokes:
// what they stand for never changes.
type tokenCache struct {
	mu   sync.RWMutex
	rows map[string]*tokenRow
}

func (c *tokenCache) get(id string, now time.Time) (*tokenRow, bool) {
	c.mu.RLock()
	row, ok := c.rows[id]
	c.mu.RUnlock()
	return row, ok && row.Expires > now.UnixMilli()
}

func (c *tokenCache) put(id string, row *tokenRow, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rows == nil || len(c.rows) >= mostCached {
		c.drop(now)
	}
	c.rows[id] = row
}

// drop forgets what expired, or all when that is nothing.
func (c *tokenCache) drop(now time.Time) {
	kept := make(map[string]*tokenRow)
	for id, row := range c.rows {
		if row.Expires > now.UnixMilli() {
			kept[id] = row
		}
	}
	if len(kept) >= mostCached {
		clear(kept)
	}
	c.rows = kept
}
