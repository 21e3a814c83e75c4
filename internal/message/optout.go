package message

import "strings"

// IsOptOut tells whether a subscriber's text opts out of marketing: T, TD, R, N or
// 退订, whatever its case, without what stands around it (contracts/delivery.md §7).
func IsOptOut(text string) bool {
	switch strings.ToUpper(strings.TrimSpace(text)) {
	case "T", "TD", "R", "N", "退订":
		return true
	default:
		return false
	}
}
