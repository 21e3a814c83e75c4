package oauth

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// Form is the parameters of a request. An empty value is as if it were not
// there (RFC 6749 §3.1).
type Form struct {
	values url.Values
}

// ParseForm reads application/x-www-form-urlencoded, from a body or a query.
// invalid_request: what can not be decoded, is no UTF-8, holds a NUL, or stands
// there twice.
func ParseForm(text string) (Form, error) {
	values, err := url.ParseQuery(text)
	if err != nil {
		return Form{}, refuse("invalid_request", "The parameters can not be decoded.")
	}
	for name, all := range values {
		if len(all) > 1 {
			return Form{}, refuse("invalid_request", "A parameter stands there twice.")
		}
		if !isText(name) || !isText(all[0]) {
			return Form{}, refuse("invalid_request", "A parameter is no UTF-8, or holds a NUL.")
		}
	}
	return Form{values: values}, nil
}

func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// Get is a parameter's value, "" when it is not there.
func (f Form) Get(name string) string { return f.values.Get(name) }

// Has tells whether the parameter is there with a value.
func (f Form) Has(name string) bool { return f.values.Get(name) != "" }
