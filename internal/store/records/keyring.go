package records

import (
	"context"
	"fmt"
	"strconv"

	"yanma.dev/yanma/internal/store"
)

// Settings that tie a database to its keyring.
const (
	SettingInstallation = "installation"
	SettingGeneration   = "keyring_generation"
)

// BoundKeyring reads which keyring the database belongs to, and how far that
// was rotated at least; "" and 0 before the first start.
func BoundKeyring(ctx context.Context, q store.SQL) (installation string, generation uint64, err error) {
	if installation, _, err = Setting(ctx, q, SettingInstallation); err != nil {
		return "", 0, err
	}
	text, _, err := Setting(ctx, q, SettingGeneration)
	if err != nil || text == "" {
		return installation, 0, err
	}
	if generation, err = strconv.ParseUint(text, 10, 64); err != nil {
		return "", 0, fmt.Errorf("the setting %s is no number", SettingGeneration)
	}
	return installation, generation, nil
}
