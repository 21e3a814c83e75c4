package oneaccess

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// What this dialect tells apart beyond the kind (contracts/oneaccess.md §1.4).
var (
	errNoClient   = core.Field(core.KindMissingField, headerClient)
	errApp        = core.Field(core.KindForbidden, headerClient)
	errNoTenant   = core.Field(core.KindMissingField, headerTenant)
	errDevice     = core.Field(core.KindMissingField, fieldDevice)
	errOrigin     = core.Field(core.KindForbidden, "Origin")
	errSignature  = core.Field(core.KindUnauthenticated, headerSignature)
	errStateToken = core.Field(core.KindUnauthenticated, "state_token")
	errMobile     = core.Field(core.KindForbidden, "mobile")
	errPuzzle     = core.E(core.KindChallengeFailed, "")
)

// fieldDevice stands for the headers that tell about the device.
const fieldDevice = "device"

// row is one row of the table of contracts/oneaccess.md §1.4, by its code there.
type row string

const (
	rowBlank      row = "SDK.COMMON.1001"
	rowFormat     row = "SDK.COMMON.1002"
	rowDevice     row = "SDK.COMMON.1003"
	rowSignature  row = "SDK.COMMON.1004"
	rowExpired    row = "SDK.COMMON.1005"
	rowWrong      row = "SDK.COMMON.1006"
	rowBusy       row = "SDK.COMMON.1008"
	rowApp        row = "SDK.COMMON.1012"
	rowUser       row = "SDK.COMMON.1013"
	rowNoKey      row = "SDK.COMMON.1014"
	rowCaptcha    row = "IDAAS.SDK.CAPTCHA.0002"
	rowSendFailed row = "IDAAS.SDK.CAPTCHA.0006"
	rowWrongCode  row = "IDAAS.SDK.CAPTCHA.0007"
	rowLocked     row = "LOGIN.0001"
)

// wording is what a row says; {0} and {1} stand for its arguments.
type wording struct{ en, zh string }

// table is contracts/oneaccess.md §1.4. An app may say something else instead
// (tenant.OneAccessSettings.Errors).
var table = map[row]wording{
	rowBlank:     {"Parameter {0} cannot be left blank.", "参数{0}不能为空"},
	rowFormat:    {"The {0} parameter format is incorrect.", "参数{0}格式不正确"},
	rowDevice:    {"Device information is incomplete.", "设备信息不完整"},
	rowSignature: {"Signature decryption error.", "签名解密错误"},
	rowExpired:   {"The {0} has expired.", "{0}已失效"},
	rowWrong:     {"The {0} parameter is incorrect.", "参数{0}错误"},
	rowBusy:      {"The system is busy. Try again later.", "系统繁忙，请稍后再试"},
	rowApp: {"The X-client-id is incorrect and the corresponding application cannot be found.",
		"X-client-id不正确，找不到对应的应用"},
	rowUser:       {"The corresponding user is not found.", "找不到对应的用户"},
	rowNoKey:      {"Application private key not found.", "应用私钥不存在"},
	rowCaptcha:    {"Graphic verification code verification failed.", "图形验证码校验失败"},
	rowSendFailed: {"Failed to send verification code.", "验证码发送失败"},
	rowWrongCode:  {"Incorrect verification code.", "验证码错误"},
	rowLocked: {"The user has been locked due to too many unsuccessful login attempts. It will be unlocked in {0} minutes and {1} seconds.",
		"由于多次登录失败，用户已被锁定。它将在 {0} 分钟和 {1} 秒内解锁"},
}

// fault is what an answer is chosen by: the kind and the member, or the kind
// alone.
type fault struct {
	kind  core.Kind
	field string
}

// outcome is what a fault means: a row, its argument ("" = the error's Field),
// and the status where it is not 400.
type outcome struct {
	row    row
	arg    string
	status int
}

