package rotation

import (
	"context"

	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// Status is the state of the keyring. It holds no key.
type Status struct {
	Generation uint64       `json:"generation"` // counts the changes of the keyring
	CodeKeys   int          `json:"code_keys"`
	FieldKeys  int          `json:"field_keys"`
	TokenKeys  int          `json:"token_keys"`
	Index      IndexStatus  `json:"index"`
	Reseal     ResealStatus `json:"reseal"`
}

// IndexStatus is how far a rotation of the blind index has come.
type IndexStatus struct {
	Phase     string      `json:"phase"`     // steady, dual, swapped (keyring.IndexPhase)
	Running   bool        `json:"running"`   // also while old values are cleared
	Remaining []Remaining `json:"remaining"` // rows to be filled, or to be cleared; none when it does not run
}

// Remaining is how many rows of a table a job has before it.
type Remaining struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// ResealStatus is the job that seals fields under the newest key.
type ResealStatus struct {
	Running bool  `json:"running"`
	Done    int64 `json:"done"` // rows, since the start of the server
}

// counts is what the audit keeps of the keyring.
type counts struct {
	Generation uint64 `json:"generation"`
	CodeKeys   int    `json:"code_keys"`
	FieldKeys  int    `json:"field_keys"`
	TokenKeys  int    `json:"token_keys"`
	Index      string `json:"index"`
}

func (s *Service) counts() counts {
	r := s.o.Ring
	return counts{Generation: r.Generation(), CodeKeys: len(r.CodeKeyIDs()), FieldKeys: len(r.FieldKeyIDs()), TokenKeys: len(r.TokenKeyIDs()),
		Index: r.IndexState().Phase.String()}
}

// Status reads the state. While the index is rotated it counts rows, which
// reads whole tables.
func (s *Service) Status(ctx context.Context) (Status, error) {
	n := s.counts()
	status := Status{Generation: n.Generation, CodeKeys: n.CodeKeys, FieldKeys: n.FieldKeys, TokenKeys: n.TokenKeys,
		Index: IndexStatus{Phase: n.Index, Running: s.index.Busy(), Remaining: []Remaining{}}, Reseal: s.fresh.state()}
	if !status.Index.Running {
		return status, nil
	}
	state := s.o.Ring.IndexState()
	side, count := records.Side(!state.ByB), records.CountIndexed // the old side, to be cleared
	if state.Phase == keyring.IndexDual {
		count = records.CountLackingIndex // the new side, to be filled
	}
	err := s.o.Database.View(ctx, func(q store.SQL) error {
		for _, table := range records.IndexedTables() {
			rows, err := count(ctx, q, table, side)
			if err != nil {
				return err
			}
			status.Index.Remaining = append(status.Index.Remaining, Remaining{Table: table.String(), Rows: rows})
		}
		return nil
	})
	return status, err
}
