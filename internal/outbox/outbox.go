package outbox

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/store"
)

// Store runs commands. Do returns an error when ctx ends.
type Store interface {
	Do(ctx context.Context, c store.Command) error
}

// Sealer opens the sealed fields of a row (keyring.Ring).
type Sealer interface {
	OpenPhone(sealed []byte) (core.Phone, error)
	Open(field string, sealed []byte) ([]byte, error)
}

// Options are what an Outbox is made of. All without a default are required
// unless the comment says otherwise.
type Options struct {
	Node  uint8
	Now   func() time.Time
	IDs   *core.IDs // the source that also makes the ids of Enqueue's messages; seeded
	Log   *slog.Logger
	Store Store

	// Due lists messages that are due before an instant, the longest overdue
	// first.
	Due func(ctx context.Context, before store.Time, limit int) ([]core.MessageID, error)
	// Purge forgets receipts that came before an instant and found no message.
	// Optional.
	Purge func(ctx context.Context, before store.Time) error
	// Sealer opens rows that the sweep takes up; HandOff decrypts nothing.
	Sealer Sealer
	// Route gives the providers that may carry a message, best first. It is
	// called for every message, from the sender.
	Route func(m Outgoing) []provider.Provider
	// Able gives the names of the providers that may ever carry a message, in no
	// order. Optional: without it an undelivered message goes to nobody else.
	Able func(m *store.Message, to core.Phone) []string
	// From is the source address of an app's messages, for those that are taken
	// up from their rows. Optional: the provider's own.
	From func(core.AppID) string
	// Inbound takes subscribers' texts. Optional: they are acknowledged and
	// dropped.
	Inbound func(provider string, in provider.Inbound, ack func(error))

	Lease    time.Duration // of a message that the sweep takes up; default 30 s
	Hold     time.Duration // between an unknown outcome and its one resend; default 10 s
	NextHold time.Duration // the same where the route has another provider; default Hold
	Interval time.Duration // between two sweeps; default 500 ms
	Queue    int           // codes, and other messages, that may wait for a provider; default 8192 of each
	Workers  int           // goroutines that feed providers where those are not Apart; default 1
	Apart    bool          // each provider is fed by a goroutine of its own: a slow one holds up nobody else's messages
}

func (o *Options) check() error {
	if o.Now == nil || o.IDs == nil || o.Log == nil || o.Store == nil || o.Due == nil || o.Sealer == nil || o.Route == nil {
		return errors.New("outbox: a required option is missing")
	}
	if o.Lease <= 0 {
		o.Lease = DefaultLease
	}
	if o.Hold <= 0 {
		o.Hold = 10 * time.Second
	}
	if o.Interval <= 0 {
		o.Interval = 500 * time.Millisecond
	}
	if o.Queue <= 0 {
		o.Queue = 8192
	}
	if o.Workers <= 0 {
		o.Workers = 1
	}
	return nil
}

// Outgoing is a message whose commit is on disk, with what its row has only in
// sealed form.
type Outgoing struct {
	Row      store.Message // as Enqueue stored it
	To       core.Phone
	Text     string
	From     string            // source address; "" means the provider's own
	Validity time.Duration     // at the carrier; 0 or more than the rest of its life: until Row.ValidUntil
	Params   map[string]string // parameters of Row.Template, for carriers that take no free text
}

// Outbox sends what was accepted and records what became of it. It is the
// provider.Sink of all providers.
type Outbox struct {
	options  Options
	custody  custodian
	queue    line
	lanes    lanes
	outcomes inbox[ended]
	receipts inbox[arrived]
	counters counters

	mu       sync.RWMutex // guards stopping against sends into queue
	stopping bool

	stop    context.CancelFunc // no new submissions
	abandon context.CancelFunc // no more waiting for the store
	feeders sync.WaitGroup     // workers, lanes and sweep
	writers sync.WaitGroup     // the recorders
	ended   chan struct{}
}

// New returns an outbox. Start runs it. Messages that this node enqueued before
// New count as an earlier life's.
func New(o Options) (*Outbox, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	x := &Outbox{options: o, queue: newLine(o.Queue), outcomes: newInbox[ended](), receipts: newInbox[arrived]()}
	x.custody.init(o.Node, core.MessageID(o.IDs.Next()))
	return x, nil
}

