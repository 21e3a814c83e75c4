package guard

import (
	"net/http"
	"net/netip"
	"testing"
)

var trusted = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

// TestReq18_SpoofedForwardedFor: X-Forwarded-For is believed only from a trusted
// proxy, and only as far as trusted proxies wrote it (contracts/README.md §3.3).
func TestReq18_SpoofedForwardedFor(t *testing.T) {
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:4711", nil, "203.0.113.9"},
		{"203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9"}, // not from a proxy
		{"10.1.1.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.1.1.1:80", []string{"1.2.3.4, 198.51.100.1"}, "198.51.100.1"}, // the client wrote the left one
		{"10.1.1.1:80", []string{"1.2.3.4", "198.51.100.1"}, "198.51.100.1"},
		{"10.1.1.1:80", []string{"1.2.3.4, 198.51.100.1, 10.2.2.2"}, "198.51.100.1"},
		{"10.1.1.1:80", []string{"1.2.3.4, 198.51.100.1", "10.2.2.2,10.3.3.3"}, "198.51.100.1"},
		{"10.1.1.1:80", []string{"10.9.9.9, 10.2.2.2"}, "10.9.9.9"}, // all ours: the left-most
		{"10.1.1.1:80", []string{"1.2.3.4, unknown, 10.2.2.2"}, "10.2.2.2"},
		{"10.1.1.1:80", []string{"1.2.3.4, "}, "10.1.1.1"},
		{"10.1.1.1:80", []string{""}, "10.1.1.1"},
		{"10.1.1.1:80", []string{"198.51.100.1:5000"}, "198.51.100.1"},
		{"10.1.1.1:80", []string{"[2001:db8::1]:5000"}, "2001:db8::1"},
		{"[::ffff:10.1.1.1]:80", []string{"::ffff:198.51.100.1"}, "198.51.100.1"},
		{"[fd00::1%eth0]:80", []string{"2001:db8::1%evil"}, "2001:db8::1"},
		{"[2001:db8::9]:80", []string{"198.51.100.1"}, "2001:db8::9"},
		{"10.1.1.1:80", []string{"198.51.100.256"}, "10.1.1.1"},
		{"@", []string{"198.51.100.1"}, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := SourceIP(r, trusted).String(); got != c.want {
			t.Errorf("peer %s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
		if got := SourceIP(r, nil); len(c.forwarded) > 0 && got != parseHop(c.peer) {
			t.Errorf("peer %s, nothing trusted: %s", c.peer, got)
		}
	}
}

func TestEndUserIP(t *testing.T) {
	source := netip.MustParseAddr("203.0.113.9")
	for _, c := range []struct {
		callers Callers
		header  string
		want    string
	}{
		{CallersEndUsers, "", "203.0.113.9"},
		{CallersEndUsers, "198.51.100.1", "203.0.113.9"}, // an end user may not name another
		{CallersBackend, "", "invalid IP"},
		{CallersBackend, "198.51.100.1", "198.51.100.1"},
		{CallersBackend, "::ffff:198.51.100.1", "198.51.100.1"},
		{CallersBackend, "nonsense", "invalid IP"},
	} {
		h := http.Header{}
		if c.header != "" {
			h.Set("X-End-User-IP", c.header)
		}
		if got := c.callers.EndUserIP(h, source).String(); got != c.want {
			t.Errorf("%v, %q: %s, want %s", c.callers, c.header, got, c.want)
		}
	}
	for _, c := range []Callers{CallersBackend, CallersEndUsers} {
		if got, err := ParseCallers(c.String()); err != nil || got != c {
			t.Errorf("%v: %v, %v", c, got, err)
		}
	}
	if _, err := ParseCallers("users"); err == nil || err.Error() != `callers "users": want backend or end_users` {
		t.Error(err)
	}
}

// openKeys shows what a subject is made of.
type openKeys map[uint64]string

func (k openKeys) LimitMix(base uint64, kind uint8, scope uint32) uint64 {
	return base ^ uint64(kind)<<56 ^ uint64(scope)<<40
}

// A send touches the number's three buckets and the address's; the same send
// in another app or tenant touches others, except the installation's.
func TestSendBuckets(t *testing.T) {
	rules, keys := DefaultRules(), openKeys{}
	full := SendSubject{Keys: keys, Phone: 1, App: 2, Tenant: 3, IP: netip.MustParseAddr("198.51.100.7"), Content: ContentOf("text")}
	names := func(buckets []Bucket) (s string) {
		seen := map[uint64]bool{}
		for _, b := range buckets {
			s += b.Rule.Name + " "
			if seen[b.Subject] {
				t.Errorf("subject %x twice", b.Subject)
			}
			seen[b.Subject] = true
		}
		return s
	}
	for _, c := range []struct {
		change func(*SendSubject)
		want   string
	}{
		{func(*SendSubject) {}, "number_app number_tenant number_installation content ip_send ip_send "},
		{func(s *SendSubject) { s.Content = 0 }, "number_app number_tenant number_installation ip_send ip_send "},
		{func(s *SendSubject) { s.IP = netip.MustParseAddr("2001:db8::1") }, "number_app number_tenant number_installation content ip_send "},
		{func(s *SendSubject) { s.IP, s.Content = netip.Addr{}, 0 }, "number_app number_tenant number_installation "},
	} {
		s := full
		c.change(&s)
		if got := names(rules.SendBuckets(nil, s)); got != c.want {
			t.Errorf("%s, want %s", got, c.want)
		}
	}
	if len(NoLimits().SendBuckets(nil, full)) != 0 {
		t.Error("buckets without limits")
	}
	other := full
	other.App, other.Tenant = 20, 30
	a, b := rules.SendBuckets(nil, full), rules.SendBuckets(nil, other)
	for i := range a {
		if same, shared := a[i].Subject == b[i].Subject, a[i].Rule == rules.NumberInstallation; same != shared {
			t.Errorf("%s: same subject in another app and tenant: %v", a[i].Rule.Name, same)
		}
	}
	buckets := make([]Bucket, 0, 8)
	if n := testing.AllocsPerRun(100, func() { buckets = rules.SendBuckets(buckets[:0], full) }); n > 1 {
		t.Errorf("%v allocations", n)
	}
}
