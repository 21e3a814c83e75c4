package numberverify

import (
	"context"
	"regexp"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// telecomToken is the one shape that is telling (contracts/carriers.md §5).
var telecomToken = regexp.MustCompile(`^nm[0-9a-f]{32}$`)

// byShape is a proof's carrier when nothing else tells (contracts/carriers.md §5).
func byShape(token string) Carrier {
	if telecomToken.MatchString(token) {
		return CarrierTelecom
	}
	return CarrierMobile
}

// look is a command that only reads a proof's row.
type look struct {
	keys []store.ProofKey
	app  core.AppID

	proof store.NumberProof // result
}

// Want names the proof under every token key.
func (c *look) Want(b *store.Batch) { wantProof(b, c.keys) }

// Decide refuses with ErrProof what can not be asked with any more.
func (c *look) Decide(b *store.Batch) (err error) {
	c.proof, err = usable(b, c.keys, c.app)
	return err
}

// recordedCarrier decides whose proof it is: the caller's word, the record, the
// shape.
func (s *Service) recordedCarrier(ctx context.Context, q *question) error {
	q.carrier = q.proof.Carrier
	if q.carrier != CarrierUnknown || !q.proof.Number.IsZero() {
		return nil
	}
	c := &record{keys: q.keys}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return err
	}
	if q.carrier = c.carrier; q.carrier == CarrierUnknown {
		q.carrier = byShape(q.proof.Token.Reveal())
	}
	return nil
}

// record is a command that reads whose proof was reported.
type record struct {
	keys    []store.ProofKey
	carrier Carrier // result
}

// Want names the proof under every token key.
func (c *record) Want(b *store.Batch) { wantProof(b, c.keys) }

// Decide refuses nothing: whether a proof is usable is told later.
func (c *record) Decide(b *store.Batch) error {
	c.carrier = recorded(b, c.keys)
	return nil
}

// recorded is the carrier of a proof that was reported; CarrierUnknown of others.
func recorded(b *store.Batch, keys []store.ProofKey) (c Carrier) {
	for _, k := range keys {
		if row, ok := b.Proofs.Get(k); ok && row.Carrier != 0 {
			c = Carrier(row.Carrier)
		}
	}
	return c
}

// hasRow tells whether anything is known of a proof.
func hasRow(b *store.Batch, keys []store.ProofKey) bool {
	for _, k := range keys {
		if _, ok := b.Proofs.Get(k); ok {
			return true
		}
	}
	return false
}

// Look says what is known about a proof that shall be asked with later. It
// burns nothing. An *Error of ClassProof when it was used, is another app's, or
// past its life; otherwise as the store's.
func (s *Service) Look(ctx context.Context, app *tenant.App, p Proof) (Seen, error) {
	token := p.Token.Reveal()
	if token == "" || len(token) > LongestToken {
		return Seen{}, core.Field(core.KindBadField, "token")
	}
	c := &look{keys: s.keysOf(p.Token), app: app.ID}
	if err := s.o.Store.Do(ctx, c); err != nil {
		return Seen{}, err
	}
	seen := Seen{Carrier: p.Carrier, Reported: c.proof.Expires != 0}
	if seen.Carrier == CarrierUnknown {
		seen.Carrier = Carrier(c.proof.Carrier)
	}
	if seen.Carrier == CarrierUnknown {
		seen.Carrier = byShape(token)
	}
	if seen.Reported {
		seen.Expires = c.proof.Expires.Time()
	}
	if !p.Number.IsZero() {
		seen.Can = Can{Match: true, Hash: true, Fetch: true}
		return seen, nil
	}
	for _, r := range s.routes {
		if r.serves(app.ID) {
			can := r.Gateway.Can(seen.Carrier)
			seen.Can.Match = seen.Can.Match || can.Match || can.Fetch
			seen.Can.Hash = seen.Can.Hash || can.Hash || can.Fetch
			seen.Can.Fetch = seen.Can.Fetch || can.Fetch
		}
	}
	return seen, nil
}

// reportKept is how long a proof that was reported and not used is remembered
// behind its life. After that the carrier refuses it, as it would any other.
const reportKept = 10 * time.Minute

// report is the command that notes a proof which our own script saw being made.
type report struct {
	keys    []store.ProofKey
	app     core.AppID
	carrier Carrier
	life    time.Duration
}

// Want names the proof under every token key.
func (c *report) Want(b *store.Batch) { wantProof(b, c.keys) }

// Decide notes a proof that is new. One that is known stays as it was: whoever
// reports it again gives it neither another app nor another life.
func (c *report) Decide(b *store.Batch) error {
	for _, k := range c.keys {
		if row, ok := b.Proofs.Get(k); ok && row.Until > b.Now {
			switch {
			case row.App == 0 && c.app != 0: // the simulator's
				row.App = c.app
				b.Proofs.Put(k, row)
			case row.App != c.app && c.app != 0:
				return ErrProof()
			}
			return nil
		}
	}
	b.Proofs.Put(c.keys[0], store.NumberProof{Key: c.keys[0], App: c.app, Carrier: uint8(c.carrier),
		Expires: b.Now.Add(c.life), Until: b.Now.Add(c.life + reportKept)})
	return nil
}

// Report notes a proof that our own script saw being made for an app: its
// carrier is known then, and its life is counted (contracts/carriers.md §5).
// text is the proof, or in relay mode the gateway's raw answer; the proof comes
// back. Errors: KindBadField for a carrier or text that can not be;
// *Error of ClassProof for another app's proof.
func (s *Service) Report(ctx context.Context, app *tenant.App, c Carrier, text string) (token string, err error) {
	if c < CarrierMobile || c > CarrierTelecom {
		return "", core.Field(core.KindBadField, "type")
	}
	token = text
	if r := s.deviceRoute(app, c); r != nil && r.Device.Mode == ModeRelay {
		token = r.Device.token(text)
	}
	if token == "" || len(token) > LongestToken || strings.ContainsRune(token, 0) {
		return "", core.Field(core.KindBadField, "token")
	}
	return token, s.report(ctx, &report{keys: s.keysOf(core.NewSecret(token)), app: app.ID, carrier: c, life: s.o.Lives[c]})
}

// Note is Report by the carrier simulator: the proof's life is known, and which
// app will ask is not.
func (s *Service) Note(ctx context.Context, c Carrier, token core.Secret, life time.Duration) error {
	return s.report(ctx, &report{keys: s.keysOf(token), carrier: c, life: life})
}

func (s *Service) report(ctx context.Context, c *report) error {
	if s.o.Alone {
		s.underway.remember(c.keys[0], s.o.Now())
	}
	return s.o.Store.Do(ctx, c)
}
