//go:build interop

package browser

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/operator/client"
	"yanma.dev/yanma/internal/tenant"
	"yanma.dev/yanma/test/process"
)

// carriers are two of them as a phone and our server meet them: Mobile's gateway
// answers the phone with its proof, Telecom's with something of its own that
// only its partners read.
type carriers struct {
	*httptest.Server
	mu    sync.Mutex
	sim   string       // whose SIM is in the phone: mobile, telecom, none
	seen  []string     // what the phone sent
	asked []url.Values // what our server asked
}

const (
	mobileProof  = "STsid0000001700000000ABCDEFGHIJKLMNOP"
	telecomProof = "nm0123456789abcdef0123456789abcdef"
)

func newCarriers(t *testing.T) *carriers {
	n := &carriers{}
	n.Server = httptest.NewServer(n)
	t.Cleanup(n.Close)
	return n
}

func (n *carriers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	_ = r.ParseForm()
	w.Header().Set("Access-Control-Allow-Origin", "*")
	says := ""
	switch r.URL.Path {
	case "/mobile":
		n.seen = append(n.seen, fmt.Sprintf("%s %s cookies %d", r.Method, r.URL.RawQuery, len(r.Cookies())))
		if says = `{"resultCode":"103111","resultDesc":"WAP网关IP错误"}`; n.sim == "mobile" {
			says = `{"resultCode":"103000","data":{"token":"` + mobileProof + `"}}`
		}
	case "/telecom":
		n.seen = append(n.seen, fmt.Sprintf("%s %s cookies %d", r.Method, r.PostForm.Encode(), len(r.Cookies())))
		if says = `{"result":-10005,"msg":"not on this network"}`; n.sim == "telecom" {
			says = `{"result":0,"data":{"accessCode":"` + telecomProof + `","operatorType":"CT"}}`
		}
	case "/ask":
		n.asked = append(n.asked, r.PostForm)
		if says = `{"code":"1"}`; r.PostForm.Get("mobile") == phone {
			says = `{"code":"0"}`
		}
	}
	_, _ = io.WriteString(w, says)
}

func (n *carriers) insert(sim string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.sim, n.seen, n.asked = sim, nil, nil
}

func (n *carriers) exchanges() (seen []string, asked []url.Values) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.seen, n.asked
}

const stanza = `[[carrier]]
name = %q
type = "http"
url = "%s/ask"
carriers = [%q]
[carrier.request]
fields = { token = "{token}", mobile = "{number.national}", carrier = "{carrier}" }
[carrier.response]
code = "code"
match = ["0"]
mismatch = ["1"]
[carrier.device]
`

