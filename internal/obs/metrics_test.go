package obs

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/simswap"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/provider"
	"yanma.dev/yanma/internal/route"
	"yanma.dev/yanma/internal/store"
)

// carrier is a provider that only has a state.
type carrier struct {
	name   string
	health provider.Health
}

func (c *carrier) Name() string                                                      { return c.name }
func (c *carrier) Start(context.Context) error                                       { return nil }
func (c *carrier) Submit(context.Context, *provider.Message, func(provider.Outcome)) {}
func (c *carrier) Health() provider.Health                                           { return c.health }
func (c *carrier) Stop(context.Context) error                                        { return nil }

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	rec := httptest.NewRecorder()
	m.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if rec.Code != http.StatusOK {
		t.Fatalf("/metrics: %d %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func checkShown(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		if !strings.Contains("\n"+page, "\n"+want+"\n") {
			t.Errorf("no line %q", want)
		}
	}
}

func TestMetricsOfRequests(t *testing.T) {
	m := NewMetrics()
	r := NewRequests(NewWriter(&sink{}, nil, WriterOptions{}), slog.LevelError+1, m)
	defer closed(t, r.out)
	e := getCode()
	r.Observe(e)
	r.Observe(e)
	e.Code, e.Err = "0074", core.E(core.KindRateLimited, "")
	r.Observe(e)
	page := scrape(t, m)
	checkShown(t, page,
		`yanma_requests_total{code="ok",facade="yunbox",route="get-code"} 2`,
		`yanma_requests_total{code="0074",facade="yunbox",route="get-code"} 1`,
		`yanma_request_duration_seconds_count{facade="yunbox",route="get-code"} 3`,
		`yanma_request_duration_seconds_bucket{facade="yunbox",route="get-code",le="0.001"} 0`,
		`yanma_request_duration_seconds_bucket{facade="yunbox",route="get-code",le="0.0025"} 3`,
		`yanma_requests_in_flight 0`)
	if !strings.Contains(page, "\ngo_goroutines ") {
		t.Error("no metrics of the Go runtime")
	}
	checkNoCanary(t, page)
}

func TestMetricsInFlight(t *testing.T) {
	m := NewMetrics()
	h := m.Track(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		checkShown(t, scrape(t, m), "yanma_requests_in_flight 1")
		panic(http.ErrAbortHandler)
	}))
	func() {
		defer func() { _ = recover() }()
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))
	}()
	checkShown(t, scrape(t, m), "yanma_requests_in_flight 0")
}

func TestMetricsOfSources(t *testing.T) {
	m := NewMetrics()
	m.Collect(Sources{
		Store: func() store.Stats {
			return store.Stats{Batches: 1, Commands: 2, Refused: 3, Failed: 4, Shed: 5, Waiting: 6}
		},
		Outbox: func() outbox.Stats {
			return outbox.Stats{Submitted: 11, Rejected: 12, Throttled: 13, Unknown: 14, NotSent: 15, Delivered: 16, Undelivered: 17,
				Resent: 18, FailedOver: 25, Expired: 19, Dead: 20, Orphaned: 21, Overflow: 22, QueueDepth: 23, InFlight: 24}
		},
		Providers: []provider.Provider{&carrier{"main", provider.Health{Up: true, Window: 9}}, &carrier{name: "spare"}},
		Routes: func() route.Stats {
			return route.Stats{Providers: []route.ProviderStats{{Provider: "main", Breaker: route.BreakerHalfOpen, Opened: 41}, {Provider: "spare"}},
				Choices: []route.ChoiceStats{{Route: "china", Provider: "main", Chosen: 42, Accepted: 43, Spent: 44}},
				Tallies: []route.Tally{{Provider: "main", Country: "86", Entered: 45, Unentered: 46, Conversion: 0.75}}}
		},
		SIMSwap: func() simswap.Stats {
			return simswap.Stats{Breaker: breaker.Open, Opened: 61, Signals: map[simswap.Signal]int64{simswap.Swapped: 62, simswap.Unknown: 63}}
		},
		Numbers: func() numberverify.Stats {
			return numberverify.Stats{Withheld: 51, Gateways: []numberverify.GatewayStats{
				{Name: "cm", Breaker: breaker.Open, Opened: 52, Answered: 53, Failed: map[numberverify.Class]int64{numberverify.ClassCaller: 54, numberverify.ClassTimeout: 55}},
				{Name: "ct", Breaker: breaker.Closed}}}
		},
		Limiter: func() int { return 31 },
		Log:     func() int64 { return 32 },
	})
	checkShown(t, scrape(t, m),
		"yanma_store_batches_total 1", "yanma_store_commands_total 2", "yanma_store_commands_refused_total 3",
		"yanma_store_commands_failed_total 4", "yanma_store_commands_shed_total 5", "yanma_store_commands_waiting 6",
		`yanma_outbox_outcomes_total{class="accepted"} 11`, `yanma_outbox_outcomes_total{class="rejected"} 12`,
		`yanma_outbox_outcomes_total{class="throttled"} 13`, `yanma_outbox_outcomes_total{class="unknown"} 14`,
		`yanma_outbox_outcomes_total{class="not_sent"} 15`,
		`yanma_outbox_receipts_total{state="delivered"} 16`, `yanma_outbox_receipts_total{state="undelivered"} 17`,
		`yanma_outbox_receipts_total{state="orphaned"} 21`, "yanma_outbox_resent_total 18",
		`yanma_outbox_ended_total{state="expired"} 19`, `yanma_outbox_ended_total{state="dead"} 20`,
		"yanma_outbox_overflow_total 22", "yanma_outbox_messages_waiting 23", "yanma_outbox_messages_in_flight 24",
		`yanma_provider_up{provider="main"} 1`, `yanma_provider_window{provider="main"} 9`, `yanma_provider_up{provider="spare"} 0`,
		`yanma_provider_breaker_open{provider="main"} 1`, `yanma_provider_breaker_open{provider="spare"} 0`,
		`yanma_provider_breaker_opened_total{provider="main"} 41`, `yanma_route_choices_total{provider="main",route="china"} 42`,
		`yanma_route_accepted_total{provider="main",route="china"} 43`, `yanma_route_cost_total{provider="main",route="china"} 44`,
		`yanma_provider_codes_total{country="86",provider="main",result="entered"} 45`,
		`yanma_provider_codes_total{country="86",provider="main",result="not_entered"} 46`,
		`yanma_provider_conversion_ratio{country="86",provider="main"} 0.75`, "yanma_outbox_failed_over_total 25",
		`yanma_sim_swap_breaker_open 1`, `yanma_sim_swap_breaker_opened_total 61`, `yanma_sim_swap_signals_total{signal="swapped"} 62`, `yanma_sim_swap_signals_total{signal="unknown"} 63`,
		`yanma_carrier_breaker_open{carrier="cm"} 1`, `yanma_carrier_breaker_open{carrier="ct"} 0`, `yanma_carrier_breaker_opened_total{carrier="cm"} 52`,
		`yanma_carrier_answers_total{carrier="cm",result="answered"} 53`, `yanma_carrier_answers_total{carrier="cm",result="caller"} 54`,
		`yanma_carrier_answers_total{carrier="cm",result="timeout"} 55`, "yanma_number_charges_withheld 51",
		"yanma_limiter_subjects 31", "yanma_log_lines_lost_total 32")
}

func TestMetricsWithoutSources(t *testing.T) {
	m := NewMetrics()
	m.Collect(Sources{})
	if page := scrape(t, m); strings.Contains(page, "yanma_store") {
		t.Error("a source that is not there is shown")
	}
}
