package outbox

import (
	"bytes"
	"encoding/binary"
	"errors"
)

// What Message.Body holds before it is sealed: the text, and for a message made
// of a template a NUL and the template's parameters, each as two strings with
// their lengths before them. No text has a NUL (message.Validate…). So a message
// that is taken up from its row reaches the carriers that take templates only.

// AppendContent appends what Body holds of a text and its template's parameters.
func AppendContent(dst []byte, text string, params map[string]string) []byte {
	dst = append(dst, text...)
	if len(params) == 0 {
		return dst
	}
	dst = append(dst, 0)
	for name, value := range params {
		dst = appendString(dst, name)
		dst = appendString(dst, value)
	}
	return dst
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// errContent says that a body was not written by AppendContent.
var errContent = errors.New("the content is cut short")

// ParseContent is the inverse of AppendContent.
func ParseContent(body []byte) (text string, params map[string]string, err error) {
	own, rest, templated := bytes.Cut(body, []byte{0})
	if !templated {
		return string(own), nil, nil
	}
	params = map[string]string{}
	for len(rest) > 0 {
		var name, value string
		if name, rest, err = cutString(rest); err != nil {
			return "", nil, err
		}
		if value, rest, err = cutString(rest); err != nil {
			return "", nil, err
		}
		params[name] = value
	}
	return string(own), params, nil
}

func cutString(from []byte) (s string, rest []byte, err error) {
	n, size := binary.Uvarint(from)
	if size <= 0 || n > uint64(len(from)-size) {
		return "", nil, errContent
	}
	end := size + int(n)
	return string(from[size:end]), from[end:], nil
}
