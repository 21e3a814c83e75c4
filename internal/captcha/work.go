package captcha

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math/bits"
	"net/url"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/captcha/altcha"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// harder is by how much more a challenge costs while an app is under attack.
const harder = 4

// boundTo is the parameter of a salt that says what its challenge is bound to.
const boundTo = "bound"

// Challenge gives a proof of work to whoever b is: half of maxnumber hashes on
// average. It writes nothing; the number is forgotten at once.
func (s *Service) Challenge(_ context.Context, app *tenant.App, b Binding) (altcha.Challenge, error) {
	most := int64(settings(app).WorkDifficulty)
	if s.raised(app) {
		most *= harder
	}
	var random [8 + 12]byte
	if _, err := io.ReadFull(s.o.Random, random[:]); err != nil {
		return altcha.Challenge{}, core.Wrap(core.KindInternal, err, "captcha: no randomness")
	}
	high, _ := bits.Mul64(binary.BigEndian.Uint64(random[:8]), uint64(most)+1)
	which := parts(b, "")
	salt := altcha.Salt(hex.EncodeToString(random[8:]), s.o.Now().Add(WorkLife), url.Values{boundTo: {strconv.Itoa(int(which))}})
	hash := altcha.Hash(salt, int64(high))
	s.tally.given.Add(1)
	return altcha.Challenge{Algorithm: altcha.Algorithm, Challenge: hash, MaxNumber: most, Salt: salt,
		Signature: hex.EncodeToString(s.signatures(app, b, which, hash)[0][:])}, nil
}

func (s *Service) signatures(app *tenant.App, b Binding, which uint8, hash string) [][sha256.Size]byte {
	return s.o.Keys.CaptchaProof("work " + hash + " " + owner(app, b, "", which))
}

// takeWork redeems a solved challenge: ours, in time, this caller's, never before.
func (s *Service) takeWork(ctx context.Context, app *tenant.App, r *RedeemRequest, p altcha.Payload) error {
	which, err := strconv.ParseUint(altcha.Parameters(p.Salt).Get(boundTo), 10, 8)
	if err != nil {
		return failed("salt")
	}
	signature, err := hex.DecodeString(p.Signature)
	if err != nil || len(signature) != sha256.Size || !matches(s.signatures(app, r.Binding, uint8(which), p.Challenge), signature) {
		return failed("signature")
	}
	expires, dated := altcha.Expires(p.Salt)
	if !p.Solved() || !dated || !s.o.Now().Before(expires) || !s.bound(app, uint8(which), ofClient|ofFingerprint) {
		return failed("proof of work")
	}
	return s.o.Store.Do(ctx, &use{key: sha256.Sum256([]byte("work " + p.Challenge)), until: store.At(expires.Add(remembered))})
}

// verifierKept is how long a verifier's token is remembered: longer than any of
// them lets one live.
const verifierKept = 15 * time.Minute

// askVerifier redeems the token of somebody else's challenge. Nobody who does
// not say yes lets pass.
func (s *Service) askVerifier(ctx context.Context, name string, r *RedeemRequest) error {
	v := s.o.Verifiers[name]
	if v == nil {
		return core.E(core.KindOverloaded, "captcha: no verifier of that name")
	}
	// Each text, whatever it is, costs a call to the outside.
	if err := s.Admit(ctx, CallCheck, r.IP); err != nil {
		return err
	}
	passed, err := v.Verify(ctx, r.CaptchaToken, r.IP)
	if err != nil {
		return core.Wrap(core.KindOverloaded, err, "captcha: the verifier does not answer")
	}
	if !passed {
		return failed("verifier")
	}
	return s.o.Store.Do(ctx, &use{key: sha256.Sum256([]byte("verifier " + name + " " + r.CaptchaToken)), until: store.At(s.o.Now().Add(verifierKept))})
}
