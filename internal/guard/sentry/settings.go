package sentry

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// Settings are what an operator sets, one row for all nodes. They hold no
// number: one that is always allowed is 16 hex digits that only the keyring
// makes of it.
type Settings struct {
	Mode     tenant.GuardMode `json:"mode,omitempty"`
	Numbers  []string         `json:"numbers,omitempty"`
	Prefixes []string         `json:"prefixes,omitempty"` // leading digits with the calling code, such as 8613800
	Networks []string         `json:"networks,omitempty"` // CIDR
	Apps     []core.AppID     `json:"apps,omitempty"`
}

// mostListed bounds each list.
const mostListed = 10_000

// Key is how a number stands in Settings; base is keyring's PhoneBase.
func Key(base uint64) string { return fmt.Sprintf("%016x", base) }

// Check reports the first entry that is not taken: KindBadField.
func (s *Settings) Check() error {
	if s.Mode != tenant.GuardDefault && s.Mode != tenant.GuardOff && s.Mode != tenant.GuardRecord && s.Mode != tenant.GuardEnforce {
		return bad("mode", "want off, record or enforce")
	}
	if max(len(s.Numbers), len(s.Prefixes), len(s.Networks), len(s.Apps)) > mostListed {
		return bad("lists", "more than %d entries", mostListed)
	}
	for _, key := range s.Numbers {
		if raw, err := hex.DecodeString(key); err != nil || len(raw) != 8 {
			return bad("numbers", "an entry is no key of a number")
		}
	}
	for _, p := range s.Prefixes {
		if p == "" || len(p) > 7 || p[0] == '0' || strings.Trim(p, "0123456789") != "" {
			return bad("prefixes", "%q: want 1 to 7 digits that begin with a calling code", p)
		}
	}
	for _, n := range s.Networks {
		if _, err := netip.ParsePrefix(n); err != nil {
			return bad("networks", "%q is no network such as 192.0.2.0/24", n)
		}
	}
	return nil
}

func bad(field, format string, args ...any) error {
	return &core.Error{Kind: core.KindBadField, Field: field, Detail: fmt.Sprintf(format, args...)}
}

// lists is the settings as the engine looks things up.
func (s *Settings) lists() fraud.Lists {
	l := fraud.Lists{Prefixes: s.Prefixes, Apps: s.Apps}
	for _, key := range s.Numbers {
		if base, err := strconv.ParseUint(key, 16, 64); err == nil {
			if l.Numbers == nil {
				l.Numbers = make(map[uint64]struct{}, len(s.Numbers))
			}
			l.Numbers[base] = struct{}{}
		}
	}
	for _, n := range s.Networks {
		if p, err := netip.ParsePrefix(n); err == nil {
			l.Networks = append(l.Networks, p.Masked())
		}
	}
	return l
}

// Load reads the settings.
func Load(ctx context.Context, q store.SQL) (Settings, error) {
	text, found, err := records.Setting(ctx, q, records.SettingGuard)
	if err != nil || !found {
		return Settings{}, err
	}
	var s Settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return Settings{}, fmt.Errorf("settings of the fraud guard: %w", err)
	}
	return s, nil
}

// Save writes the settings, sorted and each entry once, in a transaction that
// changes the configuration (tenant.Admin.Change).
func Save(ctx context.Context, q store.SQL, s Settings) error {
	if err := s.Check(); err != nil {
		return err
	}
	for _, list := range []*[]string{&s.Numbers, &s.Prefixes, &s.Networks} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	slices.Sort(s.Apps)
	s.Apps = slices.Compact(s.Apps)
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return records.PutSetting(ctx, q, records.SettingGuard, string(text))
}

// Read is for tenant.Directory's Beside: the settings come with the
// configuration that every node follows.
func (g *Guard) Read(ctx context.Context, q store.SQL) (publish func(), err error) {
	s, err := Load(ctx, q)
	if err != nil {
		return nil, err
	}
	return func() {
		g.given.Store(&s)
		g.o.Engine.SetLists(s.lists())
	}, nil
}

// Settings are those in force.
func (g *Guard) Settings() Settings { return *g.given.Load() }

// Configured is the configuration's mode.
func (g *Guard) Configured() tenant.GuardMode { return g.o.Mode }