// TestReq43_GatewaysOfThePhone is contracts/submail.md §9 with gateways that are
// no simulator of ours: direct, where the phone reads the proof, and relay,
// where our server does, out of the raw answer. They are tried in their order,
// without cookies, and the proof's carrier is known when it is verified.
func TestReq43_GatewaysOfThePhone(t *testing.T) {
	n := newCarriers(t)
	server := process.Serve(t, process.ServeCommand(t, binary, fmt.Sprintf("[store]\ndata = %q\n", t.TempDir())+
		fmt.Sprintf(stanza, "telecom", n.URL, "telecom")+fmt.Sprintf("mode = \"relay\"\nmethod = \"POST\"\nurl = \"%s/telecom\"\nparams = { clientType = \"30100\" }\ntoken = \"data.accessCode\"\n", n.URL)+
		fmt.Sprintf(stanza, "mobile", n.URL, "mobile")+fmt.Sprintf("mode = \"direct\"\nurl = \"%s/mobile?v=1\"\nparams = { appId = \"3000 1\" }\n", n.URL)))
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "session", Value: "of the shop"})
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<!doctype html><link rel="icon" href="data:,"><script src="`+server.Public+`/libraries/js/vfmobile.min.js"></script>`)
	}))
	t.Cleanup(shop.Close)
	pair := newShop(t, server, shop.URL)

	p := open(t)
	p.do(t, chromedp.Navigate(shop.URL))
	p.await(t, `window.VFM !== undefined`)
	token := func(sim string) tokenInfo {
		t.Helper()
		n.insert(sim)
		eval[bool](t, p, fmt.Sprintf(`(() => { window.got = ""; const keep = (r) => { window.got = JSON.stringify(r); };
			VFM.init({appid: %q, error: keep, success: () => VFM.getTokenInfo({success: keep, error: keep})}); return true; })()`, pair.AppID))
		p.await(t, `window.got !== ""`)
		var info tokenInfo
		if err := json.Unmarshal([]byte(eval[string](t, p, `window.got`)), &info); err != nil {
			t.Fatal(err)
		}
		return info
	}
	const direct, relay = "GET v=1&appId=3000%201 cookies 0", "POST clientType=30100 cookies 0"
	for _, c := range []struct {
		sim, token, carrier string
		seen                []string
	}{
		{"mobile", mobileProof, "1", []string{direct}},
		{"telecom", telecomProof, "3", []string{direct, relay}},
	} {
		info := token(c.sim)
		if info.Code != 0 || info.Message != "获取token成功" || info.Token != c.token || info.UserInformation == "" {
			t.Errorf("%s: %+v", c.sim, info)
			continue
		}
		answer := pair.verify(t, server.Public, info)
		seen, asked := n.exchanges()
		if fmt.Sprint(seen) != fmt.Sprint(c.seen) {
			t.Errorf("%s: the phone sent %q, want %q", c.sim, seen, c.seen)
		}
		if !strings.Contains(answer, `"result":{"identical":true,"msg":"认证通过"}`) || len(asked) != 1 || asked[0].Get("token") != c.token || asked[0].Get("carrier") != c.carrier {
			t.Errorf("%s: %s; asked %v", c.sim, answer, asked)
		}
	}
	info := token("none")
	if info.Code != 1 || info.Token != "" || info.YDData == nil || info.YDData.Code != "103111" || info.CUData != nil {
		t.Errorf("no SIM: %+v %+v", info, info.YDData)
	}
	// In relay mode only the server sees that there is no token; the page is told what the carrier said all the same.
	if info.CTData == nil || info.CTData.Code != "-10005" || info.CTData.Message != "not on this network" || info.RespCode != "-10005" {
		t.Errorf("no SIM, relayed: %+v, respCode %q", info.CTData, info.RespCode)
	}
}

// newShop makes an app of the dialect that lists an origin.
func newShop(t *testing.T, server *process.Server, origin string) signer {
	t.Helper()
	ctx := t.Context()
	admin := client.New(server.Operator, core.NewSecret(process.OperatorToken), http.DefaultClient)
	account, err := admin.CreateTenant(ctx, "shop")
	if err != nil {
		t.Fatal(err)
	}
	signature := "小店"
	app, _, err := admin.CreateApp(ctx, tenant.Spec{Tenant: account.ID, Name: "shop", Settings: tenant.Patch{Signature: &signature}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := admin.UpdateApp(ctx, app.ID, tenant.Patch{Dialects: &[]tenant.Dialect{tenant.DialectSubmail}, Origins: &[]string{origin}, VerifyPrice: tenant.PriceOf(0)}); err != nil {
		t.Fatal(err)
	}
	made, err := admin.RotateSubmail(ctx, app.ID, api.SubmailRotation{})
	if err != nil {
		t.Fatal(err)
	}
	return signer{made.AppID, made.AppKey}
}

// signer is the shop's backend.
type signer struct{ AppID, key string }

// verify asks as contracts/submail.md §3 has it, without type.
func (s signer) verify(t *testing.T, base string, info tokenInfo) string {
	t.Helper()
	now := fmt.Sprint(time.Now().Unix())
	sum := sha256.Sum256([]byte(s.key + now + info.Token))
	answer, err := http.PostForm(base+"/vfmobile/verify", url.Values{"appid": {s.AppID}, "signature": {hex.EncodeToString(sum[:])}, "os": {"1"}, "timestamp": {now},
		"token": {info.Token}, "mobile_number": {phone}, "userInformation": {info.UserInformation}})
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
