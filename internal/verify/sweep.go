package verify

import (
	"context"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
)

// ReleaseLapsed releases claims whose outside call never came back. codes are
// candidates; each is looked at again. payer finds who holds the price of an
// app's logins.
func (s *Service) ReleaseLapsed(ctx context.Context, codes []core.VerificationID, payer func(core.AppID) (billing.Payer, bool)) error {
	if len(codes) == 0 {
		return nil
	}
	return s.store.Do(ctx, &lapsedClaims{ids: s.ids, codes: codes, payer: payer})
}
