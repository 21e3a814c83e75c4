package submail

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/numberverify"
)

// What this dialect tells apart beyond the kind (contracts/submail.md §3.3).
var (
	errNullAppID = core.Field(core.KindMissingField, "appid")
	errAppKey    = core.Field(core.KindUnauthenticated, "appkey")
	errType      = core.Field(core.KindBadField, "type")
	errNullType  = core.Field(core.KindMissingField, "type")
	errOS        = core.Field(core.KindBadField, "os")
	errTimestamp = core.Field(core.KindBadField, "timestamp")
	errAppID     = core.Field(core.KindInvalidID, "appid")
	errProduct   = core.Field(core.KindForbidden, "dialect")
	errSignature = core.Field(core.KindUnauthenticated, "signature")
	errDisabled  = core.Field(core.KindForbidden, "app")
	errAccount   = core.Field(core.KindForbidden, "account")
	errNoApp     = core.Field(core.KindNotFound, "appid")
	errToken     = core.Field(core.KindMissingField, "token")
	errBrowser   = core.Field(core.KindMissingField, "userInformation")
	errSource    = core.Field(core.KindForbidden, "source")
	errAccess    = core.Field(core.KindForbidden, "product")
	errWindow    = core.Field(core.KindBadField, "window")
	errAuth      = core.Field(core.KindMissingField, "auth")
	errOrigin    = core.Field(core.KindForbidden, "origin")
	errSession   = core.Field(core.KindUnauthenticated, "session")
)

// reason is what an answer is chosen by: the kind and the member, or the kind
// alone.
type reason struct {
	kind  core.Kind
	field string
}

// answer is how a reason looks on the wire.
type answer struct {
	code int
	msg  string
}

const (
	gatewayError  = -1
	gatewayPrefix = "API Gateway Error:"
	timeOut       = 1318
	deduction     = 1319
)

// answers is the table of contracts/submail.md §6, and README.md §3.2 for the
// transport. Every kind stands there alone once.
var answers = map[reason]answer{
	{core.KindMissingField, "appid"}:           {1301, "Null appid"},
	{core.KindUnauthenticated, "appkey"}:       {1302, "Invalid appkey"},
	{core.KindBadField, "type"}:                {1303, "Unknown mobile type"},
	{core.KindBadField, "os"}:                  {1304, "Unknown platform"},
	{core.KindBadField, "timestamp"}:           {1305, "Invalid timestamp"},
	{core.KindInvalidID, "appid"}:              {1306, "Invalid appid"},
	{core.KindForbidden, "dialect"}:            {1307, "Appid unauthorized"},
	{core.KindUnauthenticated, "signature"}:    {1308, "Invalid signature"},
	{core.KindForbidden, "app"}:                {1309, "Appid is disabled"},
	{core.KindForbidden, "account"}:            {1310, "Account is disabled"},
	{core.KindNotFound, "appid"}:               {1311, "Appid does not exist"},
	{core.KindMissingField, "token"}:           {1312, "Null token"},
	{core.KindBadField, "token"}:               {1312, "Null token"},
	{core.KindMissingField, "userInformation"}: {1315, "Null userInformation"},
	{core.KindForbidden, "source"}:             {1316, "APPID has been set IP whitelist,your IP is not in the scope of this white list"},
	{core.KindForbidden, "product"}:            {1317, "Account has no access"},
	{core.KindBadField, "window"}:              {timeOut, "TIME OUT"},

	// Of the plan's calls, which the vendor has not.
	{core.KindWrongCode, "code"}: {1321, "Wrong code"},
	{core.KindWrongCode, "over"}: {1322, "Code expired or used"},
	{core.KindNotFound, "id"}:    {1323, "Unknown id"},
	{core.KindNotFound, "step"}:  {1324, "No step left"},

	{core.KindMalformed, ""}:               {1301, "Null appid"},
	{core.KindMissingField, ""}:            {1301, "Null appid"},
	{core.KindBadField, ""}:                {1301, "Null appid"},
	{core.KindInvalidID, ""}:               {1306, "Invalid appid"},
	{core.KindForbidden, ""}:               {1307, "Appid unauthorized"},
	{core.KindUnauthenticated, ""}:         {1308, "Invalid signature"},
	{core.KindNotFound, ""}:                {1311, "Appid does not exist"},
	{core.KindInvalidPhone, ""}:            {1313, "Null phoneNum"},
	{core.KindTestNumber, ""}:              {1313, "Null phoneNum"},
	{core.KindInsufficientBalance, ""}:     {1314, "Insufficient balance"},
	{core.KindOverloaded, ""}:              {timeOut, "TIME OUT"},
	{core.KindRateLimited, ""}:             {gatewayError, gatewayPrefix + "429 too many requests"},
	{core.KindLocked, ""}:                  {gatewayError, gatewayPrefix + "429 too many requests"},
	{core.KindChallengeRequired, ""}:       {gatewayError, gatewayPrefix + "429 too many requests"},
	{core.KindBlocked, ""}:                 {gatewayError, gatewayPrefix + "429 too many requests"},
	{core.KindSpendCap, ""}:                {1314, "Insufficient balance"},
	{core.KindUnknownPath, ""}:             {gatewayError, gatewayPrefix + "404 unknown endpoint"},
	{core.KindMethodNotAllowed, ""}:        {gatewayError, gatewayPrefix + "405 method not allowed"},
	{core.KindBodyTooLarge, ""}:            {gatewayError, gatewayPrefix + "413 body too large"},
	{core.KindMediaType, ""}:               {gatewayError, gatewayPrefix + "415 unsupported media type"},
	{core.KindInternal, ""}:                {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindConflict, ""}:                {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindInvalidCodeFormat, ""}:       {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindWrongCode, ""}:               {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindProvisioningUnreachable, ""}: {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindProvisioningRefused, ""}:     {gatewayError, gatewayPrefix + "500 internal error"},

	// Of messages, which this dialect does not send.
	{core.KindTemplatePending, ""}:   {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindTemplateRejected, ""}:  {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindTemplateType, ""}:      {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindSignatureMissing, ""}:  {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindParametersEmpty, ""}:   {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindParametersMissing, ""}: {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindForbiddenWord, ""}:     {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindForbiddenSymbol, ""}:   {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindContentTooLong, ""}:    {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindOptedOut, ""}:          {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindRepeated, ""}:          {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindWrongState, ""}:        {gatewayError, gatewayPrefix + "500 internal error"},
	{core.KindChallengeFailed, ""}:   {gatewayError, gatewayPrefix + "500 internal error"},
}

