package store

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

// A key gives back what it was made of, and days sort before apps.
func TestSpendKey(t *testing.T) {
	const day = 20779 // 2026-11-22
	for _, c := range []struct {
		day     int
		app     core.AppID
		country string
	}{{day, 1, "CN"}, {day, 1, ""}, {day, 1<<32 - 1, "ZZ"}, {18262, 7, "AA"}, {18262 + 32767, 7, "US"}} {
		k := NewSpendKey(c.day, c.app, c.country)
		if k < 0 || k.Day() != c.day || k.App() != c.app || k.Country() != c.country {
			t.Errorf("%+v: %d gives %d, %d, %q", c, k, k.Day(), k.App(), k.Country())
		}
	}
	if NewSpendKey(day, 1<<32-1, "ZZ") >= NewSpendKey(day+1, 0, "") {
		t.Error("a day's rows are not below the next day's")
	}
}
