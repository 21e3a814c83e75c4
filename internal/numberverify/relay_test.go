package numberverify

import (
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/declare"
	"yanma.dev/yanma/internal/store"
)

// TestRelayedAnswers is contracts/submail.md §9: in relay mode the page reports
// the gateway's raw answer. The proof in it is what is kept, with its carrier
// and its life; an answer without one is refused as a token that is none, and
// keeps nothing.
func TestRelayedAnswers(t *testing.T) {
	const proof = "0123456789abcdef0123456789abcdef" // of no telling shape
	w := newWorld(t, func(o *Options) {
		o.Routes = append(o.Routes, Route{Gateway: &scripted{name: "telecom"}, Apps: []core.AppID{1}, Device: &DeviceRoute{Carriers: []Carrier{CarrierTelecom}, Mode: ModeRelay,
			Token: func(answer string) string {
				v, ok := declare.ParseJSON([]byte(answer))
				if !ok {
					return ""
				}
				return declare.At(v, "data.accessCode")
			}}})
	})
	for _, answer := range []string{
		`{"result":-10005,"msg":"not on this network"}`, `{"result":0,"data":{"accessCode":""}}`, `{"result":0,"data":"` + proof + `"}`, "<html>busy</html>", proof, "",
		`{"data":{"accessCode":"` + proof, `{"data":{"accessCode":"a\u0000b"}}`, `{"data":{"accessCode":"` + strings.Repeat("a", LongestToken+1) + `"}}`,
	} {
		token, err := w.Report(t.Context(), w.app, CarrierTelecom, answer)
		if wantKind(t, err, core.KindBadField); token != "" || core.AsError(err).Field != "token" {
			t.Errorf("%.60s: %q %v", answer, token, err)
		}
	}
	if rows := w.memory.Rows().Proofs; len(rows) != 0 {
		t.Errorf("kept of answers without a proof: %v", rows)
	}
	answer := `{"result":0,"data":{"accessCode":"` + proof + `","operatorType":"CT"},"pad":"` + strings.Repeat("x", LongestToken) + `"}`
	token, err := w.Report(t.Context(), w.app, CarrierTelecom, answer)
	wantOK(t, err)
	if row := w.memory.Rows().Proofs[w.keysOf(core.NewSecret(proof))[0]]; token != proof || row.Expires != store.At(epoch.Add(10*time.Minute)) {
		t.Errorf("%q until %v, want the proof for 600 s", token, row.Expires.Time())
	}
	// Without type: the record tells whose it is. It serves once, and this app.
	_, err = w.Report(t.Context(), w.other, CarrierTelecom, proof) // to the other app the gateway does not belong: the text is the proof
	wantError(t, err, ClassProof, "104201 token expired or used")
	v, err := w.verify(t, Proof{Token: core.NewSecret(token)})
	wantOK(t, err)
	if v.Carrier != CarrierTelecom {
		t.Errorf("asked as of %s", v.Carrier)
	}
	_, err = w.verify(t, Proof{Token: core.NewSecret(token)})
	wantError(t, err, ClassProof, "104201 token expired or used")
}
