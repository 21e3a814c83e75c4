package oauth

import (
	"context"

	"yanma.dev/yanma/internal/tenant"
)

func (s *Service) exchange(ctx context.Context, app *tenant.App, f Form) (Issued, error) {
	return Issued{}, refuse("unsupported_grant_type", "The grant type is not supported.")
}
