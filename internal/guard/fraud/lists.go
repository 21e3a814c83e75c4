package fraud

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Lists are who is always allowed: such a request is neither judged nor
// counted. Lists are not changed after they were given to an Engine.
type Lists struct {
	Numbers  map[uint64]struct{} // keyed bits (Subject.Number), never numbers
	Prefixes []string            // leading digits with the calling code, such as 8613800; at most as long as PrefixOf's
	Networks []netip.Prefix
	Apps     []core.AppID
}

// Has tells whether a request is on a list.
func (l *Lists) Has(s *Subject) bool {
	if l == nil {
		return false
	}
	if _, listed := l.Numbers[s.Number]; listed && s.Number != 0 {
		return true
	}
	if slices.Contains(l.Apps, s.App) {
		return true
	}
	if s.IP.IsValid() {
		ip := s.IP.Unmap()
		for _, network := range l.Networks {
			if network.Contains(ip) {
				return true
			}
		}
	}
	if len(l.Prefixes) == 0 || s.Prefix == 0 {
		return false
	}
	var room [20]byte
	digits := string(strconv.AppendUint(room[:0], s.Prefix, 10))
	for _, p := range l.Prefixes {
		if p != "" && strings.HasPrefix(digits, p) {
			return true
		}
	}
	return false
}
