package guard

import (
	"fmt"
	"time"
)

// Window bounds the events of one subject in a span of time. It rolls: an
// event counts until exactly Per after it. With Calendar it counts from the
// start of the minute, hour or day in UTC+8, and Per must be one of those.
type Window struct {
	Max      int           // events that pass; 1 to MaxEvents
	Per      time.Duration // whole milliseconds, 1 s to LongestWindow
	Calendar bool
}

// Bounds of a window.
const (
	MaxEvents     = 1 << 16
	LongestWindow = 7 * 24 * time.Hour
	day           = 24 * time.Hour
)

// Action is what happens to an event over the limit.
type Action uint8

// The actions. The zero Action is "within the limit" in a Verdict; a Rule
// whose Exceeded is zero refuses.
const (
	Allow     Action = iota
	Refuse           // refused with KindRateLimited
	Challenge        // counted; Taken.Challenge asks the façade for a captcha where it has one
	Alert            // counted; as Challenge, and the rule's name is in Taken.Alerts for the operator
)

// String names the action for logs.
func (a Action) String() string {
	switch a {
	case Allow:
		return "allow"
	case Refuse:
		return "refuse"
	case Challenge:
		return "challenge"
	case Alert:
		return "alert"
	}
	return "invalid"
}

// Rule is one limit (contracts/README.md §6): every window of it holds.
type Rule struct {
	Name     string   // as in configuration, logs and the error's Detail
	Kind     uint8    // separates this rule's subjects from other rules'; 1 to 127
	Windows  []Window // at least one
	Exceeded Action   // what happens over the limit

	// RefuseTimes lets a rule that challenges or alerts refuse at last: over
	// this many times each Max. 0 means never.
	RefuseTimes int

	// FailOpen tells what a limiter on another machine does while that machine
	// is away: let pass, or refuse. Memory never fails.
	FailOpen bool
}

// Check reports what is wrong with the rule.
func (r *Rule) Check() error {
	if len(r.Windows) == 0 {
		return fmt.Errorf("%s: no window", r.Name)
	}
	if r.Exceeded > Alert {
		return fmt.Errorf("%s: unknown action %d", r.Name, r.Exceeded)
	}
	for _, w := range r.Windows {
		if err := w.check(max(r.RefuseTimes, 1)); err != nil {
			return fmt.Errorf("%s: %w", r.Name, err)
		}
	}
	return nil
}

func (w Window) check(times int) error {
	switch {
	case w.Max < 1:
		return fmt.Errorf("window of %d per %v: at least 1 must pass", w.Max, w.Per)
	case w.Max > MaxEvents/times:
		return fmt.Errorf("window of %d per %v: at most %d can be counted", w.Max, w.Per, MaxEvents/times)
	case w.Per < time.Second || w.Per > LongestWindow:
		return fmt.Errorf("window of %d per %v: the time must be 1s to %v", w.Max, w.Per, LongestWindow)
	case w.Per%time.Millisecond != 0:
		return fmt.Errorf("window of %d per %v: whole milliseconds only", w.Max, w.Per)
	case w.Calendar && w.Per != time.Minute && w.Per != time.Hour && w.Per != day:
		return fmt.Errorf("window of %d per calendar %v: only minute, hour or day", w.Max, w.Per)
	}
	return nil
}

// HardMax is how many events a window lets pass before it refuses, or 0 when
// the rule never refuses.
func (r *Rule) HardMax(w Window) int {
	switch r.Exceeded {
	case Refuse, Allow:
		return w.Max
	default:
		return w.Max * r.RefuseTimes
	}
}

// Retention is the class of time for which an event can still matter: the
// smallest class not shorter than the rule's longest window. Journals carry it,
// so that they can be loaded without the rules that wrote them.
type Retention uint8

// ShortRetention is the class of rules that are not journaled: by the time a
// node is up again their windows have passed.
const ShortRetention Retention = 1

var retentions = [...]time.Duration{0, 2 * time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, day, LongestWindow}

// Duration is the class's length of time; 0 for an unknown class.
func (c Retention) Duration() time.Duration {
	if int(c) < len(retentions) {
		return retentions[c]
	}
	return 0
}

// Retention is the rule's class.
func (r *Rule) Retention() Retention {
	var longest time.Duration
	for i := range r.Windows {
		longest = max(longest, r.Windows[i].Per)
	}
	class := ShortRetention
	for int(class) < len(retentions)-1 && retentions[class] < longest {
		class++
	}
	return class
}
