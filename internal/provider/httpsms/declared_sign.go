package httpsms

import (
	"errors"
	"fmt"
	"net/url"

	"yanma.dev/yanma/internal/declare"
)

// signer puts a signature into a request.
type signer struct {
	declare.Digest
	over, value   declare.Template
	field, header string
}

func (d *declared) compileSign() error {
	s := d.cfg.Request.Sign
	if s.Algorithm == "" {
		if s != (Sign{}) {
			return errors.New("request.sign.algorithm: must be set, hmac-sha256 or md5")
		}
		return nil
	}
	if s.Algorithm == "md5" {
		setDefault(&s.Over, "{sorted}{password}")
	}
	setDefault(&s.Over, "{body}")
	setDefault(&s.Value, "{sign}")
	made := &signer{field: s.Field, header: s.Header}
	var err error
	if made.Digest, err = declare.NewDigest("password", s.Algorithm, s.Encoding, d.cfg.Password); err != nil {
		return fmt.Errorf("request.sign.algorithm: %w", err)
	}
	signable := func(name string) bool { return inMessage(name) || name == "sorted" || name == "body" || name == "path" }
	if made.over, err = declare.Parse(s.Over, signable); err != nil {
		return fmt.Errorf("request.sign.over: %w", err)
	}
	if made.value, err = declare.Parse(s.Value, func(name string) bool { return inMessage(name) || name == "sign" }); err != nil {
		return fmt.Errorf("request.sign.value: %w", err)
	}
	d.note(made.over)
	d.note(made.value)
	switch {
	case (s.Field == "") == (s.Header == ""):
		return errors.New("request.sign: needs either field or header, to say where the signature goes")
	case s.Field != "" && d.encoding == "json":
		return errors.New("request.sign.field: there are no fields in json; use header")
	case s.Header != "" && !isToken(s.Header):
		return fmt.Errorf("request.sign.header: %q is not a header", s.Header)
	}
	d.sign = made
	return nil
}

// of is the value that goes into the field or header.
func (s *signer) of(form url.Values, body, path string, value func(string) string) string {
	if s == nil {
		return ""
	}
	signature := s.Digest.Of(s.over.Render(func(name string) string {
		switch name {
		case "sorted":
			return declare.Sorted(form, "&")
		case "body":
			if body == "" {
				return form.Encode()
			}
			return body
		case "path":
			return path
		}
		return value(name)
	}))
	return s.value.Render(func(name string) string {
		if name == "sign" {
			return signature
		}
		return value(name)
	})
}
