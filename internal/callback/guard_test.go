package callback

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store/records"
)

// internal are addresses that are never dialled (contracts/jsms.md §10).
var internal = []string{
	"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
	"169.254.169.254", "100.100.100.200", "168.63.129.16", "100.64.0.1", "100.127.255.255", "192.0.0.170", "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9",
	"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
	"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
	"2002:7f00:1::", "2001::1", "2001:db8::1", "100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:4860:4860::8888%eth0",
}

func TestInternalAddressesAreNeverDialled(t *testing.T) {
	for _, text := range internal {
		d := &dialled{}
		for name, g := range map[string]struct {
			host     string
			resolver Resolver
		}{"literal": {text, nil}, "name": {"example.com", &fixed{addresses: [][]netip.Addr{{netip.MustParseAddr(text)}}}}} {
			address := g.host + ":80"
			if strings.Contains(g.host, ":") {
				address = "[" + g.host + "]:80"
			}
			_, err := (&Guard{Resolver: g.resolver, Open: d.dial}).Dial(context.Background(), "tcp", address)
			if !errors.Is(err, ErrInternal) || len(d.all) != 0 {
				t.Errorf("%s as a %s: %v, dialled %v", text, name, err, d.all)
			}
		}
	}
	for _, text := range []string{"1.1.1.1", "223.5.5.5", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.169.0.1", "2001:4860:4860::8888", "2400:3200::1", "::ffff:1.1.1.1"} {
		d := &dialled{}
		_, _ = (&Guard{Open: d.dial}).Dial(context.Background(), "tcp", "["+text+"]:443")
		if len(d.all) != 1 {
			t.Errorf("%s may not be called", text)
		}
	}
}

// TestTheDialledAddressCounts: a name that leads to the public Internet when it
// is set, and inside when it is called; and one that has both.
func TestTheDialledAddressCounts(t *testing.T) {
	public, inside := netip.MustParseAddr("1.1.1.1"), netip.MustParseAddr("127.0.0.1")
	d := &dialled{}
	g := &Guard{Resolver: &fixed{addresses: [][]netip.Addr{{public}, {inside}}}, Open: d.dial}
	_, _ = g.Dial(context.Background(), "tcp", "example.com:80")
	if _, err := g.Dial(context.Background(), "tcp", "example.com:80"); !errors.Is(err, ErrInternal) {
		t.Errorf("the second connection: %v", err)
	}
	g.Resolver = &fixed{addresses: [][]netip.Addr{{inside, public}}}
	_, _ = g.Dial(context.Background(), "tcp", "example.com:80")
	if want := []string{"1.1.1.1:80", "1.1.1.1:80"}; strings.Join(d.all, " ") != strings.Join(want, " ") {
		t.Errorf("dialled %v, want %v", d.all, want)
	}
}

// strict is a service that may call nothing internal.
func (w *world) strict() *Service {
	s := w.service()
	o := s.o
	o.Allow = nil
	s, err := New(o)
	ok(w.t, err)
	w.t.Cleanup(s.Stop)
	return s
}

// TestNoInternalCallAtAll: the echostr check, the first call and the calls
// after it.
func TestNoInternalCallAtAll(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.strict()
	if err := s.CheckURL(ctx, c.URL); core.KindOf(err) != core.KindBadField || !strings.Contains(err.Error(), "internal address") {
		t.Errorf("echostr: %v", err)
	}
	id := w.receipt(1, 4001)
	for n := range len(ladder) + 1 {
		work(s)
		if r := w.row(id); r.Result != "internal address" || r.Attempts != int64(n+1) {
			t.Errorf("call %d: %+v", n+1, r)
		}
		w.advance(ladder[min(n, len(ladder)-1)])
	}
	if w.row(id).State != records.EventDead || len(c.got()) != 0 {
		t.Errorf("called: %+v", c.got())
	}
}

// TestEchostr: GET <url>?echostr=<8 random alphanumerics>, and the body must be
// exactly that text (contracts/jsms.md §10).
func TestEchostr(t *testing.T) {
	w := newWorld(t, openSQLite(t))
	c, s := w.customer(1), w.service()
	var queries []string
	echo := func(before, after string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			queries = append(queries, r.Method+" "+r.URL.RequestURI())
			w.WriteHeader(status)
			_, _ = w.Write([]byte(before + r.URL.Query().Get("echostr") + after))
		}
	}
	c.says(echo("", "", 200))
	ok(t, s.CheckURL(ctx, c.URL+"/hook"))
	ok(t, s.CheckURL(ctx, c.URL+"/hook?app=1"))
	for i, begin := range []string{"GET /hook?echostr=", "GET /hook?app=1&echostr="} {
		text, found := strings.CutPrefix(queries[i], begin)
		if !found || len(text) != 8 || strings.Trim(text, alphanumerics) != "" {
			t.Errorf("asked %q", queries[i])
		}
	}
	if queries[0][len(queries[0])-8:] == queries[1][len(queries[1])-8:] {
		t.Error("the same text twice")
	}
	for name, h := range map[string]http.HandlerFunc{"a newline": echo("", "\n", 200), "a quote": echo(`"`, `"`, 200), "404": echo("", "", 404),
		"nothing": status(200), "redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/x?"+r.URL.RawQuery, http.StatusFound)
		}} {
		c.says(h)
		if err := s.CheckURL(ctx, c.URL); core.KindOf(err) != core.KindBadField {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "ftp://example.com", "example.com/x", "http://", "http://user:pw@example.com/", "http://example.com/#x", "http:example.com",
		"http://" + strings.Repeat("a", 500), "http://127.0.0.1:1/refused", "http://[::1]:80/x"} {
		if err := s.CheckURL(ctx, bad); core.KindOf(err) != core.KindBadField {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
