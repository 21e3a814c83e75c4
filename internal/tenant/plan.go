package tenant

import (
	"fmt"
	"strings"
	"time"

	"yanma.dev/yanma/internal/core"
)

// PlanStep is one step of an app's fall-back plan: how its codes go out first,
// and how again when nobody entered them.
type PlanStep struct {
	Channel core.Channel
	Route   string        // a route's name; "" = by what routes match
	After   time.Duration // the wait since the step before; 0 for the first
}

// Bounds of a plan. A step that comes sooner finds people still looking for
// their telephone.
const (
	mostSteps    = 5
	shortestStep = 10 * time.Second
	longestStep  = 10 * time.Minute
	longestRoute = 64
)

// ParsePlan reads a plan as it is set and shown: "sms", "sms:other=45s",
// "voice=60s": a channel, a route after a colon, a wait after an equals sign.
// The first step has no wait, all others have one. An error names the step.
func ParsePlan(steps []string, life time.Duration) ([]PlanStep, error) {
	if len(steps) == 0 {
		return nil, nil
	}
	if len(steps) < 2 || len(steps) > mostSteps {
		return nil, bad("plan", "want 2 to %d steps, or none", mostSteps)
	}
	plan := make([]PlanStep, len(steps))
	for i, text := range steps {
		step, err := parseStep(text)
		switch {
		case err != nil:
			return nil, bad("plan", "step %d: %s", i+1, err)
		case i == 0 && step.After != 0:
			return nil, bad("plan", "step 1: the first one waits for nothing")
		case i > 0 && (step.After < shortestStep || step.After > longestStep || step.After >= life):
			return nil, bad("plan", "step %d: want a wait of %s to %s, and less than a code's life", i+1, shortestStep, longestStep)
		}
		plan[i] = step
	}
	return plan, nil
}

func parseStep(text string) (step PlanStep, err error) {
	way, wait, waits := strings.Cut(text, "=")
	if waits {
		if step.After, err = time.ParseDuration(wait); err != nil || step.After <= 0 {
			return step, fmt.Errorf("%q is no wait such as 45s", wait)
		}
	}
	channel, route, _ := strings.Cut(way, ":")
	if len(route) > longestRoute || !isVisible(route) {
		return step, fmt.Errorf("a route's name has at most %d visible ASCII characters", longestRoute)
	}
	step.Route = route
	switch channel {
	case core.ChannelSMS.String():
		step.Channel = core.ChannelSMS
	case core.ChannelVoice.String():
		step.Channel = core.ChannelVoice
	default:
		return step, fmt.Errorf("%q is neither sms nor voice", channel)
	}
	return step, nil
}

// buildPlan is the plan of an app.
func (s Settings) buildPlan(app *App) (err error) {
	app.Plan, err = ParsePlan(s.Plan, app.CodeLife)
	return err
}
