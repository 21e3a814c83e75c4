package receipt

import (
	"strings"
	"time"
)

// Text is a receipt text of contracts/delivery.md §2.3, as far as it goes.
type Text struct {
	ID     string    // the message id, as the SMSC spells it here
	Stat   string    // DELIVRD, UNDELIV, … or a carrier's own code
	Err    string    // the SMSC's error code
	Submit time.Time // zero when missing or unreadable
	Done   time.Time // zero when missing or unreadable
}

// ParseText reads "id:… sub:… dlvrd:… submit date:… done date:… stat:… err:…
// text:…": keys in any case and order, parts may be missing, dates have 10 or
// 12 digits and are in zone. What follows text: is the message itself and is
// not looked at, unless the id has not come by then. ok is false when there is
// neither an id nor a state.
func ParseText(s string, zone *time.Location) (t Text, ok bool) {
	for {
		key, value, rest, found := nextField(s)
		if !found {
			break
		}
		switch key {
		case keyID:
			t.ID = value
		case keyStat:
			t.Stat = value
		case keyErr:
			t.Err = value
		case keySubmit:
			t.Submit = ParseDate(value, zone)
		case keyDone:
			t.Done = ParseDate(value, zone)
		case keyText:
			if t.ID != "" && t.Stat != "" {
				return t, true
			}
		case keyOther:
		}
		s = rest
	}
	return t, t.ID != "" || t.Stat != ""
}

type fieldKey uint8

const (
	keyOther fieldKey = iota
	keyID
	keyStat
	keyErr
	keySubmit
	keyDone
	keyText
)

// nextField finds the next "key:value". The value ends at a blank; a key may
// itself contain one ("submit date", "done date").
func nextField(s string) (key fieldKey, value, rest string, found bool) {
	colon := strings.IndexByte(s, ':')
	if colon < 0 {
		return keyOther, "", "", false
	}
	key = keyNamed(s[:colon])
	rest = s[colon+1:]
	if key == keyText {
		return key, "", rest, true
	}
	if word := strings.TrimLeft(rest, " "); len(word) < len(rest) {
		if beginsWithKey(word) {
			return key, "", rest, true
		}
		rest = word
	}
	end := strings.IndexAny(rest, blanks)
	if end < 0 {
		end = len(rest)
	}
	return key, rest[:end], rest[end:], true
}

const blanks = " \t\r\n"

// beginsWithKey tells an empty value ("err: text:…") from one after a blank
// ("id: 12").
func beginsWithKey(s string) bool {
	colon := strings.IndexByte(s, ':')
	if colon < 0 {
		return false
	}
	words := 1
	key := keyNamed(s[:colon])
	if key == keySubmit || key == keyDone {
		words = 2
	}
	return key != keyOther && len(strings.Fields(s[:colon])) == words
}

// keyNamed is the key that a stretch of text before a colon ends with.
func keyNamed(before string) fieldKey {
	before = strings.TrimRight(before, " ")
	at := strings.LastIndexAny(before, blanks)
	word := before[at+1:]
	switch {
	case strings.EqualFold(word, "id"):
		return keyID
	case strings.EqualFold(word, "stat"):
		return keyStat
	case strings.EqualFold(word, "err"):
		return keyErr
	case strings.EqualFold(word, "text"):
		return keyText
	case strings.EqualFold(word, "date") && at >= 0:
		return dateKey(before[:at])
	}
	return keyOther
}

func dateKey(before string) fieldKey {
	before = strings.TrimRight(before, " ")
	switch word := before[strings.LastIndexAny(before, blanks)+1:]; {
	case strings.EqualFold(word, "submit"):
		return keySubmit
	case strings.EqualFold(word, "done"):
		return keyDone
	}
	return keyOther
}

// ParseDate reads YYMMDDhhmm or YYMMDDhhmmss, as receipts of SMPP and CMPP have
// it. It is zero for anything else.
func ParseDate(s string, zone *time.Location) time.Time {
	var unit [6]int
	if len(s) != 10 && len(s) != 12 {
		return time.Time{}
	}
	for i := 0; i < len(s); i += 2 {
		if !allDigits(s[i : i+2]) {
			return time.Time{}
		}
		unit[i/2] = int(s[i]-'0')*10 + int(s[i+1]-'0')
	}
	year, month, day := 2000+unit[0], time.Month(unit[1]), unit[2]
	t := time.Date(year, month, day, unit[3], unit[4], unit[5], 0, zone)
	if t.Month() != month || t.Day() != day || unit[3] > 23 || unit[4] > 59 || unit[5] > 59 {
		return time.Time{}
	}
	return t
}
