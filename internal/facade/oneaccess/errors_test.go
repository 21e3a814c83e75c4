package oneaccess

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// apps is a directory of one app, number 1.
type apps struct{ app *tenant.App }

func (a apps) OneAccessApp(string, string, string) (*tenant.App, error) { return a.app, nil }
func (a apps) App(id core.AppID) (*tenant.App, bool)                    { return a.app, id == 1 }
func (a apps) ListsOrigin(string) bool                                  { return false }

// refused is the answer to an error at an endpoint.
func refused(d *dialect, route, lang string, app core.AppID, err error) (status int, body string) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("X-L", lang)
	x := &facade.Exchange{Request: r, Route: &facade.Route{Name: route}, Event: facade.Event{App: app, Route: route}}
	d.refuse(x, core.AsError(err))
	return x.Status, string(x.Out)
}

// The rows of contracts/oneaccess.md §1.4 and of the oneaccess column of
// README.md §3.2, in both languages.
func TestErrorTable(t *testing.T) {
	d := &dialect{Options{Apps: apps{}}}
	lock := core.RetryIn(core.KindLocked, 14*time.Minute+59*time.Second+time.Millisecond, "")
	wait := core.RetryIn(core.KindRateLimited, time.Second, "")
	for _, row := range []struct {
		err    error
		route  string
		status int
		code   string
		en, zh string
	}{
		{errNoClient, "", 400, "SDK.COMMON.1001", "Parameter X-client-id cannot be left blank.", "参数X-client-id不能为空"},
		{errNoTenant, "", 400, "SDK.COMMON.1001", "Parameter X-tenant-id cannot be left blank.", "参数X-tenant-id不能为空"},
		{core.Field(core.KindMissingField, "mobile"), "", 400, "SDK.COMMON.1001", "Parameter mobile cannot be left blank.", "参数mobile不能为空"},
		{core.Field(core.KindBadField, "type"), "", 400, "SDK.COMMON.1002", "The type parameter format is incorrect.", "参数type格式不正确"},
		{core.E(core.KindMalformed, ""), "", 400, "SDK.COMMON.1002", "The body parameter format is incorrect.", "参数body格式不正确"},
		{core.E(core.KindInvalidPhone, ""), sendSMS, 400, "SDK.COMMON.1002", "The mobile parameter format is incorrect.", "参数mobile格式不正确"},
		{core.E(core.KindBodyTooLarge, ""), "", 413, "SDK.COMMON.1002", "The body parameter format is incorrect.", "参数body格式不正确"},
		{core.E(core.KindMediaType, ""), "", 415, "SDK.COMMON.1002", "The Content-Type parameter format is incorrect.", "参数Content-Type格式不正确"},
		{errDevice, "", 400, "SDK.COMMON.1003", "Device information is incomplete.", "设备信息不完整"},
		{errSignature, "", 400, "SDK.COMMON.1004", "Signature decryption error.", "签名解密错误"},
		{core.Field(core.KindUnauthenticated, "session_token"), "", 400, "SDK.COMMON.1005", "The session_token has expired.", "session_token已失效"},
		{core.Field(core.KindUnauthenticated, "access_token"), "", 401, "SDK.COMMON.1005", "The access_token has expired.", "access_token已失效"},
		{errMobile, "", 400, "SDK.COMMON.1006", "The mobile parameter is incorrect.", "参数mobile错误"},
		{core.E(core.KindConflict, ""), "", 400, "SDK.COMMON.1006", "The mobile parameter is incorrect.", "参数mobile错误"},
		{core.E(core.KindUnknownPath, ""), "", 404, "SDK.COMMON.1006", "The URI parameter is incorrect.", "参数URI错误"},
		{core.E(core.KindMethodNotAllowed, ""), "", 405, "SDK.COMMON.1006", "The method parameter is incorrect.", "参数method错误"},
		{wait, serverDate, 400, "SDK.COMMON.1008", "The system is busy. Try again later.", "系统繁忙，请稍后再试"},
		{core.E(core.KindInternal, "secret"), "", 500, "SDK.COMMON.1008", "The system is busy. Try again later.", "系统繁忙，请稍后再试"},
		{core.E(core.KindOverloaded, ""), sendSMS, 500, "SDK.COMMON.1008", "The system is busy. Try again later.", "系统繁忙，请稍后再试"},
		{errApp, "", 400, "SDK.COMMON.1012", "The X-client-id is incorrect and the corresponding application cannot be found.", "X-client-id不正确，找不到对应的应用"},
		{core.E(core.KindNotFound, ""), "", 400, "SDK.COMMON.1013", "The corresponding user is not found.", "找不到对应的用户"},
		{core.Field(core.KindNotFound, "key"), "", 400, "SDK.COMMON.1014", "Application private key not found.", "应用私钥不存在"},
		{core.E(core.KindChallengeFailed, ""), "", 400, "IDAAS.SDK.CAPTCHA.0002", "Graphic verification code verification failed.", "图形验证码校验失败"},
		{core.E(core.KindChallengeRequired, ""), sendSMS, 400, "IDAAS.SDK.CAPTCHA.0002", "Graphic verification code verification failed.", "图形验证码校验失败"},
		{core.E(core.KindInsufficientBalance, ""), sendSMS, 400, "IDAAS.SDK.CAPTCHA.0006", "Failed to send verification code.", "验证码发送失败"},
		{core.E(core.KindSpendCap, ""), sendSMS, 400, "IDAAS.SDK.CAPTCHA.0006", "Failed to send verification code.", "验证码发送失败"},
		{core.E(core.KindBlocked, ""), sendSMS, 400, "IDAAS.SDK.CAPTCHA.0006", "Failed to send verification code.", "验证码发送失败"},
		{core.E(core.KindBlocked, ""), login, 400, "SDK.COMMON.1008", "The system is busy. Try again later.", "系统繁忙，请稍后再试"},
		{wait, sendSMS, 400, "IDAAS.SDK.CAPTCHA.0006", "Failed to send verification code.", "验证码发送失败"},
		{lock, sendSMS, 400, "IDAAS.SDK.CAPTCHA.0006", "Failed to send verification code.", "验证码发送失败"},
		{core.E(core.KindWrongCode, ""), "", 400, "IDAAS.SDK.CAPTCHA.0007", "Incorrect verification code.", "验证码错误"},
		{lock, "", 400, "LOGIN.0001", "The user has been locked due to too many unsuccessful login attempts. It will be unlocked in 15 minutes and 0 seconds.",
			"由于多次登录失败，用户已被锁定。它将在 15 分钟和 0 秒内解锁"},
	} {
		for lang, text := range map[string]string{"en-US": row.en, "zh_CN": row.zh, "": row.zh, "fr": row.zh} {
			status, body := refused(d, row.route, lang, 0, row.err)
			if want := `{"error_code":"` + row.code + `","error_msg":"` + text + `"}`; status != row.status || body != want {
				t.Errorf("%v at %q in %q = %d %s, want %d %s", row.err, row.route, lang, status, body, row.status, want)
			}
		}
	}
}

