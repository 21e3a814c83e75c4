package camara

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/idempotency"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/tenant"
)

// verifyNumber compares a number with the SIM's (contracts/camara.md §2.1).
func (d *dialect) verifyNumber(ctx context.Context, x *facade.Exchange, t *oauth.Token) error {
	if err := mayAsk(t, tenant.ProductNumberVerification); err != nil {
		return err
	}
	if err := readJSON(x); err != nil {
		return err
	}
	phone, hash, err := claimed(x)
	if err != nil {
		return err
	}
	x.Event.Phone = phone
	return x.Once(ctx, t.App.ID, func(call *idempotency.Call) error {
		return d.asking(ctx, t, func() error {
			v, err := d.Numbers.Verify(ctx, numberverify.VerifyRequest{App: t.App, Proof: proofOf(t), Phone: phone, Hash: hash, Call: call,
				Answer: func(v numberverify.Verified, err error) (int, []byte) {
					if err != nil {
						return 0, nil // the token can be used again
					}
					return 200, appendVerified(nil, v)
				}})
			if err != nil {
				return err
			}
			x.Out = appendVerified(x.Out, v)
			return nil
		})
	})
}

func appendVerified(out []byte, v numberverify.Verified) []byte {
	if v.Identical {
		return append(out, `{"devicePhoneNumberVerified":true}`...)
	}
	return append(out, `{"devicePhoneNumberVerified":false}`...)
}

// readNumber tells the SIM's number (contracts/camara.md §2.2).
func (d *dialect) readNumber(ctx context.Context, x *facade.Exchange, t *oauth.Token) error {
	if err := mayAsk(t, tenant.ProductOneClickLogin); err != nil {
		return err
	}
	if t.Phone.IsZero() {
		seen, err := d.Numbers.Look(ctx, t.App, proofOf(t))
		if err != nil {
			return numberError(err)
		}
		if !seen.Can.Fetch {
			return core.E(core.KindForbidden, "the proof's carrier can only compare")
		}
	}
	return d.asking(ctx, t, func() error {
		f, err := d.Numbers.Fetch(ctx, numberverify.FetchRequest{App: t.App, Proof: proofOf(t)})
		if err != nil {
			return err
		}
		x.Event.Phone = f.Phone
		x.Out = append(x.Out, `{"devicePhoneNumber":`...)
		x.Out = append(facade.AppendString(x.Out, f.Phone.E164()), '}')
		return nil
	})
}

// mayAsk tells whether the token's client has the right to the product, and its
// subject was seen by the network.
func mayAsk(t *oauth.Token, product string) error {
	switch {
	case t.App.Denies(product):
		return core.E(core.KindForbidden, "the account has no right to it")
	case t.Method == oauth.MethodNone:
		return fail(core.KindForbidden, notByNetwork)
	}
	return nil
}

// asking runs a call that asks a carrier: the app's limit of them first, which
// counts only those that were asked, and which leaves the token usable.
func (d *dialect) asking(ctx context.Context, t *oauth.Token, f func() error) error {
	buckets := t.App.Limits.NumberChecks.For(nil, d.Subjects, uint64(t.App.ID), uint32(t.App.ID))
	if len(buckets) == 0 {
		return numberError(d.once(ctx, t, f))
	}
	taken, err := d.Limiter.Take(ctx, d.Now(), buckets)
	if err != nil {
		return err
	}
	if err = d.once(ctx, t, f); err != nil && !numberverify.Asked(err) {
		d.Limiter.GiveBack(ctx, taken)
	}
	return numberError(err)
}

// once runs a call with a token that serves one: only a success uses it up
// (contracts/camara.md §2.3).
func (d *dialect) once(ctx context.Context, t *oauth.Token, f func() error) error {
	if err := d.OAuth.Claim(ctx, t); err != nil {
		return err
	}
	err := f()
	if err != nil {
		_ = d.OAuth.GiveBack(ctx, t) // when that fails it is used up
	}
	return err
}

func proofOf(t *oauth.Token) numberverify.Proof {
	return numberverify.Proof{Token: core.NewSecret(t.Proof), Number: t.Phone}
}

// claimed is the one member of the body: a number, or the SHA-256 of one.
func claimed(x *facade.Exchange) (phone core.Phone, hash [32]byte, err error) {
	switch name, _ := x.Object.Only(); name {
	case "phoneNumber":
		literal, err := phoneNumber(x)
		return core.PhoneFromE164(literal), hash, err
	case "hashedPhoneNumber":
	default:
		return phone, hash, core.E(core.KindBadField, "want exactly one known member")
	}
	text, ok := x.Object.Get("hashedPhoneNumber").Text()
	if !ok || len(text) != hex.EncodedLen(sha256.Size) {
		return phone, hash, core.Field(core.KindBadField, "hashedPhoneNumber")
	}
	if _, err := hex.Decode(hash[:], []byte(text)); err != nil {
		return phone, hash, core.Field(core.KindBadField, "hashedPhoneNumber")
	}
	return phone, hash, nil
}

// numberError is a carrier's failure in this dialect (contracts/camara.md §5).
func numberError(err error) error {
	refused, ok := numberverify.AsError(err)
	if !ok {
		return err
	}
	switch refused.Class {
	case numberverify.ClassProof:
		return core.Wrap(core.KindUnauthenticated, err, "")
	case numberverify.ClassNetwork:
		return fail(core.KindForbidden, notByNetwork)
	case numberverify.ClassTimeout:
		return fail(core.KindProvisioningUnreachable, timedOut)
	case numberverify.ClassDebit, numberverify.ClassLedger:
		return core.Wrap(core.KindInternal, err, "")
	default:
		return fail(core.KindProvisioningUnreachable, badGateway)
	}
}
