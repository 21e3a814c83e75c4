package carriersim

import (
	"net/http"
	"time"
)

// swap is what the operator says of a number's SIM.
type swap struct {
	outcome string        // swapped, clear, or as a proof's outcome
	ago     time.Duration // of the latest change; 0: none is known
}

// scriptSwap is POST /sim/simswap {"number":"+86…","outcome":"swapped","hours_ago":1}.
func (s *Sim) scriptSwap(w http.ResponseWriter, r *http.Request) {
	ask := struct {
		Number   string `json:"number"`
		Outcome  string `json:"outcome"`
		HoursAgo int    `json:"hours_ago"`
	}{Outcome: "swapped", HoursAgo: 1}
	if !decode(w, r, &ask) {
		return
	}
	if !number.MatchString(ask.Number) || !isOutcome(ask.Outcome) || ask.HoursAgo < 1 {
		http.Error(w, `want {"number":"+86…","outcome":"swapped","hours_ago":1}`, http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	s.swaps[ask.Number] = swap{outcome: ask.Outcome, ago: time.Duration(ask.HoursAgo) * time.Hour}
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// answerSwap finds what to say; false when it was said already.
func (s *Sim) answerSwap(w http.ResponseWriter, r *http.Request, scope string, ask any, number *string) (swap, bool) {
	if !decode(w, r, ask) {
		return swap{}, false
	}
	if _, ok := s.bearer(r, scope, false); !ok {
		camaraError(w, http.StatusUnauthorized, "UNAUTHENTICATED")
		return swap{}, false
	}
	if *number == "" {
		camaraError(w, http.StatusUnprocessableEntity, "MISSING_IDENTIFIER")
		return swap{}, false
	}
	s.mu.Lock()
	said, scriptedFor := s.swaps[*number]
	s.mu.Unlock()
	if !scriptedFor {
		return swap{}, true
	}
	switch said.outcome {
	case "clear":
		return swap{}, true
	case "swapped":
		return said, true
	}
	_, honest := scripted(w, r, said.outcome)
	return swap{}, honest
}

// swapCheck is contracts/camara.md §6.
func (s *Sim) swapCheck(w http.ResponseWriter, r *http.Request) {
	ask := struct {
		PhoneNumber string
		MaxAge      int
	}{MaxAge: 240}
	if said, ok := s.answerSwap(w, r, "sim-swap:check", &ask, &ask.PhoneNumber); ok {
		swapped := said.ago > 0 && said.ago <= time.Duration(ask.MaxAge)*time.Hour
		writeJSON(w, http.StatusOK, map[string]bool{"swapped": swapped})
	}
}

// swapDate is contracts/camara.md §6.
func (s *Sim) swapDate(w http.ResponseWriter, r *http.Request) {
	var ask struct{ PhoneNumber string }
	if said, ok := s.answerSwap(w, r, "sim-swap:retrieve-date", &ask, &ask.PhoneNumber); ok {
		var latest any
		if said.ago > 0 {
			latest = s.o.Now().Add(-said.ago).UTC().Format(time.RFC3339Nano)
		}
		writeJSON(w, http.StatusOK, map[string]any{"latestSimChange": latest})
	}
}
