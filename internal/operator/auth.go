package operator

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"math"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
)

type tokenSum [sha256.Size]byte

// sumOf makes tokens of every length comparable in the same time.
func sumOf(token string) tokenSum { return sha256.Sum256([]byte(token)) }

// failureScope keeps wrong tokens apart from wrong keys of the public listener:
// strangers behind the operator's proxy must not lock the operator out. No app
// has this id.
const failureScope = math.MaxUint32

type handle = func(ctx context.Context, x *facade.Exchange) error

// authenticated lets requests with the token through. Failures are counted per
// source address, and one address too many is refused before the token is
// looked at (contracts/README.md §3.3).
func (o *operator) authenticated(next handle) handle {
	return func(ctx context.Context, x *facade.Exchange) error {
		var space [2]guard.Bucket
		var failures []guard.Bucket
		if o.Limiter != nil {
			failures = o.Rules.AuthFailed.ForIP(space[:0], o.Subjects, x.Source, failureScope)
		}
		if err := o.mayTry(ctx, failures); err != nil {
			return err
		}
		if o.isToken(x) {
			return next(ctx, x)
		}
		if len(failures) > 0 {
			if _, err := o.Limiter.Take(ctx, o.Now(), failures); err != nil {
				return err
			}
		}
		x.SetHeader("Www-Authenticate", `Bearer realm="yanma"`)
		return core.E(core.KindUnauthenticated, "")
	}
}

func (o *operator) mayTry(ctx context.Context, failures []guard.Bucket) error {
	if len(failures) == 0 {
		return nil
	}
	verdict, err := o.Limiter.Peek(ctx, o.Now(), failures)
	if err != nil {
		return err
	}
	return verdict.Refused()
}

func (o *operator) isToken(x *facade.Exchange) bool {
	values := x.Request.Header["Authorization"]
	if len(values) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	sum := sumOf(token)
	return subtle.ConstantTimeCompare(sum[:], o.token[:]) == 1 && strings.EqualFold(scheme, "Bearer")
}
