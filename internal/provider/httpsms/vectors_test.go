package httpsms

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
)

// TestReq35_ACS3Vector is the example of Alibaba Cloud's "Request syntax and
// signature method V3", section "Fixed parameters".
func TestReq35_ACS3Vector(t *testing.T) {
	r, err := http.NewRequest(http.MethodPost, "https://ecs.cn-shanghai.aliyuncs.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.URL.RawQuery = canonicalQuery(url.Values{"RegionId": {"cn-shanghai"}, "ImageId": {"win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd"}})
	r.Header.Set("x-acs-action", "RunInstances")
	r.Header.Set("x-acs-version", "2014-05-26")
	r.Header.Set("x-acs-date", "2023-10-26T10:22:32Z")
	r.Header.Set("x-acs-signature-nonce", "3156853299f313e23d1673dc12e1703d")
	signACS3(r, nil, "YourAccessKeyId", "YourAccessKeySecret")
	const want = "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;x-acs-date;" +
		"x-acs-signature-nonce;x-acs-version,Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
	if got := r.Header.Get("Authorization"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// TestReq35_TC3Vector is the example of Tencent Cloud's "Signature method v3":
// the page of today masks its keys with 32 asterisks each and signs with those,
// an earlier revision masked the ends only.
func TestReq35_TC3Vector(t *testing.T) {
	const body = `{"Limit": 1, "Filters": [{"Values": ["\u672a\u547d\u540d"], "Name": "instance-name"}]}`
	for _, c := range []struct{ id, key, signature string }{
		{"AKID********************************", "********************************", "10b1a37a7301a02ca19a647ad722d5e43b4b3cff309d421d85b46093f6ab6c4f"},
		{"AKIDz8krbsJ5yKBZQpn74WFkmLPx3*******", "Gu5t9xGARNpq86cd98joQYCN3*******", "be4f67d323c78ab9acb7395e43c0dbcf822a9cfac32fea2449a7bc7726b770a3"},
	} {
		r, err := http.NewRequest(http.MethodPost, "https://cvm.tencentcloudapi.com/", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json; charset=utf-8")
		r.Header.Set("X-TC-Action", "DescribeInstances")
		signTC3(r, []byte(body), "cvm", c.id, c.key, time.Unix(1551113065, 0))
		want := "TC3-HMAC-SHA256 Credential=" + c.id + "/2019-02-25/cvm/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature=" + c.signature
		if got := r.Header.Get("Authorization"); got != want || r.Header.Get("X-TC-Timestamp") != "1551113065" {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
}

// TestReq35_TwilioVector is the example of Twilio's "Security" page.
func TestReq35_TwilioVector(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"}}
	if got := twilioSignature("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != "RSOYDt4T1cUTdK1PDd93/VVr8B8=" {
		t.Error(got)
	}
}

// TestReq35_SubmailVectors are contracts/delivery.md §5.1.
func TestReq35_SubmailVectors(t *testing.T) {
	s := &submail{cfg: Config{Account: "10000", Password: core.NewSecret("testkey"), ReceiptKey: core.NewSecret("hookkey")}}
	form := url.Values{"appid": {"10000"}, "content": {"【验码】123456"}, "sign_type": {"md5"}, "timestamp": {"1700000000"}, "to": {"13800138000"}}
	if got := s.sign(form); got != "9f3ff107d610a3c72f2090f6774d3a25" {
		t.Error(got)
	}
	post := func(signature string) error {
		_, err := s.read(&hook{form: url.Values{"events": {"delivered"}, "send_id": {"x"}, "token": {"067ef7e2f286a9a56eabb07dc9657852"}, "signature": {signature}}})
		return err
	}
	if err := post("d7f6e4889cc4bb0679187967cd1b5de3"); err != nil {
		t.Errorf("the contract's own signature: %v", err)
	}
	if err := post("d7f6e4889cc4bb0679187967cd1b5de4"); err == nil {
		t.Error("a forged signature passes")
	}
}

// TestEscaped is RFC 3986 as both Chinese clouds spell it out.
func TestEscaped(t *testing.T) {
	if got := escaped("a b*c~d+e/验-_."); got != "a%20b%2Ac~d%2Be%2F%E9%AA%8C-_." {
		t.Error(got)
	}
}

func TestSubscriber(t *testing.T) {
	for _, c := range []struct {
		in   string
		home bool
		want string
	}{
		{"13800138000", true, "+8613800138000"}, {"8613800138000", true, "+8613800138000"}, {"+8613800138000", false, "+8613800138000"},
		{"008613800138000", true, "+8613800138000"}, {"14155550100", false, "+14155550100"}, {"+14155550100", true, "+14155550100"},
		{"", true, ""}, {"YANMA", true, ""}, {"+", false, ""}, {"1234", true, ""}, {"1380013800013800138000", true, ""}, {"１３８００１３８０００", true, ""},
	} {
		if got := subscriber(c.in, c.home).E164(); got != c.want {
			t.Errorf("subscriber(%q, %v) = %q, want %q", c.in, c.home, got, c.want)
		}
	}
}
