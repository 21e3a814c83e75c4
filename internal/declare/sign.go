package declare

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
)

// Digest makes a signature out of a text.
type Digest struct {
	algorithm, encoding string
	key                 core.Secret // of hmac-sha256
}

// NewDigest returns one. table is the key that must hold the secret.
func NewDigest(table, algorithm, encoding string, key core.Secret) (Digest, error) {
	if encoding == "" {
		encoding = "hex"
	}
	switch {
	case algorithm != "hmac-sha256" && algorithm != "md5":
		return Digest{}, fmt.Errorf("%q is not one of hmac-sha256, md5", algorithm)
	case encoding != "hex" && encoding != "base64":
		return Digest{}, fmt.Errorf("its encoding %q is not one of hex, base64", encoding)
	case key.IsZero():
		return Digest{}, fmt.Errorf("needs %s", table)
	}
	return Digest{algorithm: algorithm, encoding: encoding, key: key}, nil
}

// Of is the text's signature.
func (d Digest) Of(text string) string {
	var sum []byte
	if d.algorithm == "md5" {
		all := md5.Sum([]byte(text))
		sum = all[:]
	} else {
		mac := hmac.New(sha256.New, []byte(d.key.Reveal()))
		mac.Write([]byte(text))
		sum = mac.Sum(nil)
	}
	if d.encoding == "base64" {
		return base64.StdEncoding.EncodeToString(sum)
	}
	return hex.EncodeToString(sum)
}

// Encoding is hex or base64.
func (d Digest) Encoding() string { return d.encoding }

// Sorted is k=v of every parameter but those left out, in the names' order,
// joined.
func Sorted(form url.Values, join string, without ...string) string {
	names := make([]string, 0, len(form))
	for name := range form {
		if !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			b.WriteString(join)
		}
		b.WriteString(name + "=" + form.Get(name))
	}
	return b.String()
}
