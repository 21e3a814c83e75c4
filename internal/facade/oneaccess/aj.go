package oneaccess

import (
	"context"
	"net/http"
	"strings"

	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
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
	{core.KindMissingField, ""}:        repBlank,
	{core.KindBadField, ""}:            repFormat,
	{core.KindBadField, "captchaType"}: repParameter,
	{core.KindMalformed, ""}:           repFormat,
	{core.KindMediaType, ""}:           repRequest,
	{core.KindBodyTooLarge, ""}:        repRequest,
	{core.KindForbidden, ""}:           repRequest,
	{core.KindUnauthenticated, ""}:     repRequest,
	{core.KindChallengeFailed, ""}:     repCoordinates,
	{core.KindOverloaded, ""}:          repCreate,
	{core.KindRateLimited, ""}:         repGetRate,
}

// repCodeOf is the code of an error; the limits are told apart by their names,
// and a token that counts for nothing from coordinates that are wrong.
func repCodeOf(err *core.Error) repCode {
	if err.Kind == core.KindChallengeFailed && strings.HasPrefix(err.Detail, "token") {
		return repInvalid
	}
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

// ajCaller is the caller of a route that needs none: whatever came of the two
// headers is what the puzzle belongs to (contracts/oneaccess.md §7). app is nil
// without a client id.
func (d *dialect) ajCaller(ctx context.Context, x *facade.Exchange, kind captcha.Call) (*caller, error) {
	c := &caller{client: header(x, headerClient), fingerprint: header(x, headerFingerprint)}
	if len(c.fingerprint) > longestFingerprint {
		return nil, core.Field(core.KindBadField, headerFingerprint)
	}
	if c.client != "" {
		app, err := d.client(ctx, x)
		if err != nil {
			return nil, err
		}
		if err := d.allowOrigin(x, app); err != nil {
			return nil, err
		}
		c.app = app
	} else {
		d.showToPages(x)
	}
	return c, d.Captcha.Admit(ctx, kind, endUser(x, c.app))
}

// ajRequest is the part that both routes share.
func (d *dialect) ajRequest(ctx context.Context, x *facade.Exchange, kind captcha.Call) (*caller, error) {
	body, err := receive(x)
	if err != nil {
		return nil, err
	}
	c, err := d.ajCaller(ctx, x, kind)
	if err != nil {
		return nil, err
	}
	if err := x.Object.Parse(body); err != nil {
		return nil, err
	}
	members, err := required(x, "captchaType")
	if err == nil && members[0] != blockPuzzle {
		err = core.Field(core.KindBadField, "captchaType")
	}
	return c, err
}

// blockPuzzle is the captcha that there is.
const blockPuzzle = "blockPuzzle"

const ajSuccess = `,"success":true,"error":false}`

// ajGet gives a puzzle in the envelope.
func (d *dialect) ajGet(ctx context.Context, x *facade.Exchange) error {
	c, err := d.ajRequest(ctx, x, captcha.CallGet)
	if err != nil {
		return err
	}
	puzzle, err := d.Captcha.Get(ctx, c.app, c.binding(x))
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"repCode":"0000","repMsg":null,"repData":`...)
	x.Out = append(appendPuzzle(x.Out, puzzle), ajSuccess...)
	return nil
}

// ajCheck checks an answer; the pass is made of what the caller has.
func (d *dialect) ajCheck(ctx context.Context, x *facade.Exchange) error {
	c, err := d.ajRequest(ctx, x, captcha.CallCheck)
	if err != nil {
		return err
	}
	members, err := required(x, "pointJson", "token")
	if err != nil {
		return err
	}
	sender, err := text(x, "sender")
	if err == nil && sender != "" {
		sender, err = d.ajSender(ctx, x, c, sender)
	}
	if err != nil {
		return err
	}
	if _, err := d.Captcha.Check(ctx, c.app, captcha.CheckRequest{Token: members[1], PointJSON: members[0], Sender: sender, Binding: c.binding(x)}); err != nil {
		return err
	}
	x.Out = append(x.Out, `{"repCode":"0000","repMsg":null,"repData":{"captchaType":"blockPuzzle","pointJson":`...)
	x.Out = facade.AppendString(x.Out, members[0])
	x.Out = append(x.Out, `,"token":`...)
	x.Out = facade.AppendString(x.Out, members[1])
	x.Out = append(append(x.Out, `,"result":true}`...), ajSuccess...)
	return nil
}

// ajSender reads the optional member: by the app's numbers where there is an app.
func (d *dialect) ajSender(ctx context.Context, x *facade.Exchange, c *caller, literal string) (string, error) {
	if c.app != nil {
		return d.sender(ctx, x, c, literal)
	}
	if address, ok := emailOf(literal); ok {
		return address, nil
	}
	phone, err := guard.ParsePhone(literal, guard.PhonePolicy{OneAccessForm: true})
	if err != nil {
		return "", core.Field(core.KindBadField, "sender")
	}
	return phone.E164(), nil
}
