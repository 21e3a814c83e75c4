package oneaccess

import (
	"mime"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// takesJSON tells whether a Content-Type is one that this dialect reads as JSON
// in UTF-8: absent, application/json, text/json or anything +json, with any
// spelling of the charset (contracts/oneaccess.md §1.1).
func takesJSON(contentType string) bool {
	if strings.TrimSpace(contentType) == "" {
		return true
	}
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	if media != "application/json" && media != "text/json" && !strings.HasSuffix(media, "+json") {
		return false
	}
	switch charset := strings.ToLower(params["charset"]); charset {
	case "", "utf8", "utf-8":
		return true
	default:
		return false
	}
}

// receive reads the body: size, then media type (contracts/oneaccess.md §1.3
// step 1). It is parsed only when the caller is known.
func receive(x *facade.Exchange) ([]byte, error) {
	body, err := x.ReadBody()
	if core.KindOf(err) == core.KindMalformed {
		body, err = nil, nil // it broke off: no JSON, but that is said in its turn
	}
	if err != nil {
		return nil, err
	}
	if !takesJSON(x.Request.Header.Get("Content-Type")) {
		return nil, core.E(core.KindMediaType, "Content-Type")
	}
	return body, nil
}

// required are members that must be strings and not blank, in the contract's
// order (§1.3 step 8).
func required(x *facade.Exchange, names ...string) ([]string, error) {
	values := make([]string, len(names))
	for i, name := range names {
		text, err := text(x, name)
		if err != nil {
			return nil, err
		}
		if strings.TrimSpace(text) == "" {
			return nil, core.Field(core.KindMissingField, name)
		}
		values[i] = text
	}
	return values, nil
}

// text is a member that must be a string; "" when it is missing or null.
func text(x *facade.Exchange, name string) (string, error) {
	v := x.Object.Get(name)
	if v.IsMissing() {
		return "", nil
	}
	text, ok := v.Text()
	if !ok {
		return "", core.Field(core.KindBadField, name)
	}
	return text, nil
}

// codeOf is a code as the user typed it: 4 to 10 ASCII digits.
func codeOf(digits, name string) (core.Code, error) {
	if !core.ValidCodeDigits(digits) {
		return core.Code{}, core.Field(core.KindBadField, name)
	}
	return core.CodeFromDigits(digits), nil
}
