package sip

import "strings"

// longestInfo is the longest body of an INFO that is read.
const longestInfo = 256

// keyOf reads the key out of an INFO: application/dtmf-relay has a line
// "Signal=5", application/dtmf the key alone. false when there is none.
func keyOf(mediaType string, body []byte) (byte, bool) {
	if len(body) > longestInfo {
		return 0, false
	}
	kind, _, _ := strings.Cut(strings.ToLower(mediaType), ";")
	switch strings.TrimSpace(kind) {
	case "application/dtmf":
		return asKey(string(body))
	case "application/dtmf-relay":
		for line := range strings.Lines(string(body)) {
			name, value, found := strings.Cut(line, "=")
			if found && strings.EqualFold(strings.TrimSpace(name), "signal") {
				return asKey(value)
			}
		}
	}
	return 0, false
}

func asKey(s string) (byte, bool) {
	s = strings.ToUpper(strings.TrimSpace(s))
	switch {
	case s == "10":
		return '*', true // some gateways send the event's number
	case s == "11":
		return '#', true
	case len(s) == 1 && strings.Contains("0123456789*#ABCD", s):
		return s[0], true
	}
	return 0, false
}
