package verify

import (
	"context"
	"slices"
	"testing"

	"yanma.dev/yanma/internal/core"
)

// told keeps what the service tells of entered codes.
type told []core.MessageID

func (t *told) Verified(m core.MessageID) { *t = append(*t, m) }

// TestEnteredCodesAreTold: of the message that carried the digits which were
// entered, once; wrong tries are not told.
func TestEnteredCodesAreTold(t *testing.T) {
	w := newWorld(t, setting{edit: planned})
	var entered told
	w.entered = &entered
	code := w.send(t, phone)
	_, err := w.login(phone, wrongOf(code))
	wantKind(t, err, core.KindWrongCode)
	w.clock.advance(w.app.Plan[1].After)
	code = w.mustStep(t, 1)
	_, err = w.login(phone, code)
	wantOK(t, err)
	_, err = w.login(phone, code)
	wantKind(t, err, core.KindWrongCode)

	started, err := w.Start(context.Background(), StartRequest{App: w.app, Phone: other, Purpose: core.PurposeCode, Channel: core.ChannelSMS})
	wantOK(t, err)
	outcome, err := w.Validate(context.Background(), ValidateRequest{App: w.app, ID: started.Verification, Code: w.phones.last(t), Purpose: core.PurposeCode})
	wantOK(t, err)
	if want := (told{w.phones.sent[1].Row.ID, w.phones.sent[2].Row.ID}); outcome != OutcomeRight || !slices.Equal(entered, want) {
		t.Errorf("%v is told, want %v (%v)", entered, want, outcome)
	}
}
