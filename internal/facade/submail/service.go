package submail

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/facade"
)

// timestamp tells the time (contracts/submail.md §7).
func (d *dialect) timestamp(_ context.Context, x *facade.Exchange) error {
	x.Out = append(x.Out, `{"timestamp":`...)
	x.Out = strconv.AppendInt(x.Out, d.Now().Unix(), 10)
	x.Out = append(x.Out, '}')
	return nil
}

// status tells that the service runs, in the vendor's spelling.
func (d *dialect) status(_ context.Context, x *facade.Exchange) error {
	x.Out = append(x.Out, `{"status":"runing","runtime":`...)
	x.Out = strconv.AppendFloat(x.Out, d.Now().Sub(x.Event.Time).Seconds(), 'f', 3, 64)
	x.Out = append(x.Out, '}')
	return nil
}
