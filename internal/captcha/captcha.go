package captcha

import (
	"context"
	"crypto/sha256"
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/captcha/puzzle"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// How long things live (contracts/oneaccess.md §2.1, §2.2).
const (
	TokenLife = 120 * time.Second // of a puzzle, until it is checked
	PassLife  = 180 * time.Second // of a pass, until it is redeemed
	WorkLife  = 300 * time.Second // of a proof of work's challenge, until it is redeemed
)

// remembered is how long a row outlives what it is of: clocks of nodes differ.
const remembered = time.Minute

// Kind is a kind of challenge, in the order of what they ask of a caller.
type Kind uint8

// The kinds.
const (
	KindNone     Kind = 0
	KindPuzzle   Kind = 1 // the block puzzle
	KindWork     Kind = 2 // proof of work
	KindVerifier Kind = 3 // somebody else's
)

var kinds = [...]string{"none", tenant.CaptchaPuzzle, tenant.CaptchaWork, tenant.CaptchaVerifier}

// String is the settings' word.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return "invalid"
}

// Satisfies tells whether a passed challenge of this kind is as good as the one
// that is required: a puzzle is less than the others, which are alike.
func (k Kind) Satisfies(required Kind) bool { return k >= min(required, KindWork) }

// Binding is whom a challenge was given to. A text is empty when it did not come,
// as on the AJ routes (contracts/oneaccess.md §7).
type Binding struct {
	Client      string     // X-client-id
	Fingerprint string     // X-device-fingerprint
	IP          netip.Addr // the caller's address: what fails is counted on it; invalid: none
}

// Keys is the part of keyring that challenges need.
type Keys interface {
	SealAnswer(owner string, x uint16, made time.Time) (string, keyring.CaptchaAnswer, error)
	OpenAnswer(owner, token string, now time.Time) (keyring.CaptchaAnswer, bool)
	CaptchaMade(token string, now time.Time) (time.Time, bool)
	CaptchaProof(message string) [][sha256.Size]byte
}

// Store runs commands.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Pictures gives puzzles, each once. KindOverloaded when it can not keep up.
type Pictures interface {
	Take(ctx context.Context) (puzzle.Picture, error)
}

// Verifier asks somebody else about a token of theirs. The error is why there
// is no answer.
type Verifier interface {
	Verify(ctx context.Context, token string, ip netip.Addr) (bool, error)
}

// Options are what a Service is made of.
type Options struct {
	Keys      Keys
	Store     Store
	Pictures  Pictures
	Limiter   guard.Limiter
	Subjects  guard.Subjects
	Rules     guard.Rules         // the installation's
	Verifiers map[string]Verifier // by the name that apps' settings use
	Now       func() time.Time
	Random    io.Reader
	Log       *slog.Logger

	// AcceptUnbound is dev mode: passes that name no client, device or receiver
	// count for every app (contracts/oneaccess.md §7).
	AcceptUnbound bool
}

// Service gives challenges and checks their answers. It is safe for concurrent use.
type Service struct {
	o      Options
	ratios ratios
	tally  tally
}

// New returns a service.
func New(o Options) *Service { return &Service{o: o} }

// settings are an app's; those of an AJ caller who names none are the defaults.
func settings(app *tenant.App) *tenant.OneAccess {
	if app == nil || app.OneAccess == nil {
		return &tenant.OneAccess{OneAccessSettings: tenant.DefaultOneAccess()}
	}
	return app.OneAccess
}

func idOf(app *tenant.App) core.AppID {
	if app == nil {
		return 0
	}
	return app.ID
}

// failed is the refusal of a token, a pass or a proof; errWrongAnswer that of an
// answer to a token that was good, which the AJ routes tell apart
// (contracts/oneaccess.md §7). To everybody else they look alike.
func failed(why string) error {
	return &core.Error{Kind: core.KindChallengeFailed, Field: "token", Detail: why}
}

var errWrongAnswer = core.E(core.KindChallengeFailed, "wrong answer")

// What a challenge or pass is bound to.
const (
	ofSender uint8 = 1 << iota
	ofClient
	ofFingerprint
	ofAll = ofSender | ofClient | ofFingerprint
)

// parts tells what of a binding came.
func parts(b Binding, sender string) (p uint8) {
	if sender != "" {
		p |= ofSender
	}
	if b.Client != "" {
		p |= ofClient
	}
	if b.Fingerprint != "" {
		p |= ofFingerprint
	}
	return p
}

// owner is one text of the named parts of whom something belongs to. The app
// stands beside its client id: tenants that subscribe to one app share that.
func owner(app *tenant.App, b Binding, sender string, which uint8) string {
	text := make([]byte, 0, 128)
	for _, part := range [...]struct {
		bit  uint8
		text string
	}{{ofSender, sender}, {ofClient, b.Client}, {ofFingerprint, b.Fingerprint}} {
		if which&part.bit == 0 {
			text = append(text, '-')
			continue
		}
		text = append(strconv.AppendInt(text, int64(len(part.text)), 10), ':')
		text = append(text, part.text...)
		if part.bit == ofClient {
			text = append(strconv.AppendInt(append(text, '/'), int64(idOf(app)), 10), ';')
		}
	}
	return string(text)
}

// bound tells whether a pass of these parts counts in an app.
func (s *Service) bound(app *tenant.App, have, want uint8) bool {
	return have&want == want || s.o.AcceptUnbound || settings(app).AcceptUnbound
}
