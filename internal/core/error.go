package core

import (
	"errors"
	"time"
)

// Kind is the reason of a failure, in Yanma's own terms. Every façade maps
// every kind to its dialect in one table; a test fails when one is missing.
type Kind uint8

// The kinds. KindInternal is zero on purpose: an error nobody classified is ours.
const (
	KindInternal                Kind = iota // unexpected; detail never leaves the process
	KindMalformed                           // the body is not what the dialect takes
	KindMissingField                        // a required member is missing, null or empty (Field names it)
	KindBadField                            // a member has a wrong type or value (Field names it)
	KindUnauthenticated                     // unknown credential, wrong secret, disabled app, address not allowed
	KindForbidden                           // authenticated, but not for this
	KindRateLimited                         // a limit refused; RetryAfter is exact
	KindLocked                              // too many wrong tries; RetryAfter is the time to unlock
	KindInvalidPhone                        // not a number, or a country that the app does not allow
	KindTestNumber                          // a test number where no message is sent
	KindInvalidCodeFormat                   // the code is not 4 to 10 digits
	KindWrongCode                           // none, wrong, expired, used, superseded, exhausted: all look alike
	KindInsufficientBalance                 // the account cannot pay
	KindInvalidID                           // an id of wrong syntax
	KindNotFound                            // an id that names nothing here
	KindProvisioningUnreachable             // the tunnel back end did not answer
	KindProvisioningRefused                 // it refused, the pool is exhausted, or the device cap is reached
	KindUnknownPath                         // no such endpoint
	KindMethodNotAllowed                    // Allow says which
	KindBodyTooLarge                        // over the route's cap
	KindMediaType                           // a Content-Type or Content-Encoding that is not taken
	KindConflict                            // the thing exists, or has changed meanwhile
	KindOverloaded                          // queue full or shutting down; nothing was done
	KindTemplatePending                     // a template that no operator has approved yet
	KindTemplateRejected                    // a template that an operator refused
	KindTemplateType                        // a template of another type than the call takes
	KindSignatureMissing                    // the app has no approved signature, or this one is not approved
	KindParametersEmpty                     // a template with placeholders and no parameter at all
	KindParametersMissing                   // some placeholder has no parameter (Field names it)
	KindForbiddenWord                       // a text holds a word of the operator's list
	KindForbiddenSymbol                     // a text or parameter holds 【 or 】 (Field names which)
	KindContentTooLong                      // a text is longer than the app may send (Field names which)
	KindOptedOut                            // the number opted out of this signature's marketing
	KindRepeated                            // the same text to the same number twice in one call
	KindWrongState                          // the thing can not be changed as it stands (Field names it)
	KindChallengeRequired                   // the fraud guard wants to see a person; a solved challenge would let the request pass (docs/fraud.md)
	KindBlocked                             // the fraud guard refuses, whatever is solved
	KindSpendCap                            // the app's cap on a day's spending; RetryAfter is the time to its next day
	KindChallengeFailed                     // a captcha's answer, pass or proof that is wrong, expired, used or another's: all look alike
	kindEnd
)

var kindNames = [...]string{
	KindInternal: "internal", KindMalformed: "malformed", KindMissingField: "missing_field", KindBadField: "bad_field",
	KindUnauthenticated: "unauthenticated", KindForbidden: "forbidden", KindRateLimited: "rate_limited", KindLocked: "locked",
	KindInvalidPhone: "invalid_phone", KindTestNumber: "test_number", KindInvalidCodeFormat: "invalid_code_format",
	KindWrongCode: "wrong_code", KindInsufficientBalance: "insufficient_balance", KindInvalidID: "invalid_id",
	KindNotFound: "not_found", KindProvisioningUnreachable: "provisioning_unreachable", KindProvisioningRefused: "provisioning_refused",
	KindUnknownPath: "unknown_path", KindMethodNotAllowed: "method_not_allowed", KindBodyTooLarge: "body_too_large",
	KindMediaType: "media_type", KindConflict: "conflict", KindOverloaded: "overloaded",
	KindTemplatePending: "template_pending", KindTemplateRejected: "template_rejected", KindTemplateType: "template_type",
	KindSignatureMissing: "signature_missing", KindParametersEmpty: "parameters_empty", KindParametersMissing: "parameters_missing",
	KindForbiddenWord: "forbidden_word", KindForbiddenSymbol: "forbidden_symbol", KindContentTooLong: "content_too_long",
	KindOptedOut: "opted_out", KindRepeated: "repeated", KindWrongState: "wrong_state",
	KindChallengeRequired: "challenge_required", KindBlocked: "blocked", KindSpendCap: "spend_cap",
	KindChallengeFailed: "challenge_failed",
}

// String names the kind for logs and metrics.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// Kinds lists every kind, for the tests that prove a table complete.
func Kinds() []Kind {
	all := make([]Kind, 0, int(kindEnd))
	for k := KindInternal; k < kindEnd; k++ {
		all = append(all, k)
	}
	return all
}

// Error is the one error that crosses package borders.
type Error struct {
	Kind       Kind
	Field      string        // the member at fault, where one is
	Detail     string        // for logs; holds no personal data, never shown to a caller
	RetryAfter time.Duration // for the kinds of ToldToWait; for KindRateLimited and KindLocked waiting exactly this long succeeds
	cause      error
}

// E makes an error of a kind. The detail is for logs.
func E(kind Kind, detail string) *Error { return &Error{Kind: kind, Detail: detail} }

// Wrap makes an error of a kind around its cause.
func Wrap(kind Kind, cause error, detail string) *Error {
	return &Error{Kind: kind, Detail: detail, cause: cause}
}

// Field makes an error of a kind about one member of the request.
func Field(kind Kind, field string) *Error { return &Error{Kind: kind, Field: field} }

// RetryIn makes an error of a kind that goes away after d.
func RetryIn(kind Kind, d time.Duration, detail string) *Error {
	return &Error{Kind: kind, Detail: detail, RetryAfter: d}
}

// Error says the kind, the detail and the cause.
func (e *Error) Error() string {
	text := e.Kind.String()
	if e.Field != "" {
		text += " " + e.Field
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is(err, core.E(kind, "")) true for every error of the kind.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Kind == e.Kind && t.Detail == "" && t.Field == ""
}

// KindOf is the kind of err; KindInternal for an error of nobody's.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}

// AsError finds the core error in err, or wraps err as KindInternal.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(KindInternal, err, "")
}

// ToldToWait tells the kinds that go away with time: their answers say when
// (contracts/README.md §3.2).
func (e *Error) ToldToWait() bool {
	switch e.Kind {
	case KindRateLimited, KindLocked, KindChallengeRequired, KindBlocked, KindSpendCap:
		return true
	default:
		return false
	}
}

// RetrySeconds is RetryAfter for a header: whole seconds, rounded up, at least 1.
func (e *Error) RetrySeconds() int64 {
	s := int64((e.RetryAfter + time.Second - 1) / time.Second)
	return max(s, 1)
}
