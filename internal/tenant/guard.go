package tenant

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/nyaruka/phonenumbers"

	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
)

// GuardMode is what the fraud guard does for an app (docs/fraud.md).
type GuardMode string

// The modes.
const (
	GuardDefault GuardMode = ""        // the installation's
	GuardOff     GuardMode = "off"     // asked nothing, told nothing
	GuardRecord  GuardMode = "record"  // judges, counts and notes what it would have done; everything passes
	GuardEnforce GuardMode = "enforce" // what it says is done
)

func (m GuardMode) check() error {
	switch m {
	case GuardDefault, GuardOff, GuardRecord, GuardEnforce:
		return nil
	}
	return bad("guard", "%q is none of off, record, enforce", string(m))
}

// SpendCaps are what an app may spend on messages in a day of its time zone, in
// credits: {"CN": 100000, "*": 120000}; "*" is all countries together.
type SpendCaps map[string]core.Credits

// UnmarshalJSON replaces what was there, as a patch does with the whole map.
func (c *SpendCaps) UnmarshalJSON(b []byte) error {
	fresh := map[string]core.Credits{}
	if err := json.Unmarshal(b, &fresh); err != nil {
		return err
	}
	*c = fresh
	return nil
}

func (c SpendCaps) check() error {
	known := phonenumbers.GetSupportedRegions()
	for _, country := range slices.Sorted(maps.Keys(c)) {
		if country != billing.AllCountries && !known[country] {
			return bad("spend_caps", "%q is neither * nor an ISO 3166 region with telephone numbers", country)
		}
		if err := between("spend_caps", int64(c[country]), 0, 1<<53); err != nil {
			return err
		}
	}
	return nil
}
