package obs

import (
	"github.com/prometheus/client_golang/prometheus"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/guard/fraud"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store"
)

// Sources are what counts itself; it is read at each scrape. A nil one is left
// out.
type Sources struct {
	Store     func() store.Stats
	Outbox    func() outbox.Stats
	Providers []provider.Provider
	Routes    func() route.Stats
	Numbers   func() numberverify.Stats
	SIMSwap   func() simswap.Stats // nil: nobody is asked
	Captcha   func() (captcha.Stats, captcha.PoolStats)
	Limiter   func() int // subjects in memory
	Guard     func() fraud.Stats
	Log       func() int64

	Callbacks func() callback.Stats
	Replies   func() reply.Stats
	Balances  func() []Balance                      // of apps with a threshold
	Disk      func() (free, size int64, known bool) // of the data folder
}

// Collect adds the sources to /metrics. It is called once.
func (m *Metrics) Collect(s Sources) { m.registry.MustRegister(sourceCollector{s}) }

// sourceCollector reads Sources for the registry.
type sourceCollector struct{ Sources }

// sourceMetric is how one number of a source is shown.
type sourceMetric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) sourceMetric {
	return sourceMetric{prometheus.NewDesc("yanma_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) sourceMetric {
	return sourceMetric{prometheus.NewDesc("yanma_"+name, help, labels, nil), prometheus.GaugeValue}
}

var (
	storeBatches  = counter("store_batches_total", "Group commits.")
	storeCommands = counter("store_commands_total", "Commands that were decided in them.")
	storeRefused  = counter("store_commands_refused_total", "Commands that were refused by a rule.")
	storeFailed   = counter("store_commands_failed_total", "Commands whose commit failed.")
	storeShed     = counter("store_commands_shed_total", "Commands that found the queue full.")
	storeWaiting  = gauge("store_commands_waiting", "Commands that wait for a commit.")

	outboxOutcomes = counter("outbox_outcomes_total", "Answers of providers, by class.", "class")
	outboxReceipts = counter("outbox_receipts_total", "Messages whose receipts came, and receipts of no known message.", "state")
	outboxResent   = counter("outbox_resent_total", "Messages sent once more after an unknown outcome.")
	outboxFailover = counter("outbox_failed_over_total", "Messages sent on to another provider after an undelivered receipt.")
	outboxEnded    = counter("outbox_ended_total", "Messages that ended unsent or unheard of.", "state")
	outboxOverflow = counter("outbox_overflow_total", "Messages that found the queue in memory full; the sweep takes them up.")
	outboxWaiting  = gauge("outbox_messages_waiting", "Messages that wait for a provider.")
	outboxInFlight = gauge("outbox_messages_in_flight", "Messages that this process holds.")

	providerUp     = gauge("provider_up", "Whether the connection to the carrier is up.", "provider")
	providerWindow = gauge("provider_window", "Submissions without an answer.", "provider")

	limiterSubjects = gauge("limiter_subjects", "Numbers and addresses that the limiter counts.")
	logLost         = counter("log_lines_lost_total", "Lines that could not be written.")
)

// Describe names no metric: which there are depends on the sources.
func (c sourceCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the sources.
func (c sourceCollector) Collect(out chan<- prometheus.Metric) {
	show := func(m sourceMetric, value int64, labels ...string) {
		out <- prometheus.MustNewConstMetric(m.desc, m.kind, float64(value), labels...)
	}
	if c.Store != nil {
		s := c.Store()
		show(storeBatches, s.Batches)
		show(storeCommands, s.Commands)
		show(storeRefused, s.Refused)
		show(storeFailed, s.Failed)
		show(storeShed, s.Shed)
		show(storeWaiting, s.Waiting)
	}
	if c.Outbox != nil {
		collectOutbox(show, c.Outbox())
	}
	for _, p := range c.Providers {
		h := p.Health()
		up := int64(0)
		if h.Up {
			up = 1
		}
		show(providerUp, up, p.Name())
		show(providerWindow, int64(h.Window), p.Name())
	}
	if c.Routes != nil {
		collectRoutes(func(m sourceMetric, value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
		}, c.Routes())
	}
	if c.Numbers != nil {
		collectNumbers(show, c.Numbers())
	}
	if c.SIMSwap != nil {
		collectSIMSwap(show, c.SIMSwap())
	}
	if c.Captcha != nil {
		challenges, pictures := c.Captcha()
		collectCaptcha(show, challenges, pictures)
	}
	if c.Guard != nil {
		collectGuard(show, c.Guard())
	}
	c.collectWatched(show)
	if c.Limiter != nil {
		show(limiterSubjects, int64(c.Limiter()))
	}
	if c.Log != nil {
		show(logLost, c.Log())
	}
}

func collectOutbox(show func(m sourceMetric, value int64, labels ...string), s outbox.Stats) {
	show(outboxOutcomes, s.Submitted, provider.Accepted.String())
	show(outboxOutcomes, s.Rejected, provider.Rejected.String())
	show(outboxOutcomes, s.Throttled, provider.Throttled.String())
	show(outboxOutcomes, s.Unknown, provider.Unknown.String())
	show(outboxOutcomes, s.NotSent, provider.NotSent.String())
	show(outboxReceipts, s.Delivered, "delivered")
	show(outboxReceipts, s.Undelivered, "undelivered")
	show(outboxReceipts, s.Orphaned, "orphaned")
	show(outboxResent, s.Resent)
	show(outboxFailover, s.FailedOver)
	show(outboxEnded, s.Expired, "expired")
	show(outboxEnded, s.Dead, "dead")
	show(outboxOverflow, s.Overflow)
	show(outboxWaiting, s.QueueDepth)
	show(outboxInFlight, s.InFlight)
}
