package oneaccess

import (
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// The endpoints of the AJ project's protocol (contracts/oneaccess.md §7).
const (
	ajGet   = "aj-captcha-get"
	ajCheck = "aj-captcha-check"
)

func isAJ(route string) bool { return route == ajGet || route == ajCheck }

// repCode is a code of that protocol's envelope.
type repCode string

const (
	repFailed      repCode = "0001"
	repException   repCode = "9999"
	repBlank       repCode = "0011"
	repParameter   repCode = "0012"
	repType        repCode = "0015"
	repFormat      repCode = "0016"
	repInvalid     repCode = "6110"
	repCoordinates repCode = "6111"
	repCreate      repCode = "6112"
	repGetRate     repCode = "6201"
	repBlocked     repCode = "6202"
	repCheckRate   repCode = "6204"
	repRequest     repCode = "6206"
)

// repMessages are what the project's own back end says.
var repMessages = map[repCode]string{
	repFailed:      "操作失败",
	repException:   "服务器内部异常",
	repBlank:       "参数不能为空",
	repParameter:   "参数错误",
	repType:        "参数类型错误",
	repFormat:      "参数格式错误",
	repInvalid:     "验证码已失效，请重新获取",
	repCoordinates: "验证失败",
	repCreate:      "获取验证码失败,请联系管理员",
	repGetRate:     "get接口请求次数超限，请稍后再试!",
	repBlocked:     "接口验证失败数过多，请稍后再试",
	repCheckRate:   "check接口请求次数超限，请稍后再试!",
	repRequest:     "无效请求，请重新获取验证码",
}

// repCodes map what can happen on these routes; anything else is an exception.
var repCodes = map[fault]repCode{
	{core.KindMissingField, ""}:         repBlank,
	{core.KindBadField, ""}:             repFormat,
	{core.KindBadField, "captchaType"}:  repParameter,
	{core.KindMalformed, ""}:            repFormat,
	{core.KindMediaType, ""}:            repRequest,
	{core.KindBodyTooLarge, ""}:         repRequest,
	{core.KindForbidden, ""}:            repRequest,
	{core.KindUnauthenticated, ""}:      repRequest,
	{core.KindChallengeFailed, ""}:      repCoordinates,
	{core.KindChallengeFailed, "token"}: repInvalid,
	{core.KindOverloaded, ""}:           repCreate,
	{core.KindRateLimited, ""}:          repGetRate,
}

// repCodeOf is the code of an error; the limits are told apart by their names.
func repCodeOf(err *core.Error) repCode {
	if err.Kind == core.KindRateLimited {
		switch err.Detail {
		case "captcha_blocked":
			return repBlocked
		case "captcha_check":
			return repCheckRate
		}
	}
	if code, ok := repCodes[fault{err.Kind, err.Field}]; ok {
		return code
	}
	if code, ok := repCodes[fault{err.Kind, ""}]; ok {
		return code
	}
	return repException
}

// refuseAJ answers with 200 always (contracts/oneaccess.md §7).
func (d *dialect) refuseAJ(x *facade.Exchange, err *core.Error) {
	d.showToPages(x)
	code := repCodeOf(err)
	x.Status, x.Event.Code = http.StatusOK, string(code)
	x.Out = append(x.Out, `{"repCode":"`...)
	x.Out = append(x.Out, code...)
	x.Out = append(x.Out, `","repMsg":`...)
	x.Out = facade.AppendString(x.Out, repMessages[code])
	x.Out = append(x.Out, `,"repData":null,"success":false,"error":true}`...)
}
