package core

import (
	"errors"
	"strings"
)

// Language is what a call speaks (contracts/jsms.md §3: voice_lang).
type Language uint8

// The languages.
const (
	Chinese Language = 0
	English Language = 1
	Both    Language = 2 // Chinese, then English
)

// Valid tells whether there is such a language.
func (l Language) Valid() bool { return l <= Both }

var languageNames = [...]string{"zh", "en", "both"}

// String names the language as a call's text does.
func (l Language) String() string {
	if l.Valid() {
		return languageNames[l]
	}
	return "invalid"
}

// Speech is what a call says: a code, digit by digit.
type Speech struct {
	Code     Code
	Language Language
}

// speechMark begins the text of a call, so that none is taken for one of SMS.
const speechMark = "voice "

// Text is the speech as the text of a message of ChannelVoice, such as
// "voice zh 042917". It holds the code in the clear and is sealed like any text.
func (s Speech) Text() string { return speechMark + s.Language.String() + " " + s.Code.Digits() }

var errNoSpeech = errors.New("not the text of a call")

// ParseSpeech is the inverse of Text. The error does not repeat the text.
func ParseSpeech(text string) (Speech, error) {
	rest, isSpeech := strings.CutPrefix(text, speechMark)
	language, digits, _ := strings.Cut(rest, " ")
	if !isSpeech || !ValidCodeDigits(digits) {
		return Speech{}, errNoSpeech
	}
	for l, name := range languageNames {
		if language == name {
			return Speech{Code: CodeFromDigits(digits), Language: Language(l)}, nil
		}
	}
	return Speech{}, errNoSpeech
}
