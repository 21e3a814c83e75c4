package yunbox

import (
	"net/http"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// answer is how a kind of error looks on the wire (contracts/yunbox.md §2).
type answer struct {
	code   string
	status int
	msg    string
}

const (
	textNotJSON    = "Request format is not JSON."
	textNoKey      = "Missing arguments key in the JSON."
	textNoPhone    = "Missing arguments phone_no or key in the JSON."
	textBadKey     = "Invalid key. Contact your account manager to obtain an API key."
	textTunnel     = "System error. Failed to create tunnel configuration."
	textUnexpected = "Unexpected system error."
)

// answers is the table of contracts/yunbox.md §2, and README.md §3.2 for the
// transport. KindMissingField has two texts: see answerTo. The time in 0074 is
// filled in by appendAnswer.
var answers = map[core.Kind]answer{
	core.KindMalformed:               {"0070", http.StatusOK, textNotJSON},
	core.KindMediaType:               {"0070", http.StatusOK, textNotJSON},
	core.KindBadField:                {"0070", http.StatusOK, textNotJSON},
	core.KindUnknownPath:             {"0070", http.StatusNotFound, "Endpoint does not exist."},
	core.KindMethodNotAllowed:        {"0070", http.StatusMethodNotAllowed, "Method not allowed."},
	core.KindBodyTooLarge:            {"0070", http.StatusRequestEntityTooLarge, "Request body is too large."},
	core.KindMissingField:            {"0071", http.StatusOK, textNoKey},
	core.KindUnauthenticated:         {"0073", http.StatusOK, textBadKey},
	core.KindForbidden:               {"0073", http.StatusOK, textBadKey},
	core.KindRateLimited:             {"0074", http.StatusTooManyRequests, "Too many requests. Try again in "},
	core.KindLocked:                  {"0074", http.StatusTooManyRequests, "Too many requests. Try again in "},
	core.KindChallengeRequired:       {"0074", http.StatusTooManyRequests, "Too many requests. Try again in "}, // the dialect has no challenge
	core.KindBlocked:                 {"0074", http.StatusTooManyRequests, "Too many requests. Try again in "},
	core.KindInvalidPhone:            {"0075", http.StatusOK, "Invalid phone number."},
	core.KindInvalidCodeFormat:       {"0076", http.StatusOK, "Invalid format of SMS authentication code."},
	core.KindTestNumber:              {"0077", http.StatusOK, "Test phone no."},
	core.KindWrongCode:               {"0077", http.StatusOK, "Invalid or expired code."},
	core.KindProvisioningUnreachable: {"0078", http.StatusOK, textTunnel},
	core.KindProvisioningRefused:     {"0079", http.StatusOK, textTunnel},
	core.KindInsufficientBalance:     {"0100", http.StatusOK, "Insufficient balance in your account."},
	core.KindSpendCap:                {"0100", http.StatusOK, "Insufficient balance in your account."},
	core.KindInvalidID:               {"0200", http.StatusOK, "Invalid UID."},
	core.KindNotFound:                {"0202", http.StatusOK, "User does not exist."},
	core.KindConflict:                {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindOverloaded:              {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindInternal:                {"-1", http.StatusInternalServerError, textUnexpected},
	// Of template messages, which the dialect has none of.
	core.KindTemplatePending:   {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindTemplateRejected:  {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindTemplateType:      {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindSignatureMissing:  {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindParametersEmpty:   {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindParametersMissing: {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindForbiddenWord:     {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindForbiddenSymbol:   {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindContentTooLong:    {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindOptedOut:          {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindRepeated:          {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindWrongState:        {"-1", http.StatusInternalServerError, textUnexpected},
	core.KindChallengeFailed:   {"-1", http.StatusInternalServerError, textUnexpected},
}

// answerTo is a kind's answer at an endpoint.
func answerTo(endpoint string, kind core.Kind) answer {
	if kind == core.KindMissingField && (endpoint == getCode || endpoint == checkCode) {
		return answer{"0072", http.StatusOK, textNoPhone}
	}
	if a, ok := answers[kind]; ok {
		return a
	}
	return answers[core.KindInternal]
}

// refuse writes exactly {"code":"…","msg":"…"}.
func refuse(x *facade.Exchange, err *core.Error) {
	a := answerTo(x.Event.Route, err.Kind)
	x.Status, x.Event.Code = a.status, a.code
	x.Out = append(x.Out, `{"code":"`...)
	x.Out = append(x.Out, a.code...)
	x.Out = append(x.Out, `","msg":"`...)
	x.Out = append(x.Out, a.msg...)
	if a.status == http.StatusTooManyRequests {
		x.Out = strconv.AppendInt(x.Out, err.RetrySeconds(), 10)
		x.Out = append(x.Out, " seconds."...)
	}
	x.Out = append(x.Out, `"}`...)
}
