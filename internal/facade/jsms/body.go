package jsms

import (
	"mime"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/guard"
	"yanma.dev/yanma/internal/tenant"
)

// jsonMedia are the types under which public clients send JSON
// (contracts/jsms.md §1.2); none is taken, too.
var jsonMedia = map[string]bool{"application/json": true, "text/plain": true, "application/x-www-form-urlencoded": true, "application/octet-stream": true}

// readObject reads a body that must be a JSON object.
func readObject(x *facade.Exchange) error {
	if header := x.Request.Header.Get("Content-Type"); header != "" {
		media, _, err := mime.ParseMediaType(header)
		if !jsonMedia[media] && (err == nil || media != "" || !jsonMedia[strings.ToLower(strings.TrimSpace(header))]) {
			return core.E(core.KindMediaType, "Content-Type")
		}
	}
	body, err := x.ReadBody()
	if err != nil {
		return err
	}
	if len(body) == 0 {
		return core.Field(core.KindMissingField, "body")
	}
	return x.Object.Parse(body)
}

// isBlank tells whether a member is missing, null or "".
func isBlank(v facade.Value) bool {
	text, isText := v.Text()
	return v.IsMissing() || isText && text == ""
}

// textOrNumber is a member that public clients send as a string or as a number:
// its characters. False for other types.
func textOrNumber(v facade.Value) (string, bool) {
	if text, ok := v.Text(); ok {
		return text, true
	}
	return v.Number()
}

// mobileOf is the number that a value names. KindMissingField, KindMalformed for
// a type that no client sends, KindInvalidPhone.
func mobileOf(v facade.Value, app *tenant.App) (core.Phone, error) {
	if isBlank(v) {
		return core.Phone{}, core.Field(core.KindMissingField, "mobile")
	}
	literal, ok := textOrNumber(v)
	if !ok {
		return core.Phone{}, core.E(core.KindMalformed, "mobile")
	}
	return guard.ParsePhone(literal, app.Phones)
}

// integerOf is a member that is an integer, or the digits of one in a string.
// there is false when it is missing, null or ""; KindMalformed for anything
// else.
func integerOf(x *facade.Exchange, name string) (n int64, there bool, err error) {
	v := x.Object.Get(name)
	if isBlank(v) {
		return 0, false, nil
	}
	literal, ok := textOrNumber(v)
	if !ok {
		return 0, false, core.E(core.KindMalformed, name)
	}
	if n, err = strconv.ParseInt(literal, 10, 64); err != nil {
		return 0, false, core.E(core.KindMalformed, name)
	}
	return n, true, nil
}

// reference is the id of a template or signature: an integer, its digits, or an
// id that was issued elsewhere (contracts/README.md §3.5).
func reference(v facade.Value, name string) (string, error) {
	if text, ok := v.Text(); ok {
		return text, nil
	}
	literal, ok := v.Number()
	if !ok || strings.ContainsAny(literal, ".eE") {
		return "", core.E(core.KindMalformed, name)
	}
	return literal, nil
}

// textOf is a member that must be a string; "" when it is missing or null.
func textOf(x *facade.Exchange, name string) (string, error) {
	v := x.Object.Get(name)
	if v.IsMissing() {
		return "", nil
	}
	text, ok := v.Text()
	if !ok {
		return "", core.E(core.KindMalformed, name)
	}
	return text, nil
}
