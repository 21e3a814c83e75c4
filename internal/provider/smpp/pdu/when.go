package pdu

import (
	"fmt"
	"time"
)

// maxRelative keeps a relative time within days of two digits and clear of
// months, whose length nobody agrees on.
const maxRelative = 30 * 24 * time.Hour

// RelativeTime is d as an SMPP relative time, YYMMDDhhmmsstnnR:
// 000000000500000R is five minutes (contracts/delivery.md §2.1). It is rounded
// up to whole seconds and capped at 30 days; zero or less is the empty string,
// which leaves the period to the SMSC.
func RelativeTime(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	s := int64((min(d, maxRelative) + time.Second - 1) / time.Second)
	b := []byte("000000000000000R")
	two := func(at int, v int64) { b[at], b[at+1] = byte('0'+v/10), byte('0'+v%10) }
	two(4, s/86400)
	two(6, s/3600%24)
	two(8, s/60%60)
	two(10, s%60)
	return string(b)
}

// ParseRelativeTime reads what RelativeTime writes, years as 365 and months as
// 30 days. It fails with ErrBody.
func ParseRelativeTime(s string) (time.Duration, error) {
	if len(s) != timeLen || s[timeLen-1] != 'R' {
		return 0, fmt.Errorf("%w: not a relative time", ErrBody)
	}
	var unit [6]int64
	for i := range unit {
		hi, lo := s[2*i]-'0', s[2*i+1]-'0'
		if hi > 9 || lo > 9 {
			return 0, fmt.Errorf("%w: not a relative time", ErrBody)
		}
		unit[i] = int64(hi)*10 + int64(lo)
	}
	days := unit[0]*365 + unit[1]*30 + unit[2]
	seconds := ((days*24+unit[3])*60+unit[4])*60 + unit[5]
	return time.Duration(seconds) * time.Second, nil
}
