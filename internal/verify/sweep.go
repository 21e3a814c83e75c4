package verify

import (
	"context"

	"yanma.dev/yanma/internal/core"
)

// ReleaseLapsed ends codes that nobody answers any more: claims whose outside
// call never came back are released, with the price that they hold, and pending
// codes past their life expire. codes are candidates; each is looked at again.
func (s *Service) ReleaseLapsed(ctx context.Context, codes []core.VerificationID) error {
	if len(codes) == 0 {
		return nil
	}
	return s.store.Do(ctx, &endCodes{ids: s.ids, codes: codes})
}
