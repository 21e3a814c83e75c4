package core

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSpeechText(t *testing.T) {
	for text, want := range map[string]Speech{
		"voice zh 042917":       {Code: CodeFromDigits("042917"), Language: Chinese},
		"voice en 1234":         {Code: CodeFromDigits("1234"), Language: English},
		"voice both 0123456789": {Code: CodeFromDigits("0123456789"), Language: Both},
	} {
		got, err := ParseSpeech(text)
		if err != nil || got != want || got.Text() != text {
			t.Errorf("%q: %v, %v", text, got.Language, err)
		}
	}
	for _, text := range []string{"", "voice", "voice ", "voice zh", "voice zh ", "voice zh 123", "voice zh 12345678901", "voice zh 12a456",
		"voice fr 123456", "zh 123456", "voice zh 1234 5678", "【验码】您的验证码是042917", "voice ZH 123456", "voice  zh 123456"} {
		_, err := ParseSpeech(text)
		if err == nil {
			t.Errorf("%q is taken for a call's", text)
		} else if len(text) > 9 && strings.Contains(err.Error(), text) {
			t.Errorf("the error repeats %q", text)
		}
	}
}

func TestSpeechComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Speech{Code: CodeFromDigits(rapid.StringMatching(`[0-9]{4,10}`).Draw(t, "digits")), Language: Language(rapid.IntRange(0, 2).Draw(t, "language"))}
		if got, err := ParseSpeech(s.Text()); err != nil || got != s {
			t.Fatalf("%v, %v", got, err)
		}
	})
}