// An app's own language, code and words stand for a row's (contracts/oneaccess.md
// §1.4: the table is data).
func TestOwnErrorTable(t *testing.T) {
	app := &tenant.App{ID: 1, OneAccess: &tenant.OneAccess{OneAccessSettings: tenant.OneAccessSettings{Language: "en",
		Errors: map[string]tenant.ErrorText{"SDK.COMMON.1001": {Code: "SDK.COMMON.2001", English: "{0}?"}}}}}
	d := &dialect{Options{Apps: apps{app}}}
	for lang, want := range map[string]string{"": `{"error_code":"SDK.COMMON.2001","error_msg":"mobile?"}`,
		"zh": `{"error_code":"SDK.COMMON.2001","error_msg":"参数mobile不能为空"}`} {
		if _, body := refused(d, "", lang, 1, core.Field(core.KindMissingField, "mobile")); body != want {
			t.Errorf("in %q: %s, want %s", lang, body, want)
		}
	}
}

// TestReq43_EveryKindIsMapped fails when core gets a kind that this dialect does
// not answer.
func TestReq43_EveryKindIsMapped(t *testing.T) {
	for _, kind := range core.Kinds() {
		o, ok := outcomes[fault{kind, ""}]
		if !ok || table[o.row] == (wording{}) {
			t.Errorf("%v has no answer", kind)
		}
	}
}
