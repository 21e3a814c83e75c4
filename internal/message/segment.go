package message

import (
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
)

// SegmentCount is for how many segments a text to a number is charged, signature
// included (contracts/delivery.md §7). To CN every text travels as UCS-2: 70
// characters in one message, 67 in each of several.
func SegmentCount(to core.Phone, s string) int {
	return text.Count(s, ForceUCS2(to))
}

// ForceUCS2 tells whether texts to a number travel as UCS-2 whatever they
// contain: what is charged and what is sent agree.
func ForceUCS2(to core.Phone) bool { return strings.HasPrefix(to.E164(), "+86") }

// octetsUCS2 is the length of s on the air in UCS-2.
func octetsUCS2(s string) int { return 2 * text.UCS2.Units(s) }
