package tenant

// SIMSwapPolicy says what becomes of an action when the number's SIM was
// changed lately (contracts/camara.md §6).
type SIMSwapPolicy string

// The policies. With SIMSwapRequire a change refuses, and so does not knowing.
const (
	SIMSwapOff       SIMSwapPolicy = "off"       // nobody is asked
	SIMSwapObserve   SIMSwapPolicy = "observe"   // asked and noted
	SIMSwapChallenge SIMSwapPolicy = "challenge" // a change asks for a further proof of the person
	SIMSwapRequire   SIMSwapPolicy = "require"
)

// SIMSwap is an app's policy per action.
type SIMSwap struct {
	Send         SIMSwapPolicy `json:"send"`          // before a code is sent
	Login        SIMSwapPolicy `json:"login"`         // before a right code logs in
	NumberChange SIMSwapPolicy `json:"number_change"` // before another number is bound
	Unsupported  string        `json:"unsupported"`   // allow, refuse: with require, where the operator can not tell
	MaxAgeHours  int           `json:"max_age_hours"` // how long ago a change counts, 1 to 2,400
}

// DefaultSIMSwap asks nobody (contracts/camara.md §6: 240 hours).
func DefaultSIMSwap() SIMSwap {
	return SIMSwap{Send: SIMSwapOff, Login: SIMSwapOff, NumberChange: SIMSwapOff, Unsupported: "allow", MaxAgeHours: 240}
}

func (s SIMSwap) check() error {
	for _, p := range []struct {
		name  string
		value SIMSwapPolicy
	}{{"send", s.Send}, {"login", s.Login}, {"number_change", s.NumberChange}} {
		switch p.value {
		case SIMSwapOff, SIMSwapObserve, SIMSwapChallenge, SIMSwapRequire:
		default:
			return bad("sim_swap."+p.name, "%q is none of off, observe, challenge, require", string(p.value))
		}
	}
	if s.Unsupported != "allow" && s.Unsupported != "refuse" {
		return bad("sim_swap.unsupported", "%q is neither allow nor refuse", s.Unsupported)
	}
	return between("sim_swap.max_age_hours", int64(s.MaxAgeHours), 1, 2400)
}

// SIMSwapPatch changes a policy: what is nil stays as it is.
type SIMSwapPatch struct {
	Send         *SIMSwapPolicy `json:"send,omitempty"`
	Login        *SIMSwapPolicy `json:"login,omitempty"`
	NumberChange *SIMSwapPolicy `json:"number_change,omitempty"`
	Unsupported  *string        `json:"unsupported,omitempty"`
	MaxAgeHours  *int           `json:"max_age_hours,omitempty"`
}

func (p *SIMSwapPatch) applyTo(s SIMSwap) SIMSwap {
	if p == nil {
		return s
	}
	set(&s.Send, p.Send)
	set(&s.Login, p.Login)
	set(&s.NumberChange, p.NumberChange)
	set(&s.Unsupported, p.Unsupported)
	set(&s.MaxAgeHours, p.MaxAgeHours)
	return s
}
