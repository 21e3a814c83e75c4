package message

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"yanma.dev/yanma/internal/core"
)

// DefaultCodeText is the wording of a code message after its signature.
const DefaultCodeText = "您的验证码是{code}，{minutes}分钟内有效，请勿泄露。"

// Placeholders of a code template's text.
const (
	placeCode    = "{code}"
	placeMinutes = "{minutes}"
)

// Bounds (contracts/delivery.md §7).
const (
	minSignature   = 2
	maxSignature   = 10  // characters; jsms allows 8 only
	maxCodeText    = 450 // characters, so that the whole stays under an aggregator's 500
	retrieverBytes = 140 // Android reads the code out of no longer message
	appHashLength  = 11
	maxDomain      = 253
)

// CodeTemplate is how an app's code messages read. Domain and AppHash exclude
// each other: both want to be the last line.
type CodeTemplate struct {
	Signature string // 2 to 10 characters, without 【】
	Text      string // wording with {code} and, once or never, {minutes}; empty means DefaultCodeText
	Domain    string // binds the code to a site: the last line is @example.com #123456
	AppHash   string // Android SMS Retriever: 11 characters that end the message
}

// ValidateSignature tells what is wrong with a signature; nil when it can lead
// a message (contracts/delivery.md §7).
func ValidateSignature(signature string) error {
	n := utf8.RuneCountInString(signature)
	switch {
	case !utf8.ValidString(signature):
		return bad("signature", "it is not valid UTF-8")
	case n < minSignature || n > maxSignature:
		return bad("signature", fmt.Sprintf("it has %d characters, want %d to %d", n, minSignature, maxSignature))
	case strings.ContainsAny(signature, "【】"):
		return bad("signature", "it must not contain 【 or 】: they are put around it")
	case strings.TrimSpace(signature) != signature:
		return bad("signature", "it begins or ends with a blank")
	case strings.ContainsFunc(signature, notPrintable):
		return bad("signature", "it contains a character that can not be printed")
	}
	return nil
}

// Validate tells what is wrong with a template; nil when every code renders.
// Errors are of KindBadField and name the member: signature, text, domain, app_hash.
func (t CodeTemplate) Validate() error {
	if err := ValidateSignature(t.Signature); err != nil {
		return err
	}
	if err := validateText(t.text()); err != nil {
		return err
	}
	if t.Domain != "" && t.AppHash != "" {
		return bad("app_hash", "a template has a domain or an app hash, not both")
	}
	if t.Domain != "" {
		return validateDomain(t.Domain)
	}
	if t.AppHash != "" {
		return t.validateAppHash()
	}
	return nil
}

func (t CodeTemplate) text() string {
	if t.Text == "" {
		return DefaultCodeText
	}
	return t.Text
}

func validateText(text string) error {
	rest := strings.Replace(strings.Replace(text, placeCode, "", 1), placeMinutes, "", 1)
	switch {
	case !utf8.ValidString(text):
		return bad("text", "it is not valid UTF-8")
	case utf8.RuneCountInString(text) > maxCodeText:
		return bad("text", fmt.Sprintf("it has more than %d characters", maxCodeText))
	case !strings.Contains(text, placeCode):
		return bad("text", "it lacks {code}")
	case strings.ContainsAny(rest, "{}"):
		return bad("text", "its only placeholders are {code} and {minutes}, once each")
	case strings.ContainsAny(text, "【】"):
		return bad("text", "it must not contain 【 or 】: the signature is put before it")
	case strings.TrimSpace(text) != text:
		return bad("text", "it begins or ends with a blank")
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && notPrintable(r) }):
		return bad("text", "it contains a character that can not be printed")
	case strings.Contains(text, "退订") || strings.Contains(text, "拒收请回复"):
		// An opt-out is what marketing carries; a code message carries none
		// (contracts/delivery.md §7).
		return bad("text", "a code message is no marketing and offers no opt-out")
	}
	return nil
}

