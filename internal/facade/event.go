package facade

import (
	"net/netip"
	"time"

	"yanma.dev/yanma/internal/core"
)

// Event is what is known about one request when its answer has been written:
// the one wide event of the log, and what the metrics count. It holds no code,
// no secret, no path (ids stand in it) and no text of the caller's.
type Event struct {
	Time      time.Time     // when the request was taken up
	Duration  time.Duration // until its answer was handed to the connection
	RequestID string        // as in the answer's X-Request-Id
	Facade    string        // the dialect, or NativeFacade
	Route     string        // the endpoint's name; empty for an unknown path
	App       core.AppID    // 0 until the caller is authenticated
	Phone     core.Phone    // masks itself; zero until the number is known to be one
	Source    netip.Addr    // whom limits count; invalid when unknown
	Status    int           // HTTP status
	Code      string        // the dialect's own error code; empty for success
	Err       *core.Error   // the reason; nil for success
	Stack     []byte        // where the handler panicked; nil otherwise
}

// NativeFacade is the Event's façade for paths that no dialect owns.
const NativeFacade = "native"

// Observer learns about every request, after its answer was written and on the
// request's goroutine: it must not block. The Event is not used again.
type Observer interface {
	Observe(e Event)
}
