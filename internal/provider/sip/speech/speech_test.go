package speech

import (
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider/sip/g711"
)

// TestPromptsAreThere: every digit in both languages, of a length that a person
// speaks, loud, and quiet at its ends.
func TestPromptsAreThere(t *testing.T) {
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []core.Language{core.Chinese, core.English} {
		for d := range 10 {
			samples := b.Digit(l, d)
			loudest := int16(0)
			for _, s := range samples {
				loudest = max(loudest, s, -s)
			}
			length := time.Duration(len(samples)) * time.Second / g711.Rate
			if length < 200*time.Millisecond || length > time.Second || loudest < 15000 || max(samples[0], -samples[0]) > 2000 {
				t.Errorf("%s %d: %v, loudest %d", l, d, length, loudest)
			}
		}
	}
}

// TestSayIsTwice: a call is its code twice and the hint; both languages are the
// two one after the other.
func TestSayIsTwice(t *testing.T) {
	b, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	say := func(l core.Language) (whole, once int) {
		s := core.Speech{Code: core.CodeFromDigits("042917"), Language: l}
		return len(b.Say(s)), len(b.Once(s))
	}
	zh, zhOnce := say(core.Chinese)
	en, enOnce := say(core.English)
	both, bothOnce := say(core.Both)
	if bothOnce != zhOnce+enOnce || zh <= 2*zhOnce || en <= 2*enOnce || both <= 2*bothOnce {
		t.Errorf("zh %d %d, en %d %d, both %d %d", zh, zhOnce, en, enOnce, both, bothOnce)
	}
	if length := time.Duration(zh) * time.Second / g711.Rate; length < 10*time.Second || length > 25*time.Second {
		t.Errorf("a call of six digits speaks for %v", length)
	}
}