// validateDomain takes a lower-case ASCII host name of two labels at least;
// others are written as xn--….
func validateDomain(domain string) error {
	labels := strings.Split(domain, ".")
	if len(domain) > maxDomain || len(labels) < 2 {
		return bad("domain", "want a host name such as example.com")
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return bad("domain", "want a host name such as example.com")
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') {
				return bad("domain", "want lower-case ASCII letters, digits, dots and hyphens; write xn--… for others")
			}
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return bad("domain", "want a host name, not an address")
	}
	return nil
}

// validateAppHash also renders the longest code: what is too long for Android
// is found when it is configured, not when it is sent.
func (t CodeTemplate) validateAppHash() error {
	if len(t.AppHash) != appHashLength {
		return bad("app_hash", fmt.Sprintf("it has %d characters, want %d", len(t.AppHash), appHashLength))
	}
	for i := 0; i < len(t.AppHash); i++ {
		c := t.AppHash[i]
		if c != '+' && c != '/' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return bad("app_hash", "want Base64 characters")
		}
	}
	longest := t.render("0123456789", 24*60)
	if n := max(len(longest), octetsUCS2(longest)); n > retrieverBytes {
		return bad("app_hash", fmt.Sprintf("with it the message can have %d bytes; Android reads %d", n, retrieverBytes))
	}
	return nil
}

// RenderCode is the text of one code message: 【signature】 first, then the
// wording, then the line for the site or the app. life is told in whole
// minutes, rounded down, at least 1. The template is valid (see Validate); a
// code that is not 4 to 10 digits is an error.
func RenderCode(t CodeTemplate, code core.Code, life time.Duration) (string, error) {
	if !core.ValidCodeDigits(code.Digits()) {
		return "", core.E(core.KindInternal, "code message: the code is not 4 to 10 digits")
	}
	if t.Signature == "" {
		return "", core.E(core.KindInternal, "code message: the app has no signature")
	}
	return t.render(code.Digits(), minutes(life)), nil
}

// DefaultCodeTemplate is the name by which carriers that take no free text map
// an app's code messages to a template of theirs, unless the app has another.
const DefaultCodeTemplate = "code"

// Names of a code message's parameters.
const (
	ParamCode    = "code"
	ParamMinutes = "minutes"
)

// CodeParams are the parameters of a code message, for carriers that take no
// free text: code, and minutes as RenderCode tells them.
func CodeParams(code core.Code, life time.Duration) map[string]string {
	return map[string]string{ParamCode: code.Digits(), ParamMinutes: strconv.Itoa(minutes(life))}
}

func minutes(life time.Duration) int { return max(int(life/time.Minute), 1) }

// ValidateTemplateName tells what is wrong with the name of one of our
// templates, as a provider's stanza writes it: 1 to 32 of A–Z a–z 0–9 _ -.
func ValidateTemplateName(name string) error {
	if name == "" || len(name) > 32 || strings.Trim(name, nameLetters) != "" {
		return bad("name", "want 1 to 32 of A-Z a-z 0-9 _ -")
	}
	return nil
}

const nameLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

func (t CodeTemplate) render(digits string, minutes int) string {
	text := strings.Replace(t.text(), placeCode, digits, 1)
	text = strings.Replace(text, placeMinutes, strconv.Itoa(minutes), 1)
	switch {
	case t.Domain != "":
		return "【" + t.Signature + "】" + text + "\n@" + t.Domain + " #" + digits
	case t.AppHash != "":
		return "【" + t.Signature + "】" + text + "\n" + t.AppHash
	default:
		return "【" + t.Signature + "】" + text
	}
}

func notPrintable(r rune) bool { return !unicode.IsPrint(r) && r != '\u3000' }

func bad(field, detail string) error {
	return &core.Error{Kind: core.KindBadField, Field: field, Detail: detail}
}
