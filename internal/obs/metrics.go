package obs

import (
	"net/http"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"yanma.dev/yanma/internal/facade"
)

// Metrics is the registry behind /metrics. No label holds anything that a
// caller chooses.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge

	mu     sync.RWMutex
	series map[labels]series
}

// labels of one request; series is where it is counted.
type (
	labels struct{ facade, route, code string }
	series struct {
		requests prometheus.Counter
		duration prometheus.Observer
	}
)

// durations are the histogram's bounds in seconds: the targets of design.md
// "Performance" lie well inside.
var durations = []float64{.001, .0025, .005, .01, .02, .05, .1, .25, .5, 1, 2.5, 5, 10}

// NewMetrics makes the registry with the requests' metrics and those of the Go
// runtime and the process.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), series: map[labels]series{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "yanma_requests_total",
			Help: "Requests answered, by façade, route and the dialect's own code (ok for success)."}, []string{"facade", "route", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "yanma_request_duration_seconds",
			Help: "Time from taking up a request to handing its answer to the connection.", Buckets: durations}, []string{"facade", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "yanma_requests_in_flight",
			Help: "Requests being answered."})}
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Track counts the requests that next is at work on.
func (m *Metrics) Track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.inFlight.Inc()
		defer m.inFlight.Dec()
		next.ServeHTTP(w, r)
	})
}

// observe counts one request.
func (m *Metrics) observe(e *facade.Event) {
	key := labels{facade: e.Facade, route: e.Route, code: e.Code}
	m.mu.RLock()
	s, known := m.series[key]
	m.mu.RUnlock()
	if !known {
		s = m.add(key)
	}
	s.requests.Inc()
	s.duration.Observe(e.Duration.Seconds())
}

func (m *Metrics) add(key labels) series {
	code := key.code
	if code == "" {
		code = "ok"
	}
	s := series{requests: m.requests.WithLabelValues(key.facade, key.route, code),
		duration: m.duration.WithLabelValues(key.facade, key.route)}
	m.mu.Lock()
	m.series[key] = s
	m.mu.Unlock()
	return s
}
