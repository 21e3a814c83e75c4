package camara

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/oauth"
)

// answer is how an error looks on the wire (contracts/camara.md §1). As an error
// it is a reason that only this dialect tells apart; see fail.
type answer struct {
	status  int
	code    string
	message string
}

// Error is the code.
func (a answer) Error() string { return a.code }

// The table of contracts/camara.md §1.
var (
	invalidArgument  = answer{http.StatusBadRequest, "INVALID_ARGUMENT", "Client specified an invalid argument, request body or query param."}
	unauthenticated  = answer{http.StatusUnauthorized, "UNAUTHENTICATED", "Request not authenticated due to missing, invalid, or expired credentials. A new authentication is required."}
	permissionDenied = answer{http.StatusForbidden, "PERMISSION_DENIED", "Client does not have sufficient permissions to perform this action."}
	notFound         = answer{http.StatusNotFound, "NOT_FOUND", "The specified resource is not found."}
	methodNotAllowed = answer{http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "The requested method is not allowed/supported on the target resource."}
	mediaType        = answer{http.StatusUnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", "The server refuses to accept the request because the payload format is in an unsupported format."}
	quotaExceeded    = answer{http.StatusTooManyRequests, "QUOTA_EXCEEDED", "Out of resource quota."}
	tooManyRequests  = answer{http.StatusTooManyRequests, "TOO_MANY_REQUESTS", "Rate limit reached."}
	internal         = answer{http.StatusInternalServerError, "INTERNAL", "Unknown server error. Typically a server bug."}
	badGateway       = answer{http.StatusBadGateway, "BAD_GATEWAY", "An upstream internal service cannot be reached."}
	unavailable      = answer{http.StatusServiceUnavailable, "UNAVAILABLE", "Service Unavailable."}
	timedOut         = answer{http.StatusGatewayTimeout, "TIMEOUT", "Request timeout exceeded."}
)

// Those of one API (contracts/camara.md §2.1, §3.1, §3.2).
var (
	notByNetwork        = answer{http.StatusForbidden, "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK", "Client must authenticate via the mobile network to use this service"}
	maxCodesExceeded    = answer{http.StatusForbidden, "ONE_TIME_PASSWORD_SMS.MAX_OTP_CODES_EXCEEDED", "Too many OTPs have been requested for this MSISDN. Try later."}
	phoneNotAllowed     = answer{http.StatusForbidden, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_NOT_ALLOWED", "Phone_number can't receive an SMS due to business reasons in the operator."}
	phoneBlocked        = answer{http.StatusForbidden, "ONE_TIME_PASSWORD_SMS.PHONE_NUMBER_BLOCKED", "Phone_number is blocked to receive SMS due to any blocking business reason in the operator."}
	invalidOTP          = answer{http.StatusBadRequest, "ONE_TIME_PASSWORD_SMS.INVALID_OTP", "The provided OTP is not valid for this authenticationId"}
	verificationFailed  = answer{http.StatusBadRequest, "ONE_TIME_PASSWORD_SMS.VERIFICATION_FAILED", "The maximum number of attempts for this authenticationId was exceeded without providing a valid OTP"}
	verificationExpired = answer{http.StatusBadRequest, "ONE_TIME_PASSWORD_SMS.VERIFICATION_EXPIRED", "The authenticationId is no longer valid"}
)

// fail is an error with an answer of its own.
func fail(kind core.Kind, a answer) error { return core.Wrap(kind, a, "") }

// answers maps every kind that reaches a caller without an answer of its own.
var answers = map[core.Kind]answer{
	core.KindInternal:                internal,
	core.KindMalformed:               invalidArgument,
	core.KindMissingField:            invalidArgument,
	core.KindBadField:                invalidArgument,
	core.KindUnauthenticated:         unauthenticated,
	core.KindForbidden:               permissionDenied,
	core.KindRateLimited:             tooManyRequests,
	core.KindLocked:                  phoneBlocked,
	core.KindChallengeRequired:       tooManyRequests, // the dialect has no challenge
	core.KindBlocked:                 phoneBlocked,
	core.KindInvalidPhone:            phoneNotAllowed,
	core.KindTestNumber:              phoneNotAllowed,
	core.KindInvalidCodeFormat:       invalidArgument,
	core.KindWrongCode:               invalidOTP,
	core.KindInsufficientBalance:     quotaExceeded,
	core.KindSpendCap:                quotaExceeded, // contracts/camara.md §3.1: "balance or spend cap"
	core.KindInvalidID:               invalidArgument,
	core.KindNotFound:                notFound,
	core.KindProvisioningUnreachable: badGateway,
	core.KindProvisioningRefused:     badGateway,
	core.KindUnknownPath:             notFound,
	core.KindMethodNotAllowed:        methodNotAllowed,
	core.KindBodyTooLarge:            invalidArgument,
	core.KindMediaType:               mediaType,
	core.KindConflict:                internal,
	core.KindOverloaded:              unavailable,
	core.KindTemplatePending:         internal,
	core.KindTemplateRejected:        internal,
	core.KindTemplateType:            internal,
	core.KindSignatureMissing:        internal,
	core.KindParametersEmpty:         internal,
	core.KindParametersMissing:       internal,
	core.KindForbiddenWord:           invalidArgument,
	core.KindForbiddenSymbol:         invalidArgument,
	core.KindContentTooLong:          invalidArgument,
	core.KindOptedOut:                phoneBlocked,
	core.KindRepeated:                maxCodesExceeded,
	core.KindWrongState:              internal,
	core.KindChallengeFailed:         internal,
}

// numberLimits are the limits about a number; the others are the client's or
// its address's (contracts/camara.md §3.1).
func isNumberLimit(rule string) bool {
	return strings.HasPrefix(rule, "number_") || rule == "content"
}

// answerTo is an error's answer at an endpoint.
func answerTo(endpoint string, err *core.Error) answer {
	var own answer
	if errors.As(err, &own) {
		return own
	}
	if endpoint == sendCode && err.Kind == core.KindRateLimited && isNumberLimit(err.Detail) {
		return maxCodesExceeded
	}
	if a, ok := answers[err.Kind]; ok {
		return a
	}
	return internal
}

// refuse writes {"status":400,"code":"…","message":"…"}, or the authorization
// server's own shape.
func (d *dialect) refuse(x *facade.Exchange, err *core.Error) {
	_ = d.correlate(x) // once more: it was not there, or is the same
	x.ContentType = contentType
	if x.Route != nil && isOAuth(x.Event.Route) {
		refuseOAuth(x, err)
		return
	}
	a := answerTo(x.Event.Route, err)
	x.Status, x.Event.Code = a.status, a.code
	if a.status == http.StatusUnauthorized {
		x.SetHeader("Www-Authenticate", "Bearer")
	}
	x.Out = append(x.Out, `{"status":`...)
	x.Out = strconv.AppendInt(x.Out, int64(a.status), 10)
	x.Out = append(x.Out, `,"code":"`...)
	x.Out = append(x.Out, a.code...)
	x.Out = append(x.Out, `","message":"`...)
	x.Out = append(x.Out, a.message...)
	x.Out = append(x.Out, `"}`...)
}

// isOAuth tells the endpoints of the authorization server.
func isOAuth(endpoint string) bool {
	return endpoint == token || endpoint == authorize || endpoint == jwks || endpoint == discovery
}

// refuseOAuth writes {"error":"…","error_description":"…"} (contracts/camara.md
// §4.3).
func refuseOAuth(x *facade.Exchange, err *core.Error) {
	refused := oauthError(err)
	x.Status, x.Event.Code = http.StatusBadRequest, refused.Code
	switch {
	case refused.Code == "invalid_client":
		x.Status = http.StatusUnauthorized
		if _, tried := basicAuthorization(x); tried {
			x.SetHeader("Www-Authenticate", `Basic realm="yanma"`)
		}
	case err.Kind == core.KindRateLimited:
		x.Status = http.StatusTooManyRequests
	case err.Kind == core.KindOverloaded:
		x.Status = http.StatusServiceUnavailable
	case refused.Code == "server_error":
		x.Status = http.StatusInternalServerError
	}
	x.Out = append(x.Out, `{"error":`...)
	x.Out = facade.AppendString(x.Out, refused.Code)
	x.Out = append(x.Out, `,"error_description":`...)
	x.Out = facade.AppendString(x.Out, refused.Description)
	x.Out = append(x.Out, '}')
}

// oauthError is an error in the protocol's terms.
func oauthError(err *core.Error) *oauth.Error {
	var refused *oauth.Error
	if errors.As(err, &refused) {
		return refused
	}
	switch err.Kind {
	case core.KindRateLimited, core.KindOverloaded:
		return &oauth.Error{Code: "temporarily_unavailable", Description: "Try again later."}
	case core.KindMalformed, core.KindMissingField, core.KindBadField, core.KindBodyTooLarge, core.KindMediaType:
		return &oauth.Error{Code: "invalid_request", Description: "The request can not be read."}
	default:
		return &oauth.Error{Code: "server_error", Description: "Unexpected system error."}
	}
}
