package message

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

// Signature is who a text is from: it leads the text in 【】.
type Signature struct {
	ID      int64 // 0: the one of the app's settings, which has no row
	App     core.AppID
	Ref     string // the id as its app says it
	Text    string // without 【】
	Kind    uint8  // 1 company, 2 site, 3 app, 4 official account, 5 shop, 6 trade mark, 7 other (contracts/jsms.md §12)
	State   Audit
	Default bool   // the one of messages that name none
	Remark  string // for the operator who judges it
	Reason  string // why it was rejected
}

// mostSignatureKinds and longestSignatureRemark are contracts/jsms.md §12.
const (
	mostSignatureKinds     = 7
	longestSignatureRemark = 100
	longestJSMSSignature   = 8
)

// Check tells what is wrong with a signature (contracts/jsms.md §12); nil when
// an operator can judge it. Errors: KindBadField signature, type or remark.
func (s *Signature) Check() error {
	n := utf8.RuneCountInString(s.Text)
	if !utf8.ValidString(s.Text) || n < minSignature || n > longestJSMSSignature || strings.ContainsFunc(s.Text, notOfSignature) {
		return bad("signature", fmt.Sprintf("want %d to %d Chinese or Latin letters or digits", minSignature, longestJSMSSignature))
	}
	if s.Kind < 1 || s.Kind > mostSignatureKinds {
		return bad("type", "want 1 to 7")
	}
	if utf8.RuneCountInString(s.Remark) > longestSignatureRemark {
		return bad("remark", fmt.Sprintf("it has more than %d characters", longestSignatureRemark))
	}
	return nil
}

func notOfSignature(r rune) bool {
	return !unicode.Is(unicode.Han, r) && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// MostImage is how large the picture of a signature may be.
const MostImage = 5 << 20 // bytes

// ImageMedia recognises a picture by its content: PNG, JPEG, GIF or WebP of at
// most 5 MiB (contracts/jsms.md §12). KindBadField image for everything else.
func ImageMedia(data []byte) (media string, err error) {
	if len(data) <= MostImage {
		for _, known := range []struct{ media, begin, at8 string }{
			{"image/png", "\x89PNG\r\n\x1a\n", ""}, {"image/jpeg", "\xff\xd8\xff", ""},
			{"image/gif", "GIF87a", ""}, {"image/gif", "GIF89a", ""}, {"image/webp", "RIFF", "WEBP"},
		} {
			if strings.HasPrefix(string(data[:min(len(data), 8)]), known.begin) &&
				(known.at8 == "" || len(data) >= 12 && string(data[8:12]) == known.at8) {
				return known.media, nil
			}
		}
	}
	return "", bad("image", "want a PNG, JPEG, GIF or WebP of at most 5 MiB")
}
