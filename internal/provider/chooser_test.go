package provider

import (
	"testing"

	"yanma.dev/yanma/internal/core"
)

// carrier is a provider of texts that is no Chooser.
type carrier struct{ Provider }

// TestVoiceNeedsAChooser: what says nothing about channels carries texts only.
func TestVoiceNeedsAChooser(t *testing.T) {
	if Carries(carrier{}, &Message{Channel: core.ChannelVoice}) || !Carries(carrier{}, &Message{Channel: core.ChannelSMS}) {
		t.Error("a carrier of texts is asked to call, or not to carry texts")
	}
}
