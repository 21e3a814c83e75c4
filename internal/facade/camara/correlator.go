package camara

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// correlatorHeader is x-correlator in canonical form.
const correlatorHeader = "X-Correlator"

// longestCorrelator is contracts/camara.md §1.
const longestCorrelator = 256

// correlate answers with the caller's x-correlator, or with one that is made.
// KindBadField for one that does not match its pattern.
func (d *dialect) correlate(x *facade.Exchange) error {
	given := x.Request.Header[correlatorHeader]
	if len(given) == 1 && given[0] != "" && isCorrelator(given[0]) {
		x.SetHeader(correlatorHeader, given[0])
		return nil
	}
	fresh, err := core.NewUUID(d.Random)
	if err != nil {
		return err
	}
	x.SetHeader(correlatorHeader, fresh)
	if len(given) > 1 || len(given) == 1 && given[0] != "" {
		return core.Field(core.KindBadField, "x-correlator")
	}
	return nil
}

// isCorrelator is ^[a-zA-Z0-9-_:;.\/<>{}]{0,256}$.
func isCorrelator(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '-', c == '_', c == ':', c == ';', c == '.', c == '/', c == '<', c == '>', c == '{', c == '}':
		default:
			return false
		}
	}
	return len(s) <= longestCorrelator
}
