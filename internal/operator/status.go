package operator

import (
	"context"
	"net/http"

	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/operator/api"
)

func (o *operator) openAPI(_ context.Context, x *facade.Exchange) error {
	x.ContentType = "application/yaml"
	x.Out = append(x.Out, openAPI...)
	return nil
}

func (o *operator) status(_ context.Context, x *facade.Exchange) error {
	s := api.Status{Version: o.Version, Started: o.started, Revision: o.Directory.Revision(), Apps: len(o.Directory.Apps())}
	if o.Store != nil {
		s.Store = api.Store(o.Store())
	}
	if o.Outbox != nil {
		n := o.Outbox()
		s.Outbox = api.Outbox{Submitted: n.Submitted, Rejected: n.Rejected, Throttled: n.Throttled, Unknown: n.Unknown, NotSent: n.NotSent,
			Delivered: n.Delivered, Undelivered: n.Undelivered, Resent: n.Resent, Expired: n.Expired, Dead: n.Dead,
			Orphaned: n.Orphaned, Overflow: n.Overflow, Queue: n.QueueDepth, InFlight: n.InFlight}
	}
	return reply(x, http.StatusOK, s)
}
