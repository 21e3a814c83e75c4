package operator

import (
	"context"
	"net/http"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/tenant"
)

// Signing is the keys of id tokens (oauth.Keys).
type Signing interface {
	Rotate(ctx context.Context, app core.AppID, overlap time.Duration) (kid string, err error)
	tenant.PrivateKeys
}

// setCamara makes an app's OAuth client, or changes it.
func (o *operator) setCamara(ctx context.Context, x *facade.Exchange) error {
	id, err := pathID(x, "app")
	if err != nil {
		return err
	}
	var patch tenant.CamaraPatch
	if _, err := decode(x, &patch); err != nil {
		return err
	}
	view, secret, err := o.Admin.SetCamara(ctx, by(x), core.AppID(id), patch)
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, api.AppWithClient{App: view, ClientID: view.Settings.Camara.ClientID, ClientSecret: secret.Reveal()})
}

// longestKeyOverlap is how long a replaced signing key may be published.
const longestKeyOverlap = 30 * 24 * time.Hour

// rotateSigning makes a new key of id tokens.
func (o *operator) rotateSigning(ctx context.Context, x *facade.Exchange) error {
	var body api.SigningRotation
	if _, err := decode(x, &body); err != nil {
		return err
	}
	overlap := time.Duration(body.Overlap) * time.Second
	if overlap < 0 || overlap > longestKeyOverlap {
		return core.Field(core.KindBadField, "overlap_seconds")
	}
	kid, err := o.Signing.Rotate(ctx, oauth.InstallationKeys, overlap)
	if err != nil {
		return err
	}
	made := api.SigningKey{KeyID: kid}
	err = o.Database.Update(ctx, func(q store.SQL) error {
		return o.Admin.Record(ctx, q, by(x), "signing_key.rotate", "signing key", nil, made)
	})
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, made)
}
