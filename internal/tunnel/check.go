package tunnel

import "yanma.dev/yanma/internal/core"

// CheckSealed tells whether the sealed keys of a device's peer open; private is
// nil once it was forgotten. Its error names no key.
func CheckSealed(sealer Sealer, device core.DeviceID, private, preshared []byte) error {
	for _, f := range []struct {
		field  string
		sealed []byte
	}{{privateField(device), private}, {presharedField(device), preshared}} {
		if len(f.sealed) == 0 && f.field == privateField(device) {
			continue
		}
		key, err := sealer.Open(f.field, f.sealed)
		if err != nil {
			return err
		}
		clear(key)
	}
	return nil
}
