package operator

import (
	"net/http"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// answer is how a kind of error looks on the wire (contracts/README.md §2).
type answer struct {
	status  int
	message string
	detail  bool // the error's field and detail are for the operator too
}

// answers maps every kind. The code on the wire is the kind's name, but for
// unknown paths, which are not_found.
var answers = map[core.Kind]answer{
	core.KindInternal:                {http.StatusInternalServerError, "Unexpected system error. What was asked for may have taken effect.", false},
	core.KindMalformed:               {http.StatusBadRequest, "The request is not well-formed", true},
	core.KindMissingField:            {http.StatusBadRequest, "A member is missing", true},
	core.KindBadField:                {http.StatusBadRequest, "A member has a value that is not taken", true},
	core.KindUnauthenticated:         {http.StatusUnauthorized, "The token is missing or wrong.", false},
	core.KindForbidden:               {http.StatusForbidden, "This is not allowed.", false},
	core.KindRateLimited:             {http.StatusTooManyRequests, "Too many requests.", false},
	core.KindLocked:                  {http.StatusTooManyRequests, "Too many wrong tries.", false},
	core.KindInvalidPhone:            {http.StatusBadRequest, "phone: not a mobile number.", false},
	core.KindTestNumber:              {http.StatusBadRequest, "phone: a test number.", false},
	core.KindInvalidCodeFormat:       {http.StatusBadRequest, "code: want 4 to 10 digits.", false},
	core.KindWrongCode:               {http.StatusBadRequest, "The code is wrong.", false},
	core.KindInsufficientBalance:     {http.StatusConflict, "The account does not have so many unspent credits.", false},
	core.KindInvalidID:               {http.StatusBadRequest, "The path holds an id of wrong syntax", true},
	core.KindNotFound:                {http.StatusNotFound, "It does not exist", true},
	core.KindProvisioningUnreachable: {http.StatusBadGateway, "The tunnel back end did not answer.", false},
	core.KindProvisioningRefused:     {http.StatusBadGateway, "The tunnel back end refused.", false},
	core.KindUnknownPath:             {http.StatusNotFound, "There is nothing at this path.", false},
	core.KindMethodNotAllowed:        {http.StatusMethodNotAllowed, "This path does not take this method.", false},
	core.KindBodyTooLarge:            {http.StatusRequestEntityTooLarge, "The body is too large", true},
	core.KindMediaType:               {http.StatusUnsupportedMediaType, "The body is encoded in a way that is not taken", true},
	core.KindConflict:                {http.StatusConflict, "It conflicts with what there is", true},
	core.KindOverloaded:              {http.StatusServiceUnavailable, "The server is busy or stopping. Nothing was changed.", false},
	core.KindTemplatePending:         {http.StatusConflict, "The template is not approved yet", true},
	core.KindTemplateRejected:        {http.StatusConflict, "The template was rejected", true},
	core.KindTemplateType:            {http.StatusBadRequest, "The template has another type", true},
	core.KindSignatureMissing:        {http.StatusConflict, "There is no approved signature", true},
	core.KindParametersEmpty:         {http.StatusBadRequest, "The template has placeholders and there are no parameters", true},
	core.KindParametersMissing:       {http.StatusBadRequest, "A placeholder has no parameter", true},
	core.KindForbiddenWord:           {http.StatusBadRequest, "The text has a word of the list of words", true},
	core.KindForbiddenSymbol:         {http.StatusBadRequest, "The text has a 【 or 】", true},
	core.KindContentTooLong:          {http.StatusBadRequest, "The text is too long", true},
	core.KindOptedOut:                {http.StatusConflict, "The number opted out", true},
	core.KindRepeated:                {http.StatusConflict, "The same text twice to the same number", true},
	core.KindWrongState:              {http.StatusConflict, "It can not be changed as it stands", true},
	core.KindChallengeRequired:       {http.StatusTooManyRequests, "The fraud guard wants a challenge.", false},
	core.KindBlocked:                 {http.StatusTooManyRequests, "The fraud guard refuses.", false},
	core.KindChallengeFailed:         {http.StatusForbidden, "The challenge was not passed.", false},
	core.KindSpendCap:                {http.StatusConflict, "The app spent what it may spend today.", false},
}

// refuse writes {"error":{"code":"…","message":"…"}}.
func refuse(x *facade.Exchange, err *core.Error) {
	a, known := answers[err.Kind]
	if !known {
		a = answers[core.KindInternal]
	}
	x.Status, x.Event.Code = a.status, codeOf(err.Kind)
	x.Out = append(x.Out, `{"error":{"code":`...)
	x.Out = facade.AppendString(x.Out, x.Event.Code)
	x.Out = append(x.Out, `,"message":`...)
	x.Out = facade.AppendString(x.Out, a.text(err))
	x.Out = append(x.Out, `}}`...)
}

func codeOf(kind core.Kind) string {
	if kind == core.KindUnknownPath {
		kind = core.KindNotFound
	}
	return kind.String()
}

// text is the sentence, with what is known of the reason. Details of the kinds
// that show it hold no number and no secret (core.Error).
func (a answer) text(err *core.Error) string {
	if !a.detail {
		return a.message
	}
	text := a.message
	if err.Field != "" {
		text += ": " + err.Field
	}
	if err.Detail != "" {
		text += ": " + err.Detail
	}
	return text + "."
}