// Start takes up what an earlier life of this node left, and sends until Stop.
// It is called once.
func (o *Outbox) Start() {
	run, stop := context.WithCancel(context.Background())
	last, abandon := context.WithCancel(context.Background())
	o.stop, o.abandon, o.ended = stop, abandon, make(chan struct{})
	if o.options.Apart {
		o.feeders.Go(func() { o.feedLanes(run, o.queue.codes) })
		o.feeders.Go(func() { o.feedLanes(run, o.queue.others) })
	} else {
		for range o.options.Workers {
			o.feeders.Go(func() { o.feed(run) })
		}
	}
	o.feeders.Go(func() { o.sweep(run, last) })
	o.writers.Go(func() { o.recordOutcomes(last) })
	o.writers.Go(func() { o.recordReceipts(last) })
}

// HandOff gives a committed message to the sender. It never blocks and never
// fails: when the queue is full, or Stop was called, the lease runs out and the
// sweep takes the message up.
func (o *Outbox) HandOff(out Outgoing) {
	if !o.leaseLasts(&out.Row) || !o.custody.add(out.Row.ID) {
		return
	}
	f := newFlight(o, out)
	if !o.offer(f) {
		o.custody.remove(out.Row.ID)
		o.counters.overflow.Add(1)
	}
}

// handOffMargin is how much of its lease a message must have left to be handed
// off: the sweep must not take it up at the same time.
const handOffMargin = 5 * time.Second

func (o *Outbox) leaseLasts(m *store.Message) bool {
	return m.State == store.MessageLeased && store.At(o.options.Now()).Add(handOffMargin) < m.Due
}

// offer puts a flight into the queue, unless it is full or the outbox stops.
func (o *Outbox) offer(f *flight) bool {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return !o.stopping && o.queue.offer(f)
}

// Receipt records a carrier's report and acknowledges it when it is on disk.
func (o *Outbox) Receipt(from string, r provider.Receipt, ack func(error)) {
	r.PartID, r.AltIDs = provider.CleanID(r.PartID), cleanIDs(r.AltIDs)
	if !o.receipts.put(arrived{Receipt{Receipt: r, Provider: from}, ack}) {
		ack(core.E(core.KindOverloaded, "shutting down"))
	}
}

// cleanIDs is a carrier's ids as they are stored: the same slice when nothing is
// too long.
func cleanIDs(ids []string) []string {
	for i, id := range ids {
		if clean := provider.CleanID(id); len(clean) < len(id) {
			ids = slices.Clone(ids)
			for j := i; j < len(ids); j++ {
				ids[j] = provider.CleanID(ids[j])
			}
			return ids
		}
	}
	return ids
}

// Inbound passes a subscriber's text on.
func (o *Outbox) Inbound(provider string, in provider.Inbound, ack func(error)) {
	if o.options.Inbound == nil {
		ack(nil)
		return
	}
	o.options.Inbound(provider, in, ack)
}

// Stop makes no new submission, waits for the outcomes of those under way and
// records them; leases of what was not sent are given back. The providers must
// still run. When ctx ends first, the rest is left to the next start and ctx's
// error is returned. Stopping twice is fine.
func (o *Outbox) Stop(ctx context.Context) error {
	if !o.beginStop() {
		return o.awaitEnd(ctx)
	}
	o.stop()
	err := o.drain(ctx)
	o.abandon()
	o.feeders.Wait()
	o.writers.Wait()
	if left := o.custody.count(); left > 0 {
		o.options.Log.Warn("outbox: stopped before all outcomes were known", "messages", left)
	}
	close(o.ended)
	return err
}

// beginStop tells whether this call is the one that stops a running outbox.
func (o *Outbox) beginStop() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	first := !o.stopping
	o.stopping = true
	return first && o.stop != nil
}

func (o *Outbox) awaitEnd(ctx context.Context) error {
	if o.ended == nil {
		return nil // never started
	}
	select {
	case <-o.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// drain waits until nothing is under way: the workers and the sweep end, the
// outcomes come and are stored, the receipts that arrived are stored.
func (o *Outbox) drain(ctx context.Context) error {
	steps := [...]func(){o.feeders.Wait, o.returnLanes, o.custody.waitEmpty, func() { o.outcomes.close(); o.receipts.close(); o.writers.Wait() }}
	for _, step := range steps {
		if err := within(ctx, step); err != nil {
			o.custody.giveUp()
			o.outcomes.close()
			o.receipts.close()
			return err
		}
	}
	return nil
}

// within runs step until ctx ends. A step that is left behind ends when Stop
// abandons the rest.
func within(ctx context.Context, step func()) error {
	done := make(chan struct{})
	go func() { step(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
