package oauth

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/tenant"
)

// Proofs knows network proofs (numberverify.Service): the same ones on every
// dialect (contracts/camara.md §5).
type Proofs interface {
	// Look tells what is known about a proof: a *numberverify.Error of ClassProof
	// for one that was used, is another app's, or is past its life.
	Look(ctx context.Context, app *tenant.App, p numberverify.Proof) (numberverify.Seen, error)
}

// proven takes an operator token as a subject. It serves one access token; the
// carrier is asked about it when that is used.
func (s *Service) proven(ctx context.Context, app *tenant.App, proof string) (subject, error) {
	if proof == "" || len(proof) > numberverify.LongestToken || !isText(proof) {
		return subject{}, refuse("invalid_grant", "The operator token is not one.")
	}
	_, err := s.Proofs.Look(ctx, app, numberverify.Proof{Token: core.NewSecret(proof)})
	if refused, ok := numberverify.AsError(err); ok && refused.Class == numberverify.ClassProof {
		return subject{}, refuse("invalid_grant", "The operator token is used, expired or another client's.")
	}
	if err != nil {
		return subject{}, err
	}
	fresh, err := s.putOnce(ctx, key(onceProof, proof), nil, singleLife)
	switch {
	case err != nil:
		return subject{}, err
	case !fresh:
		return subject{}, refuse("invalid_grant", "The operator token is used, expired or another client's.")
	}
	return subject{method: MethodSIM, proof: proof}, nil
}