// outcomes maps every kind once, alone; with a member where that means something
// else (contracts/oneaccess.md §1.4, README.md §3.2).
var outcomes = map[fault]outcome{
	{core.KindMissingField, fieldDevice}:        {row: rowDevice},
	{core.KindForbidden, headerClient}:          {row: rowApp},
	{core.KindUnauthenticated, headerSignature}: {row: rowSignature},
	{core.KindUnauthenticated, "access_token"}:  {row: rowExpired, status: http.StatusUnauthorized},
	{core.KindNotFound, "key"}:                  {row: rowNoKey},

	{core.KindMissingField, ""}:            {row: rowBlank},
	{core.KindBadField, ""}:                {row: rowFormat},
	{core.KindMalformed, ""}:               {row: rowFormat, arg: "body"},
	{core.KindInvalidPhone, ""}:            {row: rowFormat, arg: "mobile"},
	{core.KindTestNumber, ""}:              {row: rowFormat, arg: "mobile"},
	{core.KindInvalidCodeFormat, ""}:       {row: rowFormat, arg: "verify_code"},
	{core.KindInvalidID, ""}:               {row: rowFormat},
	{core.KindUnauthenticated, ""}:         {row: rowExpired},
	{core.KindForbidden, ""}:               {row: rowWrong},
	{core.KindConflict, ""}:                {row: rowWrong, arg: "mobile"},
	{core.KindWrongState, ""}:              {row: rowWrong},
	{core.KindNotFound, ""}:                {row: rowUser},
	{core.KindWrongCode, ""}:               {row: rowWrongCode},
	{core.KindLocked, ""}:                  {row: rowLocked},
	{core.KindChallengeFailed, ""}:         {row: rowCaptcha},
	{core.KindRateLimited, ""}:             {row: rowBusy},
	{core.KindUnknownPath, ""}:             {row: rowWrong, arg: "URI", status: http.StatusNotFound},
	{core.KindMethodNotAllowed, ""}:        {row: rowWrong, arg: "method", status: http.StatusMethodNotAllowed},
	{core.KindBodyTooLarge, ""}:            {row: rowFormat, arg: "body", status: http.StatusRequestEntityTooLarge},
	{core.KindMediaType, ""}:               {row: rowFormat, arg: "Content-Type", status: http.StatusUnsupportedMediaType},
	{core.KindInternal, ""}:                {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindOverloaded, ""}:              {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindTemplatePending, ""}:         {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindTemplateRejected, ""}:        {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindTemplateType, ""}:            {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindParametersEmpty, ""}:         {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindParametersMissing, ""}:       {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindRepeated, ""}:                {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindForbiddenWord, ""}:           {row: rowSendFailed},
	{core.KindForbiddenSymbol, ""}:         {row: rowSendFailed},
	{core.KindContentTooLong, ""}:          {row: rowSendFailed},
	{core.KindSignatureMissing, ""}:        {row: rowSendFailed},
	{core.KindOptedOut, ""}:                {row: rowSendFailed},
	{core.KindInsufficientBalance, ""}:     {row: rowSendFailed},
	{core.KindSpendCap, ""}:                {row: rowSendFailed},
	{core.KindBlocked, ""}:                 {row: rowBusy},
	{core.KindChallengeRequired, ""}:       {row: rowCaptcha},
	{core.KindProvisioningUnreachable, ""}: {row: rowBusy, status: http.StatusInternalServerError},
	{core.KindProvisioningRefused, ""}:     {row: rowBusy, status: http.StatusInternalServerError},
}

// sendOutcomes are those of a send: a limit, whosever it is, is a failed send
// (contracts/oneaccess.md §1.4, §2.3).
var sendOutcomes = map[core.Kind]outcome{
	core.KindRateLimited: {row: rowSendFailed},
	core.KindLocked:      {row: rowSendFailed},
	core.KindBlocked:     {row: rowSendFailed},
}

// outcomeOf finds what an error means at a route.
func outcomeOf(route string, err *core.Error) outcome {
	if o, ok := sendOutcomes[err.Kind]; ok && sends[route] {
		return o
	}
	if o, ok := outcomes[fault{err.Kind, err.Field}]; ok {
		return o
	}
	if o, ok := outcomes[fault{err.Kind, ""}]; ok {
		return o
	}
	return outcomes[fault{core.KindInternal, ""}]
}

// refuse writes an error in the shape of its endpoint.
func (d *dialect) refuse(x *facade.Exchange, err *core.Error) {
	if x.Route != nil && isAJ(x.Route.Name) {
		d.refuseAJ(x, err)
		return
	}
	if x.Route != nil && oauthShape[x.Route.Name] {
		d.refuseOAuth(x, err)
		return
	}
	d.refuseSDK(x, err)
}

// refuseSDK is contracts/oneaccess.md §1.2.
func (d *dialect) refuseSDK(x *facade.Exchange, err *core.Error) {
	d.showToPages(x)
	o := outcomeOf(x.Event.Route, err)
	code, text := d.wordingOf(x, o.row)
	x.Status, x.Event.Code = http.StatusBadRequest, code
	if o.status != 0 {
		x.Status = o.status
	}
	first, second := o.arg, ""
	switch {
	case o.row == rowLocked:
		seconds := err.RetrySeconds()
		first, second = strconv.FormatInt(seconds/60, 10), strconv.FormatInt(seconds%60, 10)
	case first == "":
		first = err.Field
	}
	x.Out = append(x.Out, `{"error_code":`...)
	x.Out = facade.AppendString(x.Out, code)
	x.Out = append(x.Out, `,"error_msg":`...)
	x.Out = facade.AppendString(x.Out, strings.NewReplacer("{0}", first, "{1}", second).Replace(text))
	x.Out = append(x.Out, '}')
}

// wordingOf is a row as the caller's app says it, in the caller's language.
func (d *dialect) wordingOf(x *facade.Exchange, r row) (code, text string) {
	code, words := string(r), table[r]
	app := d.appOf(x)
	if app != nil {
		own := app.OneAccess.Errors[code]
		words = wording{en: cmp.Or(own.English, words.en), zh: cmp.Or(own.Chinese, words.zh)}
		code = cmp.Or(own.Code, code)
	}
	if languageOf(x, app) == english {
		return code, words.en
	}
	return code, words.zh
}

// appOf is the app that a request was found to be of; nil before.
func (d *dialect) appOf(x *facade.Exchange) *tenant.App {
	if x.Event.App == 0 {
		return nil
	}
	app, ok := d.Apps.App(x.Event.App)
	if !ok || app.OneAccess == nil {
		return nil
	}
	return app
}
