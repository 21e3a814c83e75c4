package httpsms

import (
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"

	"yanma.dev/yanma/internal/core"
)

// digest makes a signature out of a text.
type digest struct {
	algorithm, encoding string
	key                 core.Secret // of hmac-sha256
}

func newDigest(table, algorithm, encoding string, key core.Secret) (digest, error) {
	setDefault(&encoding, "hex")
	switch {
	case algorithm != "hmac-sha256" && algorithm != "md5":
		return digest{}, fmt.Errorf("%q is not one of hmac-sha256, md5", algorithm)
	case encoding != "hex" && encoding != "base64":
		return digest{}, fmt.Errorf("its encoding %q is not one of hex, base64", encoding)
	case key.IsZero():
		return digest{}, fmt.Errorf("needs %s", table)
	}
	return digest{algorithm: algorithm, encoding: encoding, key: key}, nil
}

func (d digest) of(text string) string {
	var sum []byte
	if d.algorithm == "md5" {
		all := md5.Sum([]byte(text))
		sum = all[:]
	} else {
		sum = hmacSHA256([]byte(d.key.Reveal()), text)
	}
	if d.encoding == "base64" {
		return base64.StdEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}

// signer puts a signature into a request.
type signer struct {
	digest
	over, value   template
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
	if made.digest, err = newDigest("password", s.Algorithm, s.Encoding, d.cfg.Password); err != nil {
		return fmt.Errorf("request.sign.algorithm: %w", err)
	}
	signable := func(name string) bool { return inMessage(name) || name == "sorted" || name == "body" || name == "path" }
	if made.over, err = parseTemplate(s.Over, signable); err != nil {
		return fmt.Errorf("request.sign.over: %w", err)
	}
	if made.value, err = parseTemplate(s.Value, func(name string) bool { return inMessage(name) || name == "sign" }); err != nil {
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
	signature := s.digest.of(s.over.render(func(name string) string {
		switch name {
		case "sorted":
			return sorted(form, "&")
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
	return s.value.render(func(name string) string {
		if name == "sign" {
			return signature
		}
		return value(name)
	})
}
