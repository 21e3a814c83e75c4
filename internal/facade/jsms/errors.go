package jsms

import (
	"net/http"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// code is a return code (contracts/jsms.md §13).
type code int

// The codes that are sent.
const (
	missingAuth         code = 50001
	authFailed          code = 50002
	missingBody         code = 50003
	missingMobile       code = 50004
	missingTempID       code = 50005
	invalidMobile       code = 50006
	invalidBody         code = 50007
	noSMSAuth           code = 50008
	outOfFreq           code = 50009
	invalidCode         code = 50010
	expiredCode         code = 50011
	verifiedCode        code = 50012
	invalidTempID       code = 50013
	noMoney             code = 50014
	missingCode         code = 50015
	apiNotFound         code = 50016
	mediaNotSupported   code = 50017
	methodNotSupported  code = 50018
	serverError         code = 50019
	templateAudited     code = 50020
	templateNotPass     code = 50021
	paramsNotReplaced   code = 50022
	paramsEmpty         code = 50023
	unsubscribed        code = 50024
	wrongTemplateType   code = 50025
	wrongMsgID          code = 50026
	invalidSendTime     code = 50027
	invalidScheduleID   code = 50028
	wrongScheduleStatus code = 50029
	recipientsEmpty     code = 50030
	tooMuchRecipients   code = 50031
	quotaNotAssigned    code = 50033
	repeatSend          code = 50034
	illegalIP           code = 50035
	appInBlack          code = 50036
	hasBlackWord        code = 50037
	invalidLength       code = 50038
	invalidCodeType     code = 50039
	invalidVoiceLang    code = 50040
	invalidTTL          code = 50041
	templateEmpty       code = 50042
	templateTooLong     code = 50043
	templateParameter   code = 50044
	remarkTooLong       code = 50045
	signatureNotSet     code = 50046
	modifyNotAllowed    code = 50047
	templateSymbol      code = 50052
	specialParameter    code = 50053
	contentSymbol       code = 50054
	invalidImage        code = 50101
	invalidSignID       code = 50102
	signsInAudit        code = 50103
	invalidSignature    code = 50104
	defaultSignature    code = 50105
)

// answer is how a code looks on the wire.
type answer struct {
	status  int
	message string
}

// answers is the table of contracts/jsms.md §13, its messages verbatim.
var answers = map[code]answer{
	missingAuth:         {http.StatusBadRequest, "missing auth"},
	authFailed:          {http.StatusUnauthorized, "auth failed"},
	missingBody:         {http.StatusBadRequest, "missing body"},
	missingMobile:       {http.StatusBadRequest, "missing mobile"},
	missingTempID:       {http.StatusBadRequest, "missing temp_id"},
	invalidMobile:       {http.StatusForbidden, "invalid mobile"},
	invalidBody:         {http.StatusForbidden, "invalid body"},
	noSMSAuth:           {http.StatusForbidden, "no sms code auth"},
	outOfFreq:           {http.StatusForbidden, "out of freq"},
	invalidCode:         {http.StatusForbidden, "invalid code"},
	expiredCode:         {http.StatusForbidden, "expired code"},
	verifiedCode:        {http.StatusForbidden, "verified code"},
	invalidTempID:       {http.StatusForbidden, "invalid temp_id"},
	noMoney:             {http.StatusForbidden, "no money"},
	missingCode:         {http.StatusBadRequest, "missing code"},
	apiNotFound:         {http.StatusNotFound, "api not found"},
	mediaNotSupported:   {http.StatusUnsupportedMediaType, "media not supported"},
	methodNotSupported:  {http.StatusMethodNotAllowed, "request method not support"},
	serverError:         {http.StatusInternalServerError, "server error"},
	templateAudited:     {http.StatusForbidden, "template audited"},
	templateNotPass:     {http.StatusForbidden, "template not pass"},
	paramsNotReplaced:   {http.StatusForbidden, "parameters not all replaced"},
	paramsEmpty:         {http.StatusForbidden, "parameters is empty"},
	unsubscribed:        {http.StatusForbidden, "unsubscribed mobile"},
	wrongTemplateType:   {http.StatusForbidden, "wrong template type"},
	wrongMsgID:          {http.StatusForbidden, "wrong msg_id"},
	invalidSendTime:     {http.StatusForbidden, "invalid send_time"},
	invalidScheduleID:   {http.StatusForbidden, "invalid schedule_id"},
	wrongScheduleStatus: {http.StatusForbidden, "wrong schedule status"},
	recipientsEmpty:     {http.StatusForbidden, "recipients is empty"},
	tooMuchRecipients:   {http.StatusForbidden, "too much recipients"},
	quotaNotAssigned:    {http.StatusForbidden, "app quota not assigned"},
	repeatSend:          {http.StatusForbidden, "repeat send"},
	illegalIP:           {http.StatusForbidden, "illegal IP"},
	appInBlack:          {http.StatusForbidden, "app in black"},
	hasBlackWord:        {http.StatusForbidden, "has black word"},
	invalidLength:       {http.StatusForbidden, "invalid content length"},
	invalidCodeType:     {http.StatusForbidden, "invalid code type"},
	invalidVoiceLang:    {http.StatusForbidden, "invalid voice language type"},
	invalidTTL:          {http.StatusForbidden, "invalid ttl value"},
	templateEmpty:       {http.StatusForbidden, "template is empty"},
	templateTooLong:     {http.StatusForbidden, "template too long"},
	templateParameter:   {http.StatusForbidden, "template parameter invalid"},
	remarkTooLong:       {http.StatusForbidden, "remark too long"},
	signatureNotSet:     {http.StatusForbidden, "signature not set"},
	modifyNotAllowed:    {http.StatusForbidden, "modify template not allow"},
	templateSymbol:      {http.StatusForbidden, "template contains special symbol"},
	specialParameter:    {http.StatusForbidden, "special template parameter need extra remark for confirmation"},
	contentSymbol:       {http.StatusForbidden, "content contains special symbol"},
	invalidImage:        {http.StatusForbidden, "invalid image"},
	invalidSignID:       {http.StatusForbidden, "invalid sign id"},
	signsInAudit:        {http.StatusForbidden, "other signatures in the audit"},
	invalidSignature:    {http.StatusForbidden, "invalid signature"},
	defaultSignature:    {http.StatusForbidden, "default signature cannot be deleted"},
}

// kinds are the codes of errors that use-cases and the transport return. A kind
// that means something else about one member stands in fields.
var kinds = map[core.Kind]code{
	core.KindInternal:                serverError,
	core.KindMalformed:               invalidBody,
	core.KindMissingField:            invalidBody,
	core.KindBadField:                invalidBody,
	core.KindUnauthenticated:         authFailed,
	core.KindForbidden:               noSMSAuth,
	core.KindRateLimited:             outOfFreq,
	core.KindLocked:                  outOfFreq, // a send to a locked number (contracts/jsms.md §4)
	core.KindChallengeRequired:       outOfFreq, // the dialect has no challenge
	core.KindBlocked:                 outOfFreq,
	core.KindInvalidPhone:            invalidMobile,
	core.KindTestNumber:              invalidMobile, // the dialect has no test numbers
	core.KindInvalidCodeFormat:       invalidCode,
	core.KindWrongCode:               invalidCode,
	core.KindInsufficientBalance:     noMoney,
	core.KindSpendCap:                noMoney,
	core.KindInvalidID:               wrongMsgID,
	core.KindNotFound:                invalidTempID,
	core.KindProvisioningUnreachable: serverError,
	core.KindProvisioningRefused:     serverError,
	core.KindUnknownPath:             apiNotFound,
	core.KindMethodNotAllowed:        methodNotSupported,
	core.KindBodyTooLarge:            invalidBody,
	core.KindMediaType:               mediaNotSupported,
	core.KindConflict:                serverError,
	core.KindOverloaded:              serverError,
	core.KindTemplatePending:         templateAudited,
	core.KindTemplateRejected:        templateNotPass,
	core.KindTemplateType:            wrongTemplateType,
	core.KindSignatureMissing:        invalidSignature,
	core.KindParametersEmpty:         paramsEmpty,
	core.KindParametersMissing:       paramsNotReplaced,
	core.KindForbiddenWord:           hasBlackWord,
	core.KindForbiddenSymbol:         contentSymbol,
	core.KindContentTooLong:          invalidLength,
	core.KindOptedOut:                unsubscribed,
	core.KindRepeated:                repeatSend,
	core.KindWrongState:              modifyNotAllowed,
	core.KindChallengeFailed:         serverError,
}

// fault is a kind of error about one member of a request.
type fault struct {
	kind  core.Kind
	field string
}

// fields are the codes of errors about one member, or about what Field names.
var fields = map[fault]code{
	{core.KindMissingField, "Authorization"}:   missingAuth,
	{core.KindMissingField, "body"}:            missingBody,
	{core.KindMissingField, "mobile"}:          missingMobile,
	{core.KindMissingField, "temp_id"}:         missingTempID,
	{core.KindMissingField, "code"}:            missingCode,
	{core.KindForbidden, "address"}:            illegalIP,
	{core.KindForbidden, "app"}:                appInBlack,
	{core.KindForbidden, "quota"}:              quotaNotAssigned,
	{core.KindWrongCode, "expired"}:            expiredCode,
	{core.KindWrongCode, "used"}:               verifiedCode,
	{core.KindNotFound, "msg_id"}:              wrongMsgID,
	{core.KindBadField, "ttl"}:                 invalidTTL,
	{core.KindBadField, "voice_lang"}:          invalidVoiceLang,
	{core.KindNotFound, "template"}:            invalidTempID,
	{core.KindNotFound, "signature"}:           invalidSignID,
	{core.KindSignatureMissing, "app"}:         signatureNotSet,
	{core.KindMissingField, "text"}:            templateEmpty,
	{core.KindContentTooLong, "text"}:          templateTooLong,
	{core.KindForbiddenSymbol, "text"}:         templateSymbol,
	{core.KindBadField, "placeholders"}:        templateParameter,
	{core.KindBadField, "remark"}:              remarkTooLong,
	{core.KindBadField, "link"}:                specialParameter,
	{core.KindBadField, "signature"}:           invalidSignature,
	{core.KindBadField, "image"}:               invalidImage,
	{core.KindWrongState, "template"}:          modifyNotAllowed,
	{core.KindWrongState, "signature"}:         signsInAudit,
	{core.KindWrongState, "default_signature"}: defaultSignature,
	{core.KindMissingField, "recipients"}:      recipientsEmpty,
	{core.KindBadField, "recipients"}:          tooMuchRecipients,
	{core.KindBadField, "send_time"}:           invalidSendTime,
	{core.KindNotFound, "schedule"}:            invalidScheduleID,
	{core.KindWrongState, "schedule"}:          wrongScheduleStatus,
	{core.KindInvalidCodeFormat, "digits"}:     invalidCodeType,
	{core.KindInvalidCodeFormat, "length"}:     invalidLength,
}

// codeOf is the code of an error.
func codeOf(err *core.Error) code {
	if c, ok := fields[fault{err.Kind, err.Field}]; ok {
		return c
	}
	if c, ok := kinds[err.Kind]; ok {
		return c
	}
	return serverError
}

// refuse writes an error in the dialect's shape. On the route that checks codes
// every failure says first that the code is not valid (contracts/jsms.md §4).
func refuse(x *facade.Exchange, err *core.Error) {
	c := codeOf(err)
	a := answers[c]
	if c == authFailed {
		x.SetHeader("Www-Authenticate", `Basic realm="jsms"`)
	}
	x.Status, x.Event.Code = a.status, strconv.Itoa(int(c))
	x.Out = append(x.Out, '{')
	if x.Route != nil && x.Route.Name == valid {
		x.Out = append(x.Out, `"is_valid":false,`...)
	}
	x.Out = append(x.Out, `"error":{"code":`...)
	x.Out = strconv.AppendInt(x.Out, int64(c), 10)
	x.Out = append(x.Out, `,"message":`...)
	x.Out = append(facade.AppendString(x.Out, a.message), `}}`...)
}
