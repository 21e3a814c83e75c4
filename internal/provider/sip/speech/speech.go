package speech

import (
	"embed"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/g711"
)

//go:embed prompts/*.wav
var files embed.FS

// Times is how often a call says its code before it waits for a key
// (contracts/jsms.md §3: speaking twice).
const Times = 2

// The silences between what is said.
const (
	pauseFirst = 400 * time.Millisecond // the callee has lifted the phone to the ear
	pauseCode  = 300 * time.Millisecond // after "your code is"
	pauseDigit = 250 * time.Millisecond
	pauseTurn  = 800 * time.Millisecond // between two rounds or languages
)

// voice is one language's prompts, as samples.
type voice struct {
	digits      [10][]int16
	code, again []int16
}

// Book is all prompts, decoded. It is safe for concurrent use and never changed.
type Book struct {
	voices map[core.Language]voice
}

// Open decodes the embedded prompts. An error means that the binary was built
// wrongly.
func Open() (*Book, error) {
	b := &Book{voices: map[core.Language]voice{}}
	for _, l := range []core.Language{core.Chinese, core.English} {
		var v voice
		var err error
		for d := range v.digits {
			if v.digits[d], err = prompt(fmt.Sprintf("%s-%d", l, d)); err != nil {
				return nil, err
			}
		}
		if v.code, err = prompt(l.String() + "-code"); err != nil {
			return nil, err
		}
		if v.again, err = prompt(l.String() + "-again"); err != nil {
			return nil, err
		}
		b.voices[l] = v
	}
	return b, nil
}

func prompt(name string) ([]int16, error) {
	file, err := files.ReadFile("prompts/" + name + ".wav")
	if err != nil {
		return nil, err
	}
	law, octets, err := g711.FromWAV(file)
	if err != nil {
		return nil, fmt.Errorf("prompt %s: %w", name, err)
	}
	return law.Decode(nil, octets), nil
}

// Digit is the prompt of a digit, 0 to 9, in Chinese or English: samples at
// 8 kHz, not to be changed.
func (b *Book) Digit(l core.Language, digit int) []int16 { return b.voices[l].digits[digit] }

// Say is the whole of a call: the code Times times, and how to hear it again.
func (b *Book) Say(s core.Speech) []int16 {
	out := silence(nil, pauseFirst)
	for range Times {
		out = append(out, b.Once(s)...)
	}
	return b.hint(out, s.Language)
}

// Once is the code once in each language of the speech, with a pause behind
// each.
func (b *Book) Once(s core.Speech) []int16 {
	var out []int16
	for _, l := range spoken(s.Language) {
		v := b.voices[l]
		out = silence(append(out, v.code...), pauseCode)
		for _, d := range s.Code.Digits() {
			out = silence(append(out, v.digits[d-'0']...), pauseDigit)
		}
		out = silence(out, pauseTurn-pauseDigit)
	}
	return out
}

func (b *Book) hint(out []int16, l core.Language) []int16 {
	for _, l := range spoken(l) {
		out = append(out, b.voices[l].again...)
		out = silence(out, pauseDigit)
	}
	return out
}

// spoken is the order in which languages are spoken.
func spoken(l core.Language) []core.Language {
	if l == core.Both {
		return []core.Language{core.Chinese, core.English}
	}
	return []core.Language{l}
}

func silence(out []int16, d time.Duration) []int16 {
	return append(out, make([]int16, int(d*g711.Rate/time.Second))...)
}
