package store

import "yanma.dev/yanma/internal/core"

// SpendKey names what an app spent on messages in one day: to one country, or
// to all of them. It packs the day, the app and the country, in this order, so
// that old rows are those below a key.
type SpendKey int64

// spendEpoch is the first day that a key can name, 2020-01-01, in days since
// 1970; the last one is 32,767 days later.
const spendEpoch = 18262

// NewSpendKey packs a key. The day is in days since 1970 in the app's zone; a
// country is two capital letters (ISO 3166), and "" is all of them.
func NewSpendKey(day int, app core.AppID, country string) SpendKey {
	packed := int64(day-spendEpoch) << 48
	packed |= (int64(app) & 0xffffffff) << 16
	if len(country) == 2 {
		packed |= int64(country[0])<<8 | int64(country[1])
	}
	return SpendKey(packed)
}

// Day is in days since 1970.
func (k SpendKey) Day() int { return int(k>>48) + spendEpoch }

// App is whose spending it is.
func (k SpendKey) App() core.AppID { return core.AppID(k >> 16 & 0xffffffff) }

// Country is two letters, or "" for all countries together.
func (k SpendKey) Country() string {
	if k&0xffff == 0 {
		return ""
	}
	return string([]byte{byte(k >> 8), byte(k)})
}

// Spend is what was spent of a cap: reserved or settled, and not given back.
// There are rows only for apps that have caps.
type Spend struct {
	Key    SpendKey
	Amount core.Credits
}
