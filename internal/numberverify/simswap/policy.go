package simswap

import (
	"context"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// Action is what an app's policy is about.
type Action uint8

// The actions.
const (
	ActionSend         Action = 1
	ActionLogin        Action = 2
	ActionNumberChange Action = 3
)

// String names the action as the settings do.
func (a Action) String() string {
	return [...]string{"none", "send", "login", "number_change"}[min(a, ActionNumberChange)]
}

// Field is the Field of a refusal, so that a dialect can tell it from a lock
// after wrong tries.
const Field = "sim_swap"

// againIn is when it is worth asking again about what nobody could tell: when
// the operator may be asked again after failures.
const againIn = 15 * time.Second

// Operator says what it knows of numbers; *Client.
type Operator interface {
	Signal(ctx context.Context, phone core.Phone, hours int) Signal
}

// Guard applies apps' policies. One without an Operator knows nothing: what
// requires to know is refused.
type Guard struct {
	operator Operator
	log      *slog.Logger
}

// NewGuard returns a guard; operator may be nil.
func NewGuard(operator Operator, log *slog.Logger) *Guard {
	return &Guard{operator: operator, log: log}
}

// Allow tells whether an action may go on: nil, or a KindLocked with Field whose
// RetryAfter is when it can. challenged says that the person has shown
// something beside the SIM in this very request.
func (g *Guard) Allow(ctx context.Context, app *tenant.App, action Action, phone core.Phone, challenged bool) error {
	policy := policyOf(app.SIMSwap, action)
	if policy == tenant.SIMSwapOff || policy == "" {
		return nil
	}
	signal := Unknown
	if g.operator != nil {
		signal = g.operator.Signal(ctx, phone, app.SIMSwap.MaxAgeHours)
	}
	refused := refuses(policy, action, signal, app.SIMSwap.Unsupported, challenged)
	if signal != Clear {
		g.log.Warn("simswap: a number's SIM is not known to be the same", "signal", signal.String(), "action", action.String(),
			"policy", string(policy), "refused", refused, "phone", phone, "app", int64(app.ID))
	}
	if !refused {
		return nil
	}
	wait := againIn
	if signal == Swapped || signal == Unsupported {
		wait = time.Duration(app.SIMSwap.MaxAgeHours) * time.Hour
	}
	return &core.Error{Kind: core.KindLocked, Field: Field, Detail: "the SIM: " + signal.String(), RetryAfter: wait}
}

func policyOf(s tenant.SIMSwap, action Action) tenant.SIMSwapPolicy {
	switch action {
	case ActionSend:
		return s.Send
	case ActionLogin:
		return s.Login
	case ActionNumberChange:
		return s.NumberChange
	}
	return tenant.SIMSwapRequire
}

// refuses is contracts/camara.md §6. A challenge that was met lets a change
// pass under "challenge", never under "require"; but for a login and a change of
// number all that is met is a code to this very SIM, which shows nothing of who
// has it. Not knowing asks for a challenge where a number is changed: who takes
// that over keeps it (docs/adr/0018).
func refuses(policy tenant.SIMSwapPolicy, action Action, signal Signal, unsupported string, challenged bool) bool {
	switch policy {
	case tenant.SIMSwapOff, tenant.SIMSwapObserve:
		return false
	case tenant.SIMSwapChallenge:
		if signal == Swapped {
			return !challenged || action != ActionSend
		}
		return signal == Unknown && action == ActionNumberChange && !challenged
	case tenant.SIMSwapRequire:
	}
	switch signal {
	case Clear:
		return false
	case Unsupported:
		return unsupported != "allow"
	case Swapped, Unknown:
	}
	return true
}
