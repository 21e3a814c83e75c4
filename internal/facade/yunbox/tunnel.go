package yunbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/internal/tunnel"
)

// Tunnels gives the configuration of a user's device. Errors: KindNotFound for
// a device that is unknown, deleted or somebody else's,
// KindProvisioningRefused where there are records only.
type Tunnels interface {
	Config(ctx context.Context, app *tenant.App, user account.User, device string) (tunnel.ClientConfig, error)
}

// tunnel gives a device's configuration (contracts/yunbox.md §8).
func (d *dialect) tunnel(ctx context.Context, x *facade.Exchange) error {
	uid, device := x.Param("uid"), x.Param("device")
	if err := d.checkID(uid, uidPrefix, nil); err != nil {
		return err
	}
	if err := d.checkID(device, devicePrefix, nil); err != nil {
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
	user, err := d.Users.Resolve(ctx, uid, app.ID, app.ImportedUsers)
	if err != nil {
		return err
	}
	config, err := d.Tunnels.Config(ctx, app, user, device)
	if err != nil {
		return err
	}
	if wantsJSON(x.Request.Header["Accept"]) {
		return appendTunnelJSON(x, device, config)
	}
	x.ContentType = facade.ContentTypeText
	x.Out = append(x.Out, config.WGQuick()...)
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

// appendTunnelJSON writes the JSON form; it is rare, so reflection may help.
func appendTunnelJSON(x *facade.Exchange, device string, config tunnel.ClientConfig) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	err := enc.Encode(struct {
		Status   string `json:"status"`
		DeviceID string `json:"device_id"`
		Type     string `json:"type"`
		tunnel.ClientConfig
	}{"ok", device, "wireguard", config})
	if err != nil {
		return fmt.Errorf("write a tunnel configuration: %w", err)
	}
	x.Out = append(x.Out, bytes.TrimRight(text.Bytes(), "\n")...)
	return nil
}
