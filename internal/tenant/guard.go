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
// credits, by ISO 3166 region; "*" is all together. Written as
//
//	[{"country": "CN", "credits": 100000}, {"country": "*", "credits": 120000}]
type SpendCaps map[string]core.Credits

type spendCap struct {
	Country string        `json:"country"`
	Credits *core.Credits `json:"credits"`
}

// MarshalJSON writes the list, in the order of countries.
func (c SpendCaps) MarshalJSON() ([]byte, error) {
	list := make([]spendCap, 0, len(c))
	for _, country := range slices.Sorted(maps.Keys(c)) {
		credits := c[country]
		list = append(list, spendCap{country, &credits})
	}
	return json.Marshal(list)
}

// UnmarshalJSON reads the list, in place of what was there.
func (c *SpendCaps) UnmarshalJSON(b []byte) error {
	var list []spendCap
	if err := strictJSON(string(b), &list); err != nil {
		return err
	}
	*c = make(SpendCaps, len(list))
	for _, cap := range list {
		if cap.Credits == nil {
			return bad("spend_caps", "%q has no credits", cap.Country)
		}
		if _, twice := (*c)[cap.Country]; twice {
			return bad("spend_caps", "%q stands there twice", cap.Country)
		}
		(*c)[cap.Country] = *cap.Credits
	}
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
