package operator

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/rotation"
)

func (o *operator) keyring(ctx context.Context, x *facade.Exchange) error {
	return answerKeyring(x, func() (rotation.Status, error) { return o.Rotation.Status(ctx) })
}

func (o *operator) rotateKeyring(ctx context.Context, x *facade.Exchange) error {
	kind := rotation.Kind(x.Param("kind"))
	return answerKeyring(x, func() (rotation.Status, error) { return o.Rotation.Rotate(ctx, by(x), kind) })
}

func (o *operator) retireKeyring(ctx context.Context, x *facade.Exchange) error {
	var request api.Retirement
	if _, err := decode(x, &request); err != nil {
		return err
	}
	liftDeadlines(ctx) // it may read every message
	kind := rotation.Kind(x.Param("kind"))
	return answerKeyring(x, func() (rotation.Status, error) { return o.Rotation.Retire(ctx, by(x), kind, request.Keep) })
}

func (o *operator) resealKeyring(ctx context.Context, x *facade.Exchange) error {
	return answerKeyring(x, func() (rotation.Status, error) { return o.Rotation.Reseal(ctx, by(x)) })
}

// answerKeyring answers with the state after f.
func answerKeyring(x *facade.Exchange, f func() (rotation.Status, error)) error {
	status, err := f()
	if err != nil {
		return err
	}
	return reply(x, http.StatusOK, status)
}
