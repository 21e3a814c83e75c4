package billing

import (
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// AllCountries is the name of the cap on a day's spending to everywhere.
const AllCountries = "*"

// Caps are what an app may spend on messages in a day of its zone, in credits:
// by ISO 3166 country, and under AllCountries (requirement row 25). None at all
// cost nothing; one of 0 stops everything that has a price.
type Caps map[string]core.Credits

// Capped is one message that counts against its app's caps. Nil counts nothing.
// The rows of its country and of all countries are counted whichever has a cap,
// so that what is given back later is what was counted.
type Capped struct {
	of, all store.SpendKey
	caps    Caps
	country string
	ends    time.Time // of the day
}

// Of says which rows a message of an app counts in; nil when the app has no
// caps. Country is ISO 3166, "" for a number without one.
func (caps Caps) Of(app core.AppID, country string, zone *time.Location, now time.Time) *Capped {
	if len(caps) == 0 {
		return nil
	}
	year, month, date := now.In(zone).Date()
	day := DayOf(year, month, date)
	return &Capped{of: store.NewSpendKey(day, app, country), all: store.NewSpendKey(day, app, ""), caps: caps, country: country,
		ends: time.Date(year, month, date+1, 0, 0, 0, 0, zone)}
}

// DayOf is a date in days since 1970.
func DayOf(year int, month time.Month, date int) int {
	return int(time.Date(year, month, date, 0, 0, 0, 0, time.UTC).Unix() / (24 * 3600))
}

// Key is the row of the message's country; SpendOf finds both rows again.
func (c *Capped) Key() store.SpendKey { return c.of }

// Want names the rows.
func (c *Capped) Want(b *store.Batch) {
	if c != nil {
		WantSpend(b, c.of)
	}
}

// Check refuses with KindSpendCap, and the time to the day's end, what would go
// over a cap.
func (c *Capped) Check(b *store.Batch, amount core.Credits) error {
	if c == nil || amount == 0 {
		return nil
	}
	for _, row := range [...]struct {
		name string
		key  store.SpendKey
	}{{c.country, c.of}, {AllCountries, c.all}} {
		most, capped := c.caps[row.name]
		if spent, _ := b.Spends.Get(row.key); capped && amount > most-spent.Amount {
			return core.RetryIn(core.KindSpendCap, max(c.ends.Sub(b.Now.Time()), time.Second), "the day's cap for "+row.name)
		}
	}
	return nil
}

// Count adds what was reserved.
func (c *Capped) Count(b *store.Batch, amount core.Credits) {
	if c != nil {
		CountSpend(b, c.of, amount)
	}
}

// WantSpend names the rows of a message that counted in key and in its app's day.
func WantSpend(b *store.Batch, key store.SpendKey) {
	b.Spends.Want(key)
	b.Spends.Want(whole(key))
}

// whole is the row of all countries beside a country's; of a number without a
// country it is the same one.
func whole(key store.SpendKey) store.SpendKey { return store.NewSpendKey(key.Day(), key.App(), "") }

// CountSpend adds amount to both rows; a negative one is given back, of rows
// that are still there and not below zero.
func CountSpend(b *store.Batch, key store.SpendKey, amount core.Credits) {
	change(b, key, amount)
	if all := whole(key); all != key {
		change(b, all, amount)
	}
}

func change(b *store.Batch, key store.SpendKey, by core.Credits) {
	row, exists := b.Spends.Get(key)
	if by == 0 || !exists && by < 0 {
		return
	}
	b.Spends.Put(key, store.Spend{Key: key, Amount: max(0, row.Amount+by)})
}
