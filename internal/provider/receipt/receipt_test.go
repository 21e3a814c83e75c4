package receipt

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/provider"
)

// TestReq35_EveryCode is contracts/delivery.md §8, row by row, x as digits.
func TestReq35_EveryCode(t *testing.T) {
	const (
		submitted   = provider.StateSubmitted
		delivered   = provider.StateDelivered
		undelivered = provider.StateUndelivered
	)
	for _, row := range []struct {
		codes []string
		state provider.State
		jsms  int
	}{
		{[]string{"DELIVRD", "delivered", FromMessageState(2), FromKannel(1), VoiceAnswered}, delivered, 4001},
		{[]string{"PUBLOKD", "BLOCKED", "BLACK", "black", "UBLOCKD", "RGBLOCK"}, undelivered, 4002},
		{[]string{"UNDELIV", "EXPIRED", "MI:0001", "LT:0012", "MN:0174"}, undelivered, 4003},
		{[]string{"MK:0001", "MK0012", "2_1", "2:7", "PHONEERR", "GUNDELIV", "NONCHN", "NONECHN", "NOROUTE"}, undelivered, 4004},
		{[]string{"BALANCE", "BALANCU", "BALANCT"}, undelivered, 4005},
		{[]string{"BEYONDM", "BEYONDH", "BEYONDD", "BEYONDT", "FRQEBYD"}, undelivered, 4006},
		{[]string{VoiceNoAnswer}, undelivered, 4007},
		{[]string{VoiceBusy}, undelivered, 4008},
		{[]string{VoiceUnreachable}, undelivered, 4009},
		{[]string{"KEYWORD", "KEYWORDS", "ID:0076", "MA:0051", "REJECTD", "REJECT", "SIGNERR", "SIGNBLOCKED", "SIGFAIL", "QM_FAIL"}, undelivered, 4010},
		{[]string{"unsubscribe", "UNSUBED"}, undelivered, 4002},
		{[]string{"CONTERR", "OVERRUN", "SUBERRL", "DELETED", "UNKNOWN", "", "XYZ", "MK:", "MK:00a1", "2_", "ID:0077", "MI0001"}, undelivered, 4100},
		{[]string{"ACCEPTD", "ENROUTE", "sending", FromMessageState(1), FromMessageState(6), FromKannel(8)}, submitted, 0},
	} {
		for _, code := range row.codes {
			for _, spelled := range []string{code, strings.ToLower(code), "  " + code + " "} {
				if got := Classify(spelled); got.State != row.state || got.JSMS != row.jsms {
					t.Errorf("%q: %v %d, want %v %d", spelled, got.State, got.JSMS, row.state, row.jsms)
				}
			}
		}
	}
}

// TestMessageStates is contracts/delivery.md §2.1's list.
func TestMessageStates(t *testing.T) {
	want := []string{1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD", 9: "UNKNOWN"}
	want[0] = "UNKNOWN"
	for state, code := range want {
		if got := FromMessageState(byte(state)); got != code {
			t.Errorf("%d is %s, want %s", state, got, code)
		}
	}
	if FromMessageState(255) != "UNKNOWN" || !IsMessageState("delivrd") || IsMessageState("MK:0001") || IsMessageState("") {
		t.Error("words of SMPP and of carriers are mixed up")
	}
}

func TestParseText(t *testing.T) {
	cst := time.FixedZone("UTC+8", 8*3600)
	submit := time.Date(2023, 11, 21, 21, 30, 0, 0, cst)
	done := time.Date(2023, 11, 21, 21, 31, 0, 0, cst)
	for _, test := range []struct {
		name, text string
		want       Text
		ok         bool
	}{
		{"whole", "id:1234567890 sub:001 dlvrd:001 submit date:2311212130 done date:2311212131 stat:DELIVRD err:000 text:hello",
			Text{ID: "1234567890", Stat: "DELIVRD", Err: "000", Submit: submit, Done: done}, true},
		{"seconds", "id:1 submit date:231121213000 done date:231121213142 stat:DELIVRD",
			Text{ID: "1", Stat: "DELIVRD", Submit: submit, Done: done.Add(42 * time.Second)}, true},
		{"upper-case keys", "ID:1 SUB:001 DLVRD:001 SUBMIT DATE:2311212130 DONE DATE:2311212131 STAT:UNDELIV ERR:005 TEXT:",
			Text{ID: "1", Stat: "UNDELIV", Err: "005", Submit: submit, Done: done}, true},
		{"other order", "stat:EXPIRED done date:2311212131 err:1 id:abc", Text{ID: "abc", Stat: "EXPIRED", Err: "1", Done: done}, true},
		{"parts missing", "id:7 stat:ACCEPTD", Text{ID: "7", Stat: "ACCEPTD"}, true},
		{"carrier's code", "id:7 stat:MK:0001 err:MK:0001", Text{ID: "7", Stat: "MK:0001", Err: "MK:0001"}, true},
		{"a code like a key", "id:7 stat:ID:0076 err:000", Text{ID: "7", Stat: "ID:0076", Err: "000"}, true},
		{"the text is not read", "id:7 stat:DELIVRD err:000 text:id:8 stat:UNDELIV", Text{ID: "7", Stat: "DELIVRD", Err: "000"}, true},
		{"text first", "text: stat:UNDELIV id:9", Text{ID: "9", Stat: "UNDELIV"}, true},
		{"empty value", "id:7 err: stat:DELIVRD", Text{ID: "7", Stat: "DELIVRD"}, true},
		{"empty value before the text", "id:7 stat:DELIVRD err: text:x", Text{ID: "7", Stat: "DELIVRD"}, true},
		{"empty value before a date", "id: done date:2311212131 stat:DELIVRD", Text{Stat: "DELIVRD", Done: done}, true},
		{"blank before the value", "id: 12 stat: DELIVRD", Text{ID: "12", Stat: "DELIVRD"}, true},
		{"impossible dates", "id:1 submit date:2313452561 done date:2302300000 stat:DELIVRD", Text{ID: "1", Stat: "DELIVRD"}, true},
		{"date of another length", "id:1 done date:23112121 stat:DELIVRD", Text{ID: "1", Stat: "DELIVRD"}, true},
		{"state only", "stat:DELIVRD", Text{Stat: "DELIVRD"}, true},
		{"a subscriber's text", "hello: world", Text{}, false},
		{"empty", "", Text{}, false},
	} {
		got, ok := ParseText(test.text, cst)
		if ok != test.ok || got.ID != test.want.ID || got.Stat != test.want.Stat || got.Err != test.want.Err ||
			!got.Submit.Equal(test.want.Submit) || !got.Done.Equal(test.want.Done) {
			t.Errorf("%s: %+v, %v, want %+v", test.name, got, ok, test.want)
		}
	}
}

func FuzzParseText(f *testing.F) {
	f.Add("id:1234567890 sub:001 dlvrd:001 submit date:2311212130 done date:231121213142 stat:DELIVRD err:000 text:hello")
	f.Add("stat:ID:0076 id: err: date:text:done date:")
	f.Fuzz(func(t *testing.T, s string) {
		got, _ := ParseText(s, time.UTC)
		for _, part := range []string{got.ID, got.Stat, got.Err} {
			if !strings.Contains(s, part) || strings.ContainsAny(part, " \t\r\n") {
				t.Fatalf("%q is not a word of %q", part, s)
			}
		}
		Classify(got.Stat)
	})
}
