package outbox

import (
	"maps"
	"testing"

	"pgregory.net/rapid"
)

// TestContent: a text and its parameters come back, whatever is in the values.
func TestContent(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[^\x00]{0,80}`).Draw(t, "text")
		params := rapid.MapOf(rapid.String(), rapid.String()).Draw(t, "params")
		back, got, err := ParseContent(AppendContent(nil, text, params))
		if err != nil || back != text || len(params) > 0 && !maps.Equal(got, params) {
			t.Fatalf("%q %v: %v", back, got, err)
		}
	})
	for _, cut := range []string{"text\x00\x05ab", "text\x00\x01a", "text\x00\x01a\xff", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f"} {
		if _, _, err := ParseContent([]byte(cut)); err == nil {
			t.Errorf("%q is taken", cut)
		}
	}
}
