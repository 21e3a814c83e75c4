package guard

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules is the data of contracts/README.md §6. A nil rule is a limit that is
// off. Rules are shared and never changed after they are made.
type Rules struct {
	NumberApp          *Rule // number_app: code sends to a number by one app
	NumberTenant       *Rule // number_tenant: … by all apps of a tenant
	NumberInstallation *Rule // number_installation: … by everyone; never refuses
	Content            *Rule // content: the same text to the same number (requirement row 17)
	IPSend             *Rule // ip_send: an end user's address, sends
	IPCheckFailed      *Rule // ip_check_failed: an end user's address, checks that failed
	AuthFailed         *Rule // auth_failed: a source address, failed authentications
	GetDevices         *Rule // get_devices: a source address (contracts/yunbox.md §7)
	GetDevicesMiss     *Rule // get_devices_miss: a source address, answers 0202 (contracts/yunbox.md §7)
	DevicesUser        *Rule // devices_user: a user's new devices (contracts/yunbox.md §6)
	BrowserScript      *Rule // browser_script: a source address, calls of the number verification's script (contracts/submail.md §9)
	NumberChecks       *Rule // number_checks: an app's calls to carriers; off unless set (contracts/submail.md §3.3 step 15)
	CaptchaGet         *Rule // captcha_get: a source address, puzzles (contracts/oneaccess.md §2.1)
	CaptchaCheck       *Rule // captcha_check: … checks of answers
	CaptchaFailed      *Rule // captcha_failed: … checks that failed; over it captcha_blocked counts one
	CaptchaBlocked     *Rule // captcha_blocked: … while it is full there are no puzzles
	CaptchaWork        *Rule // captcha_work: … challenges of proof of work
	JSMSCode           *Rule // jsms_code: text codes to a number by one app (contracts/jsms.md §14), instead of number_app
	JSMSVoice          *Rule // jsms_voice: … spoken codes
	JSMSNotice         *Rule // jsms_notice: … a notice of the same text
	JSMSMarket         *Rule // jsms_market: … marketing
	JSMSValid          *Rule // jsms_valid: a source address, codes checked without credentials (contracts/jsms.md §1.1)
	JSMSBalance        *Rule // jsms_balance: an app's questions for its balance (contracts/jsms.md §8)
	JSMSPull           *Rule // jsms_pull: an app's questions for reports, and those for replies (contracts/jsms.md §9)
}

// DefaultRules is the table as the contracts print it.
func DefaultRules() Rules {
	return Rules{
		NumberApp: &Rule{Name: "number_app", Kind: 1, Exceeded: Refuse, Windows: []Window{
			{Max: 1, Per: time.Minute}, {Max: 5, Per: time.Hour}, {Max: 10, Per: day}}},
		NumberTenant: &Rule{Name: "number_tenant", Kind: 2, Exceeded: Refuse, Windows: []Window{{Max: 40, Per: day}}},
		NumberInstallation: &Rule{Name: "number_installation", Kind: 3, Exceeded: Alert, FailOpen: true,
			Windows: []Window{{Max: 100, Per: day}}},
		Content: &Rule{Name: "content", Kind: 4, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 1, Per: 30 * time.Second}}},
		IPSend: &Rule{Name: "ip_send", Kind: 5, Exceeded: Challenge, RefuseTimes: 10, FailOpen: true, Windows: []Window{
			{Max: 50, Per: time.Minute}, {Max: 500, Per: time.Hour}}},
		IPCheckFailed:  &Rule{Name: "ip_check_failed", Kind: 6, Exceeded: Refuse, Windows: []Window{{Max: 150, Per: time.Hour}}},
		AuthFailed:     &Rule{Name: "auth_failed", Kind: 7, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 60, Per: time.Minute}}},
		GetDevices:     &Rule{Name: "get_devices", Kind: 8, Exceeded: Refuse, Windows: []Window{{Max: 60, Per: time.Minute}}},
		GetDevicesMiss: &Rule{Name: "get_devices_miss", Kind: 9, Exceeded: Refuse, Windows: []Window{{Max: 20, Per: time.Minute}}},
		DevicesUser:    &Rule{Name: "devices_user", Kind: 10, Exceeded: Refuse, Windows: []Window{{Max: 10, Per: time.Hour}}},
		// Carrier NAT puts thousands of phones behind one address.
		BrowserScript:  &Rule{Name: "browser_script", Kind: 40, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 600, Per: time.Minute}}},
		CaptchaGet:     &Rule{Name: "captcha_get", Kind: 60, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 120, Per: time.Minute}}},
		CaptchaCheck:   &Rule{Name: "captcha_check", Kind: 61, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 600, Per: time.Minute}}},
		CaptchaFailed:  &Rule{Name: "captcha_failed", Kind: 62, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 5, Per: time.Minute}}},
		CaptchaBlocked: &Rule{Name: "captcha_blocked", Kind: 63, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 1, Per: 5 * time.Minute}}},
		CaptchaWork:    &Rule{Name: "captcha_work", Kind: 64, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 120, Per: time.Minute}}},
		JSMSCode:       &Rule{Name: "jsms_code", Kind: 50, Exceeded: Refuse, Windows: []Window{{Max: 1, Per: 30 * time.Second}, {Max: 200, Per: day}}},
		JSMSVoice:      &Rule{Name: "jsms_voice", Kind: 51, Exceeded: Refuse, Windows: []Window{{Max: 1, Per: 20 * time.Second}}},
		JSMSNotice:     &Rule{Name: "jsms_notice", Kind: 52, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 3, Per: 10 * time.Minute}}},
		JSMSMarket:     &Rule{Name: "jsms_market", Kind: 53, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 3, Per: 10 * time.Minute}}},
		JSMSValid:      &Rule{Name: "jsms_valid", Kind: 54, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 600, Per: time.Minute}}},
		JSMSBalance:    &Rule{Name: "jsms_balance", Kind: 55, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 10, Per: time.Minute}}},
		JSMSPull:       &Rule{Name: "jsms_pull", Kind: 56, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 1, Per: 5 * time.Second}}},
	}
}

