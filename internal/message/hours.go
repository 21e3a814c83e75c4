package message

import (
	"time"
	_ "time/tzdata" // zones of machines that have none
)

// Marketing goes out from 08:00 to 21:00 (contracts/delivery.md §7).
const (
	firstHour = 8
	lastHour  = 21
)

// China is the zone of marketing hours and of schedules unless an app has
// another (contracts/jsms.md §7, §14): UTC+8 without summer time.
func China() *time.Location { return time.FixedZone(DefaultZone, 8*60*60) }

// DefaultZone is the name of China's zone.
const DefaultZone = "Asia/Shanghai"

// Zone is a zone by its name; KindBadField zone when there is none.
func Zone(name string) (*time.Location, error) {
	if name == DefaultZone {
		return China(), nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil, bad("zone", "want a name such as Asia/Shanghai")
	}
	return zone, nil
}

// MarketingWait is how long marketing has to wait at an instant: 0 from 08:00 on,
// until the moment of 21:00; else the time to the next 08:00 in the zone.
func MarketingWait(now time.Time, zone *time.Location) time.Duration {
	local := now.In(zone)
	if hour := local.Hour(); hour >= firstHour && hour < lastHour {
		return 0
	}
	day := local.Day()
	if local.Hour() >= lastHour {
		day++
	}
	return time.Date(local.Year(), local.Month(), day, firstHour, 0, 0, 0, zone).Sub(now)
}

// MarketingLeft is how long marketing may go out from an instant on; 0 outside of
// its hours.
func MarketingLeft(now time.Time, zone *time.Location) time.Duration {
	local := now.In(zone)
	if MarketingWait(now, zone) > 0 {
		return 0
	}
	return time.Date(local.Year(), local.Month(), local.Day(), lastHour, 0, 0, 0, zone).Sub(now)
}
