package memory

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/guard"
)

// TestReq18_AddressLimits: 50 sends a minute and 500 an hour from an address
// pass unasked, then a challenge is asked for, and over ten times that it is
// refused; hopping within an IPv6 /64 or an IPv4 /24 changes nothing.
func TestReq18_AddressLimits(t *testing.T) {
	rules := guard.DefaultRules()
	for name, address := range map[string]func(i int) string{
		"one address": func(int) string { return "198.51.100.7" },
		"/24":         func(i int) string { return fmt.Sprintf("198.51.100.%d", i%256) },
		"mapped":      func(i int) string { return fmt.Sprintf("::ffff:198.51.100.%d", i%256) },
		"/64":         func(i int) string { return fmt.Sprintf("2001:db8:0:1:%x::%x", i, i*7) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLimiter()
			take := func(i int, now time.Time) (guard.Taken, error) {
				return l.Take(ctx, now, rules.IPSend.ForIP(nil, plainKeys{}, netip.MustParseAddr(address(i)), 1))
			}
			for i := range 500 {
				taken, err := take(i, start)
				if err != nil || taken.Challenge != (i >= 50) {
					t.Fatalf("send %d: challenge %v, %v", i+1, taken.Challenge, err)
				}
			}
			_, err := take(500, start)
			if e := core.AsError(err); err == nil || e.Detail != "ip_send" || e.RetryAfter != time.Minute {
				t.Fatalf("send 501: %v, RetryAfter %v", err, e.RetryAfter)
			}
			if taken, err := take(501, start.Add(time.Minute)); err != nil || !taken.Challenge {
				t.Fatalf("a minute later: challenge %v, %v; 500 in the hour ask for one", taken.Challenge, err)
			}
			other := rules.IPSend.ForIP(nil, plainKeys{}, netip.MustParseAddr("2001:db8:0:2::1"), 1)
			if taken, err := l.Take(ctx, start, other); err != nil || taken.Challenge {
				t.Fatalf("another network: challenge %v, %v", taken.Challenge, err)
			}
		})
	}
}

// TestReq18_FailedChecks: 150 failed checks an hour, the 151st is refused.
func TestReq18_FailedChecks(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	buckets := rules.IPCheckFailed.ForIP(nil, plainKeys{}, netip.MustParseAddr("198.51.100.7"), 1)
	for i := range 150 {
		if _, err := l.Take(ctx, start.Add(time.Duration(i)*time.Second), buckets); err != nil {
			t.Fatalf("failure %d: %v", i+1, err)
		}
	}
	if e := mustRefuse(t, l, start.Add(150*time.Second), buckets); e.RetryAfter != time.Hour-150*time.Second {
		t.Fatalf("RetryAfter %v", e.RetryAfter)
	}
}

// TestInstallationNeverSilences: over 100 sends a day to one number the
// operator is alerted and a challenge asked for; nothing is refused
// (contracts/README.md §6).
func TestInstallationNeverSilences(t *testing.T) {
	l, rules := newLimiter(), guard.DefaultRules()
	bucket := rules.NumberInstallation.For(nil, plainKeys{}, 1, 0)
	for i := range 1000 {
		taken, err := l.Take(ctx, start.Add(time.Duration(i)*time.Second), bucket)
		alerted := len(taken.Alerts) == 1 && taken.Alerts[0] == "number_installation" && taken.Challenge
		if err != nil || alerted != (i >= 100) {
			t.Fatalf("send %d: alerts %v, challenge %v, %v", i+1, taken.Alerts, taken.Challenge, err)
		}
	}
}
