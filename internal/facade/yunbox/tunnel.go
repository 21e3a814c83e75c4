package yunbox

import (
	"context"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tunnel"
)

// Tunnels gives the configuration of a device (tunnel.Service).
type Tunnels interface {
	Config(ctx context.Context, device core.DeviceID, text string) (tunnel.ClientConfig, error)
}

// tunnel gives a device's configuration (contracts/yunbox.md §8).
func (d *dialect) tunnel(ctx context.Context, x *facade.Exchange) error {
	uid, id := x.Param("uid"), x.Param("device")
	if err := d.checkIDs(uid, id, nil); err != nil {
		return err
	}
	secret := x.Request.Header.Get(keyHeader)
	if secret == "" {
		return core.Field(core.KindMissingField, keyHeader)
	}
	app, err := d.authenticate(ctx, x, secret)
	if err != nil {
		return err
	}
	if err := d.checkIDs(uid, id, app); err != nil {
		return err // only other apps could have imported such ids
	}
	user, err := d.Users.Resolve(ctx, uid, app.ID, app.ImportedUsers)
	if err != nil {
		return err
	}
	device, err := d.Devices.Find(ctx, id)
	if err != nil {
		return err
	}
	if device.User != user.ID || device.App != app.ID {
		return core.E(core.KindNotFound, "somebody else's device")
	}
	config, err := d.Tunnels.Config(ctx, device.ID, id)
	if err != nil {
		return err
	}
	return writeConfig(x, config)
}

// writeConfig answers in the form that the caller accepts.
func writeConfig(x *facade.Exchange, config tunnel.ClientConfig) error {
	if !wantsJSON(x.Request.Header["Accept"]) {
		x.ContentType = facade.ContentTypeText
		x.Out = append(x.Out, config.WGQuick()...)
		return nil
	}
	body, err := config.JSON()
	if err != nil {
		return fmt.Errorf("write a tunnel configuration: %w", err)
	}
	x.Out = append(x.Out, body...)
	return nil
}

// wantsJSON tells whether Accept names application/json.
func wantsJSON(accept []string) bool {
	for _, line := range accept {
		for _, element := range strings.Split(line, ",") {
			mediaType, _, _ := strings.Cut(element, ";")
			if strings.EqualFold(strings.TrimSpace(mediaType), "application/json") {
				return true
			}
		}
	}
	return false
}
