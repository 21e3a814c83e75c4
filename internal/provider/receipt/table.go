package receipt

import (
	"strings"

	"yanma.dev/yanma/internal/provider"
)

// Meaning is what a carrier's code says.
type Meaning struct {
	State provider.State // failed and rejected are StateUndelivered with their code
	JSMS  int            // jsms status 4001…4100; 0 while intermediate
}

// Codes of voice providers, which have no code of a carrier to pass on.
const (
	VoiceAnswered    = "VOICE:ANSWERED"
	VoiceNoAnswer    = "VOICE:NOANSWER"
	VoiceBusy        = "VOICE:BUSY"
	VoiceUnreachable = "VOICE:UNREACHABLE"
)

// The jsms statuses of contracts/delivery.md §8.
const (
	jsmsDelivered   = 4001
	jsmsBlacklist   = 4002 // also: opted out
	jsmsHandsetOff  = 4003
	jsmsNoNumber    = 4004
	jsmsBalance     = 4005
	jsmsFrequency   = 4006
	jsmsNoAnswer    = 4007
	jsmsBusy        = 4008
	jsmsUnreachable = 4009
	jsmsFiltered    = 4010
	jsmsOther       = 4100
)

var (
	submitted = Meaning{State: provider.StateSubmitted}
	other     = undelivered(jsmsOther)
)

func undelivered(jsms int) Meaning {
	return Meaning{State: provider.StateUndelivered, JSMS: jsms}
}

// exact is the table's codes without digits of their own, upper-cased.
var exact = func() map[string]Meaning {
	table := make(map[string]Meaning)
	for _, row := range []struct {
		meaning Meaning
		codes   string
	}{
		{Meaning{State: provider.StateDelivered, JSMS: jsmsDelivered}, "DELIVRD DELIVERED " + VoiceAnswered},
		{undelivered(jsmsBlacklist), "PUBLOKD BLOCKED BLACK UBLOCKD RGBLOCK"},
		{undelivered(jsmsHandsetOff), "UNDELIV EXPIRED"},
		{undelivered(jsmsNoNumber), "PHONEERR GUNDELIV NONCHN NONECHN NOROUTE"},
		{undelivered(jsmsBalance), "BALANCE BALANCU BALANCT"},
		{undelivered(jsmsFrequency), "BEYONDM BEYONDH BEYONDD BEYONDT FRQEBYD"},
		{undelivered(jsmsNoAnswer), VoiceNoAnswer},
		{undelivered(jsmsBusy), VoiceBusy},
		{undelivered(jsmsUnreachable), VoiceUnreachable},
		{undelivered(jsmsFiltered), "KEYWORD KEYWORDS ID:0076 REJECTD REJECT SIGNERR SIGNBLOCKED SIGFAIL QM_FAIL"},
		{undelivered(jsmsBlacklist), "UNSUBSCRIBE UNSUBED"},
		{other, "CONTERR OVERRUN SUBERRL DELETED UNKNOWN"},
		{submitted, "ACCEPTD ENROUTE SENDING"},
	} {
		for code := range strings.FieldsSeq(row.codes) {
			table[code] = row.meaning
		}
	}
	return table
}()

// numbered is the table's codes that end in any digits: MK:0001 is MK: and digits.
var numbered = []struct {
	prefix  string
	meaning Meaning
}{
	{"MI:", undelivered(jsmsHandsetOff)},
	{"LT:", undelivered(jsmsHandsetOff)},
	{"MN:", undelivered(jsmsHandsetOff)},
	{"MK:", undelivered(jsmsNoNumber)},
	{"MK", undelivered(jsmsNoNumber)},
	{"2_", undelivered(jsmsNoNumber)},
	{"2:", undelivered(jsmsNoNumber)},
	{"MA:", undelivered(jsmsFiltered)},
}

// Classify is the meaning of a carrier's code; case and blanks around it do
// not matter. A code that the table lacks is undelivered, 4100.
func Classify(code string) Meaning {
	code = strings.ToUpper(strings.TrimSpace(code))
	if m, ok := exact[code]; ok {
		return m
	}
	for i := range numbered {
		if digits, ok := strings.CutPrefix(code, numbered[i].prefix); ok && allDigits(digits) {
			return numbered[i].meaning
		}
	}
	return other
}

func allDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// messageStates are the codes of SMPP's message_state (contracts/delivery.md §2.1).
var messageStates = [...]string{
	1: "ENROUTE", 2: "DELIVRD", 3: "EXPIRED", 4: "DELETED", 5: "UNDELIV", 6: "ACCEPTD", 7: "UNKNOWN", 8: "REJECTD",
}

// FromMessageState is the code of an SMPP message_state; UNKNOWN for a value
// that SMPP 3.4 lacks.
func FromMessageState(state byte) string {
	if int(state) < len(messageStates) && messageStates[state] != "" {
		return messageStates[state]
	}
	return "UNKNOWN"
}

// IsMessageState tells whether code is one of the eight words of SMPP itself,
// which every SMSC sends, and not a carrier's own.
func IsMessageState(code string) bool {
	code = strings.ToUpper(strings.TrimSpace(code))
	for _, name := range messageStates {
		if name == code && name != "" {
			return true
		}
	}
	return false
}

// FromKannel is the code of Kannel's %d in a dlr-url: 1 delivered, 2 failed, 4
// buffered, 8 accepted, 16 rejected (contracts/delivery.md §5.2). Buffered is
// intermediate like accepted; failed and rejected are not in §8 and so "other".
func FromKannel(d int) string {
	switch d {
	case 1:
		return "DELIVRD"
	case 4:
		return "ENROUTE"
	case 8:
		return "ACCEPTD"
	}
	return "UNKNOWN"
}
