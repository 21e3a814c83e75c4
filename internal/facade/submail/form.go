package submail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/url"
	"strings"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
)

// form is the members of a request, as they were received. A member that is
// missing, or of a type that counts as empty, is "" (contracts/submail.md §1).
type form struct {
	appid, signature, os, timestamp, token, number, browser, kind, auth, session, id, code, after string
}

// field is where a member of a name belongs; nil for one that nobody asks for.
func (f *form) field(name string) *string {
	switch name {
	case "appid":
		return &f.appid
	case "signature":
		return &f.signature
	case "os":
		return &f.os
	case "timestamp":
		return &f.timestamp
	case "token":
		return &f.token
	case "mobile_number":
		return &f.number
	case "userInformation":
		return &f.browser
	case "type":
		return &f.kind
	case "auth":
		return &f.auth
	case "session":
		return &f.session
	case "id":
		return &f.id
	case "code":
		return &f.code
	case "after":
		return &f.after
	}
	return nil
}

// readForm reads the body in whichever form it came. A body that is broken has
// no members; only a type that is not taken is an error (contracts/submail.md §1).
func readForm(x *facade.Exchange) (form, error) {
	body, err := x.ReadBody()
	switch {
	case core.KindOf(err) == core.KindMalformed:
		return form{}, nil
	case err != nil:
		return form{}, err
	}
	contentType := x.Request.Header.Get("Content-Type")
	if contentType == "" {
		if looksLikeObject(body) {
			return jsonForm(x, body), nil
		}
		return urlForm(body), nil
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		kind, _, _ = strings.Cut(contentType, ";")
		kind = strings.ToLower(strings.TrimSpace(kind))
	}
	switch kind {
	case "application/json":
		return jsonForm(x, body), nil
	case "application/x-www-form-urlencoded":
		return urlForm(body), nil
	case "multipart/form-data":
		return multipartForm(body, params["boundary"]), nil
	}
	return form{}, core.E(core.KindMediaType, "Content-Type")
}

func looksLikeObject(body []byte) bool {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	return len(body) > 0 && body[0] == '{'
}

// names are the members, for a body that is decoded whole.
var names = [...]string{"appid", "signature", "os", "timestamp", "token", "mobile_number", "userInformation", "type", "auth", "session", "id", "code", "after"}

func jsonForm(x *facade.Exchange, body []byte) (f form) {
	if x.Object.Parse(body) != nil {
		return form{}
	}
	for _, name := range names {
		value := x.Object.Get(name)
		text, isText := value.Text()
		if !isText {
			text, _ = value.Number() // strings and numbers alike; the rest is empty
		}
		*f.field(name) = text
	}
	return f
}

// urlForm takes the last of a repeated field.
func urlForm(body []byte) (f form) {
	rest := string(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	for more := true; more; {
		var pair string
		pair, rest, more = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil || !isText(name) {
			return form{}
		}
		if value, err = url.QueryUnescape(value); err != nil || !isText(value) {
			return form{}
		}
		if to := f.field(name); to != nil {
			*to = value
		}
	}
	return f
}

// multipartForm ignores parts that are files.
func multipartForm(body []byte, boundary string) (f form) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return f
		}
		if err != nil {
			return form{}
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return form{}
		}
		_, params, err := mime.ParseMediaType(part.Header.Get("Content-Disposition"))
		if err != nil {
			return form{}
		}
		if _, isFile := params["filename"]; isFile {
			continue
		}
		if !isText(params["name"]) || !isText(string(value)) {
			return form{}
		}
		if to := f.field(params["name"]); to != nil {
			*to = string(value)
		}
	}
}

// isText is what README.md §3.1 asks of strings in JSON, and this dialect of
// every form: UTF-8 without NUL.
func isText(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }
