package captcha

import (
	"sync"
	"sync/atomic"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// An app's challenge is raised when this share of its answers of the last five
// minutes is wrong and twice what it is used to: people miss one in ten, blind
// guesses miss 152 of 163.
const (
	slot      = 30 * time.Second
	slots     = 10
	fewest    = 20   // answers, before anything is concluded
	suspect   = 0.4  // share of wrong answers
	usualRise = 2    // times the usual share …
	certain   = 0.8  // … but never more than this is needed
	patience  = 0.05 // weight of a slot in the usual share
)

// ratios counts right and wrong answers of apps, on this node.
type ratios struct {
	mu   sync.Mutex
	apps map[core.AppID]*ratio
}

// ratio is one app's; there is one for each app that has answers, so apps bound it.
type ratio struct {
	counts [slots]struct{ right, wrong int }
	newest int64   // number of the slot that is being counted
	usual  float64 // share of wrong answers over a long time
}

// add counts an answer to a genuine token: what costs the caller a puzzle.
func (r *ratios) add(app core.AppID, now time.Time, right bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.apps == nil {
		r.apps = make(map[core.AppID]*ratio)
	}
	of := r.apps[app]
	if of == nil {
		of = &ratio{newest: now.UnixNano() / int64(slot)}
		r.apps[app] = of
	}
	of.turn(now)
	if c := &of.counts[of.newest%slots]; right {
		c.right++
	} else {
		c.wrong++
	}
}

// raised tells whether an app's answers are wrong too often.
func (r *ratios) raised(app core.AppID, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.apps[app]
	if of == nil {
		return false
	}
	of.turn(now)
	all, wrong := 0, 0
	for _, c := range of.counts {
		all, wrong = all+c.right+c.wrong, wrong+c.wrong
	}
	return all >= fewest && float64(wrong) >= float64(all)*min(max(suspect, usualRise*of.usual), certain)
}

// turn empties the slots that have passed; a clock that was set back turns nothing.
func (r *ratio) turn(now time.Time) {
	current := now.UnixNano() / int64(slot)
	for steps := 0; r.newest < current; steps++ {
		if steps == slots {
			r.newest = current
			return
		}
		if c := r.counts[r.newest%slots]; c.right+c.wrong > 0 {
			r.usual += patience * (float64(c.wrong)/float64(c.right+c.wrong) - r.usual)
		}
		r.newest++
		r.counts[r.newest%slots] = struct{ right, wrong int }{}
	}
}

// Risk is what is known of a send before a challenge is asked for.
type Risk struct {
	Sends int  // codes to the number by the app in the last 24 hours
	Risky bool // the fraud guard, or a limit, wants a challenge
}

// Required tells which challenge an app asks for: what its settings say, and
// more than a puzzle while too many answers to its puzzles are wrong.
func (s *Service) Required(app *tenant.App, r Risk) Kind {
	have := settings(app)
	switch have.Captcha {
	case tenant.CaptchaAlways:
	case tenant.CaptchaAfter:
		if r.Sends < have.CaptchaSends && !r.Risky {
			return KindNone
		}
	case tenant.CaptchaOnRisk:
		if !r.Risky {
			return KindNone
		}
	}
	return s.strength(app)
}

// raised tells whether too many answers to an app's puzzles are wrong. Where it
// takes passes that name no client, the answers of such callers count as its own:
// else whoever guesses would leave the client out.
func (s *Service) raised(app *tenant.App) bool {
	now := s.o.Now()
	return s.ratios.raised(idOf(app), now) || s.bound(app, 0, ofClient) && s.ratios.raised(0, now)
}

// strength is the kind that an app asks for now: the least it takes, or the
// least above a puzzle while it is raised.
func (s *Service) strength(app *tenant.App) Kind {
	have := settings(app)
	work := have.Takes(tenant.CaptchaWork)
	verifier := have.Takes(tenant.CaptchaVerifier)
	switch {
	case have.Takes(tenant.CaptchaPuzzle) && (!work && !verifier || !s.raised(app)):
		return KindPuzzle
	case work:
		return KindWork
	default:
		return KindVerifier
	}
}

// tally counts what became of challenges, for metrics.
type tally struct{ given, wrong, redeemed, refused, blocks atomic.Int64 }

// Stats are counts since the start.
type Stats struct {
	Given    int64 // puzzles and challenges of work
	Wrong    int64 // checks that failed
	Redeemed int64 // passes, proofs and tokens that counted
	Refused  int64 // … that did not
	Blocks   int64 // of address prefixes that were begun
}

// Stats reads the counts.
func (s *Service) Stats() Stats {
	t := &s.tally
	return Stats{Given: t.given.Load(), Wrong: t.wrong.Load(), Redeemed: t.redeemed.Load(), Refused: t.refused.Load(), Blocks: t.blocks.Load()}
}
