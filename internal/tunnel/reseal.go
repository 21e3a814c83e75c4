package tunnel

import (
	"context"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Reseal seals the keys of peers under the newest field key: those of limit
// peers with device ids above after that are sealed under another one than
// newest. It returns the last of these ids and how many; 0 when there is none.
func (s *Service) Reseal(ctx context.Context, newest uint16, after int64, limit int) (last int64, n int, err error) {
	err = records.Update(store.Patient(ctx), s.store, func(q store.SQL) error {
		last, n = 0, 0
		rows, err := records.SealedOtherwise(ctx, q, records.SealedPeers, newest, after, limit)
		if err != nil {
			return err
		}
		for _, row := range rows {
			device := core.DeviceID(row.ID)
			private, err := s.resealed(privateField(device), row.First)
			if err != nil {
				return err
			}
			preshared, err := s.resealed(presharedField(device), row.Second)
			if err != nil {
				return err
			}
			if err := records.ResealPeer(ctx, q, row, private, preshared); err != nil {
				return err
			}
			last, n = row.ID, n+1
		}
		return nil
	})
	return last, n, err
}

// resealed is a key sealed anew; no value stays none.
func (s *Service) resealed(field string, sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, nil
	}
	key, err := s.sealer.Open(field, sealed)
	if err != nil {
		return nil, err
	}
	defer clear(key)
	return s.sealer.Seal(field, key)
}
