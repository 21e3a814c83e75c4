package tenant

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"yanma.dev/yanma/internal/core"
)

func TestParsePlan(t *testing.T) {
	got, err := ParsePlan([]string{"sms", "sms:other=45s", "voice=1m"}, 5*time.Minute)
	want := []PlanStep{{Channel: core.ChannelSMS}, {Channel: core.ChannelSMS, Route: "other", After: 45 * time.Second}, {Channel: core.ChannelVoice, After: time.Minute}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if none, err := ParsePlan(nil, time.Minute); err != nil || none != nil {
		t.Errorf("%v, %v", none, err)
	}
	for text, want := range map[string]string{
		"sms":                                    "want 2 to 5 steps, or none",
		"sms,sms=1m,sms=1m,sms=1m,sms=1m,sms=1m": "want 2 to 5 steps, or none",
		"sms=30s,voice=30s":                      "step 1: the first one waits for nothing",
		"sms,voice":                              "step 2: want a wait of 10s to 10m0s, and less than a code's life",
		"sms,voice=9s":                           "step 2: want a wait of 10s to 10m0s, and less than a code's life",
		"sms,voice=5m":                           "step 2: want a wait of 10s to 10m0s, and less than a code's life",
		"sms,fax=30s":                            `step 2: "fax" is neither sms nor voice`,
		"sms,voice=soon":                         `step 2: "soon" is no wait such as 45s`,
		"sms,sms:" + strings.Repeat("x", 65) + "=30s": "step 2: a route's name has at most 64 visible ASCII characters",
	} {
		_, err := ParsePlan(strings.Split(text, ","), 5*time.Minute)
		if e := core.AsError(err); err == nil || e.Kind != core.KindBadField || e.Field != "plan" || e.Detail != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