// answerTo is the answer to an error: a carrier's own, or that of the table.
func answerTo(err *core.Error) answer {
	if carrier, ok := numberverify.AsError(err); ok {
		return answerOfCarrier(carrier)
	}
	if a, ok := answers[reason{err.Kind, err.Field}]; ok {
		return a
	}
	if a, ok := answers[reason{err.Kind, ""}]; ok {
		return a
	}
	return answers[reason{core.KindInternal, ""}]
}

// answerOfCarrier is contracts/submail.md §5 and the last steps of §3.3.
func answerOfCarrier(err *numberverify.Error) answer {
	switch err.Class {
	case numberverify.ClassTimeout:
		return answer{timeOut, "TIME OUT"}
	case numberverify.ClassDebit:
		return answer{deduction, "Deduction Failed"}
	case numberverify.ClassLedger:
		return answer{deduction, "Credit Deduction Log Failed"}
	case numberverify.ClassUnprovided:
		return answer{1320, "Appid Missing required parameters"}
	default:
		return answer{gatewayError, gatewayPrefix + err.Code + " " + err.Desc}
	}
}

// carrierError carries a carrier's error through the façade, with a kind for the
// log: whose fault it is decides how loud that is.
func carrierError(err error) error {
	carrier, ok := numberverify.AsError(err)
	if !ok && core.KindOf(err) == core.KindForbidden {
		// The app's gateways can not answer this kind of question.
		carrier, ok = &numberverify.Error{Class: numberverify.ClassUnprovided, Code: numberverify.CodeNoCarrier, Desc: "no carrier configured"}, true
	}
	if !ok {
		return err
	}
	kind := core.KindProvisioningRefused
	switch carrier.Class {
	case numberverify.ClassTimeout, numberverify.ClassCarrier:
		kind = core.KindProvisioningUnreachable
	case numberverify.ClassDebit, numberverify.ClassLedger:
		kind = core.KindInternal
	default:
	}
	return core.Wrap(kind, carrier, "")
}

// refuse writes the error in the shape of the endpoint.
func (d *dialect) refuse(x *facade.Exchange, err *core.Error) {
	switch {
	case x.Event.Route == initScript:
		d.refuseInit(x, err)
	case x.Event.Route == reportToken:
		d.refuseToken(x, err)
	case isOCL(x):
		d.refuseOCL(x, err)
	default:
		a := answerTo(err)
		x.Status = d.statusOf(err, a)
		x.Event.Code = strconv.Itoa(a.code)
		x.Out = appendError(x.Out, a, messageID(x))
	}
}

func appendError(out []byte, a answer, id string) []byte {
	out = append(out, `{"status":"error","code":`...)
	out = strconv.AppendInt(out, int64(a.code), 10)
	out = append(out, `,"msg":`...)
	out = facade.AppendString(out, a.msg)
	out = append(out, `,"msg_id":"`...)
	out = append(out, id...)
	return append(out, `"}`...)
}

// statusOf is contracts/submail.md §2: 200, but for paths that are none, and
// where the installation asks for more.
func (d *dialect) statusOf(err *core.Error, a answer) int {
	switch {
	case err.Kind == core.KindUnknownPath:
		return http.StatusNotFound
	case err.Kind == core.KindMethodNotAllowed:
		return http.StatusMethodNotAllowed
	case !d.StrictStatus:
		return http.StatusOK
	case err.ToldToWait() && err.Kind != core.KindSpendCap:
		return http.StatusTooManyRequests
	}
	return strictStatus(a.code)
}

func strictStatus(code int) int {
	switch {
	case code >= 1307 && code <= 1311, code == 1316, code == 1317:
		return http.StatusForbidden
	case code == 1314:
		return http.StatusPaymentRequired
	case code == gatewayError:
		return http.StatusBadGateway
	case code == timeOut:
		return http.StatusRequestTimeout
	case code == deduction:
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// messageID is msg_id and send_id: 32 lower hex, new for every request
// (contracts/submail.md §3.2). It is the request's id, which is 128 bits, so that
// a customer's msg_id leads to the log; an id that a proxy gave is not unique
// enough, and is mixed with the time.
func messageID(x *facade.Exchange) string {
	if id, ok := core.DecodeID128(x.Event.RequestID); ok {
		return hex.EncodeToString(id[:])
	}
	sum := sha256.Sum256([]byte(x.Event.RequestID + x.Event.Time.String()))
	return hex.EncodeToString(sum[:16])
}
