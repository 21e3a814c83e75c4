package cli

import (
	"strings"
	"testing"
)

// testGuard sets the fraud guard of a running server, and reads it.
func testGuard(t *testing.T, l *live) {
	l.golden(t, ""+
		"mode:              enforce (the configuration's)\n"+
		"allowed numbers:   0\n"+
		"allowed prefixes:  –\n"+
		"allowed networks:  –\n"+
		"allowed apps:      –\n", "guard", "show")
	l.run(t, "guard", "allow", "--number", "13800138000", "--prefix", "8613900", "--prefix", "852", "--network", "192.0.2.0/24", "--app", "2")
	l.run(t, "guard", "allow", "--remove", "--prefix", "852", "--number", "13900139000")
	l.golden(t, ""+
		"mode:              record\n"+
		"allowed numbers:   1\n"+
		"allowed prefixes:  8613900\n"+
		"allowed networks:  192.0.2.0/24\n"+
		"allowed apps:      2\n", "guard", "policy", "record")
	l.run(t, "guard", "policy", "default")
	l.golden(t, ""+
		"mode:              enforce (the configuration's)\n"+
		"allowed numbers:   0\n"+
		"allowed prefixes:  –\n"+
		"allowed networks:  –\n"+
		"allowed apps:      –\n", "guard", "allow", "--remove", "--number", "+8613800138000", "--prefix", "8613900", "--network", "192.0.2.0/24", "--app", "2")
	for _, args := range [][]string{{"guard", "decisions"}, {"guard", "levels"}} {
		if got := l.run(t, args...); got.code != 0 || !strings.Contains(got.out, "ENTERED") && !strings.Contains(got.out, "OUTCOME") {
			t.Errorf("%v: exit %d: %s%s", args, got.code, got.out, got.err)
		}
	}
	l.golden(t, "App 2 has no caps: yanma app set 2 --spend-cap CN=10000.\n", "guard", "spending", "2")
	if got := l.run(t, "app", "set", "2", "--spend-cap", "CN=100", "--spend-cap", "*=120", "--guard", "record"); got.code != 0 ||
		!strings.Contains(got.out, "caps:                * 120, CN 100 credits a day\n") || !strings.Contains(got.out, "fraud guard:         record\n") {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
	if got := l.run(t, "guard", "spending", "2"); got.code != 0 || !strings.Contains(got.out, "CN       0      100\n") {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
	if got := l.run(t, "app", "set", "2", "--spend-cap", "none", "--guard", ""); got.code != 0 || strings.Contains(got.out, "caps:") || strings.Contains(got.out, "fraud guard:") {
		t.Errorf("exit %d: %s%s", got.code, got.out, got.err)
	}
}
