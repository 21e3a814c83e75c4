//go:build interop

package sip

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/provider/sip"
	"yanma.dev/yanma/internal/provider/sip/listen"
	"yanma.dev/yanma/internal/provider/sip/rtp"
	"yanma.dev/yanma/internal/provider/sip/speech"
)

func heard(t *testing.T, r listen.Recording) []listen.Heard {
	t.Helper()
	book, err := speech.Open()
	if err != nil {
		t.Fatal(err)
	}
	return listen.New(book).Digits(r.Samples())
}

// TestReq35_SippHearsTheCode: sipp answers; the digits are recognised in the
// RTP, in order, in each language, codec and transport.
func TestReq35_SippHearsTheCode(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for _, c := range []struct {
		language        core.Language
		payload, code   string
		transport, want string
	}{
		{core.Chinese, "8", "042917", "udp", "042917042917"},
		{core.English, "0", "835641", "udp", "835641835641"},
		{core.Both, "8", "9076", "tcp", "9076907690769076"},
	} {
		g.run(c.language.String()+" "+c.transport, func(t *testing.T) {
			other := call(t, "answered", c.transport, c.payload, 0)
			client, receipts := caller(t, other.address, func(sc *sip.Config) { sc.Transport = c.transport })
			o := say(t, client, c.code, c.language)
			if o.Class != provider.Accepted || len(o.PartIDs) != 1 {
				t.Fatalf("%+v", o)
			}
			if r := receipts.receipt(t); r.JSMS != 4001 || r.PartID != o.PartIDs[0] || r.State != provider.StateDelivered {
				t.Errorf("%+v", r)
			}
			got := heard(t, other.done(t))
			if listen.Text(got) != c.want || listen.Code(got) != c.code {
				t.Errorf("heard %s", listen.Text(got))
			}
		})
	}
	g.all.Wait()
}

// TestReq35_SippRefuses: what sipp answers becomes the jsms status of
// contracts/delivery.md §8.
func TestReq35_SippRefuses(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for status, jsms := range map[int]int{486: 4008, 480: 4007, 404: 4009, 503: 4009} {
		g.run(strconv.Itoa(status), func(t *testing.T) {
			other := call(t, "refused", "udp", "", status)
			client, receipts := caller(t, other.address, nil)
			if o := say(t, client, "042917", core.Chinese); o.Class != provider.Accepted {
				t.Errorf("%+v", o)
			}
			if r := receipts.receipt(t); r.JSMS != jsms || r.State != provider.StateUndelivered {
				t.Errorf("%+v, want %d", r, jsms)
			}
			other.done(t)
		})
	}
	g.all.Wait()
}

// TestReq35_SippRingsOut: nobody answers; sipp gets its CANCEL, and 4007 is told.
func TestReq35_SippRingsOut(t *testing.T) {
	t.Parallel()
	other := call(t, "ringsout", "udp", "8", 0)
	client, receipts := caller(t, other.address, func(c *sip.Config) { c.Ring = 3 * time.Second })
	if o := say(t, client, "042917", core.Chinese); o.Class != provider.Accepted {
		t.Errorf("%+v", o)
	}
	if r := receipts.receipt(t); r.JSMS != 4007 {
		t.Errorf("%+v", r)
	}
	other.done(t)
}

// TestSippHangsUp: sipp's BYE is honoured; what was answered was answered.
func TestSippHangsUp(t *testing.T) {
	t.Parallel()
	other := call(t, "hangsup", "udp", "8", 0)
	client, receipts := caller(t, other.address, nil)
	say(t, client, "04291704", core.Both)
	if r := receipts.receipt(t); r.JSMS != 4001 {
		t.Errorf("%+v", r)
	}
	recording := other.done(t)
	await(t, "the call has ended", func() bool { return client.Health().Window == 0 })
	if text := listen.Text(heard(t, recording)); len(text) > 24 {
		t.Errorf("it went on to speak: %s", text)
	}
}

// TestSippPressesAKey: by INFO from sipp, or by a telephone event in RTP: the
// code is said a third time.
func TestSippPressesAKey(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for scenario, payload := range map[string][]byte{"info": nil, "answered": rtp.Event{Key: '1', Volume: 10, Duration: 160}.Append(nil)} {
		g.run(scenario, func(t *testing.T) {
			other := call(t, scenario, "udp", "8", 0)
			other.press = payload
			client, _ := caller(t, other.address, nil)
			say(t, client, "0429", core.Chinese)
			if text := listen.Text(heard(t, other.done(t))); text != strings.Repeat("0429", 3) {
				t.Errorf("heard %s", text)
			}
		})
	}
	g.all.Wait()
}

// TestSippChecksTheDigest: sipp verifies the answer to its challenge.
func TestSippChecksTheDigest(t *testing.T) {
	t.Parallel()
	g := together{t: t}
	for password, class := range map[string]provider.Class{"secret of the trunk": provider.Accepted, "another one": provider.Rejected} {
		g.run(class.String(), func(t *testing.T) {
			other := call(t, "digest", "udp", "8", 0)
			client, _ := caller(t, other.address, func(c *sip.Config) { c.Password = core.NewSecret(password) })
			if o := say(t, client, "0429", core.Chinese); o.Class != class {
				t.Errorf("%+v", o)
			}
			other.done(t)
		})
	}
	g.all.Wait()
}