// every is DefaultRules with those that are off unless they are set.
func every() Rules {
	r := DefaultRules()
	r.NumberChecks = &Rule{Name: "number_checks", Kind: 41, Exceeded: Refuse, FailOpen: true, Windows: []Window{{Max: 100, Per: time.Second}}}
	return r
}

// NoLimits lifts every frequency limit (design "Running it": --limits off).
// Failure locks are not limits and stay.
func NoLimits() Rules { return Rules{} }

// Unchallenged is r for a dialect that has no way to ask for a challenge: what
// would ask for one refuses. Rules that alert go on never refusing.
func (r Rules) Unchallenged() Rules {
	for _, slot := range r.slots() {
		if rule := *slot; rule != nil && rule.Exceeded == Challenge {
			refusing := *rule
			refusing.Exceeded, refusing.RefuseTimes = Refuse, 0
			*slot = &refusing
		}
	}
	return r
}

// slots lists the rules' places in the order of the contract's table.
func (r *Rules) slots() []**Rule {
	return []**Rule{&r.NumberApp, &r.NumberTenant, &r.NumberInstallation, &r.Content, &r.IPSend, &r.IPCheckFailed,
		&r.AuthFailed, &r.GetDevices, &r.GetDevicesMiss, &r.DevicesUser, &r.BrowserScript, &r.NumberChecks,
		&r.CaptchaGet, &r.CaptchaCheck, &r.CaptchaFailed, &r.CaptchaBlocked, &r.CaptchaWork,
		&r.JSMSCode, &r.JSMSVoice, &r.JSMSNotice, &r.JSMSMarket, &r.JSMSValid, &r.JSMSBalance, &r.JSMSPull}
}

// All lists the rules that are on.
func (r Rules) All() []*Rule {
	var on []*Rule
	for _, slot := range r.slots() {
		if *slot != nil {
			on = append(on, *slot)
		}
	}
	return on
}

// Check reports every rule that is not valid.
func (r Rules) Check() error {
	var errs []error
	for _, rule := range r.All() {
		errs = append(errs, rule.Check())
	}
	return errors.Join(errs...)
}

// With replaces windows by rule name, for the whole installation:
//
//	number_app = ["1/60s", "5/1h", "10/day"]
//	content    = []                            # off
//
// See ParseWindow for the form. Each error names the rule and the window.
func (r Rules) With(overrides map[string][]string) (Rules, error) {
	return r.with(overrides, nil)
}

// WithForApp is With for one app. The rules whose counters belong to nobody
// in particular can not be set by app: contracts/README.md §6.
func (r Rules) WithForApp(overrides map[string][]string) (Rules, error) {
	return r.with(overrides, []string{"number_installation", "auth_failed", "get_devices", "get_devices_miss", "browser_script", "jsms_valid",
		"captcha_get", "captcha_check", "captcha_failed", "captcha_blocked", "captcha_work"})
}

func (r Rules) with(overrides map[string][]string, refused []string) (Rules, error) {
	out, defaults := r, every()
	places := out.slots()
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(overrides)) {
		i := slices.IndexFunc(defaults.slots(), func(slot **Rule) bool { return (*slot).Name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("%s: no such limit", name))
			continue
		}
		if slices.Contains(refused, name) {
			errs = append(errs, fmt.Errorf("%s: can only be set for the whole installation", name))
			continue
		}
		base := *places[i]
		if base == nil { // off in r, and turned on again
			base = *defaults.slots()[i]
		}
		rule, err := base.withWindows(overrides[name])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		*places[i] = rule
	}
	if len(errs) > 0 {
		return r, errors.Join(errs...)
	}
	return out, nil
}

// withWindows copies the rule with other windows; nil when there are none.
func (r *Rule) withWindows(texts []string) (*Rule, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	changed := *r
	changed.Windows = nil
	for _, text := range texts {
		w, err := ParseWindow(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.Name, err)
		}
		changed.Windows = append(changed.Windows, w)
	}
	return &changed, changed.Check()
}

// ParseWindow reads "5/1h" (five in any hour) and "10/day" (ten in a calendar
// day of UTC+8; also minute and hour).
func ParseWindow(text string) (Window, error) {
	count, per, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(count)
	if !ok || err != nil {
		return Window{}, fmt.Errorf("window %q: want a number, a slash and a time, as in 5/1h or 10/day", text)
	}
	w := Window{Max: n}
	switch per {
	case "minute":
		w.Per, w.Calendar = time.Minute, true
	case "hour":
		w.Per, w.Calendar = time.Hour, true
	case "day":
		w.Per, w.Calendar = day, true
	default:
		if w.Per, err = time.ParseDuration(per); err != nil {
			return Window{}, fmt.Errorf("window %q: the time is a duration as 60s or 24h, or minute, hour, day", text)
		}
	}
	return w, w.check(1)
}
