package app

import (
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	yaml "github.com/oasdiff/yaml3"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// ruleFile is a file of Prometheus' rules, as far as it matters here.
type ruleFile struct {
	Groups []struct {
		Name  string `yaml:"name"`
		Rules []struct {
			Alert       string            `yaml:"alert"`
			Expr        string            `yaml:"expr"`
			For         string            `yaml:"for"`
			Labels      map[string]string `yaml:"labels"`
			Annotations map[string]string `yaml:"annotations"`
		} `yaml:"rules"`
	} `yaml:"groups"`
}

var metricName = regexp.MustCompile(`\byanma_[a-z_]+`)

// labelled are metrics that have a value from the first event on only, with the
// reason why the server of this test has none.
var labelled = map[string]string{
	"yanma_provider_conversion_ratio": "of the first code that was judged",
	"yanma_provider_codes_total":      "of the first code that was judged",
	"yanma_carrier_breaker_open":      "of a gateway of number verification",
	"yanma_carrier_answers_total":     "of a gateway of number verification",
}

// TestEveryAlertHasItsMetric: the example rules name metrics that a running
// server shows, and docs/alerts.md tells of every alert.
func TestEveryAlertHasItsMetric(t *testing.T) {
	l := startLetters(t, "")
	low := core.Credits(1000)
	_, err := l.operator.UpdateApp(t.Context(), l.app, tenant.Patch{LowBalance: &low})
	ok(t, err)
	story := l.send(delivers, "delivered")
	l.gotCall("receipt " + story.ID + " 4001 +86" + delivers + " ")

	text, err := os.ReadFile("../../docs/alerts/yanma.rules.yml")
	ok(t, err)
	var rules ruleFile
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	decoder.KnownFields(true)
	ok(t, decoder.Decode(&rules))
	page, err := os.ReadFile("../../docs/alerts.md")
	ok(t, err)
	names := map[string][]string{}
	alerts := 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			alerts++
			if r.Alert == "" || r.Expr == "" || r.Annotations["summary"] == "" || !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
				t.Errorf("%s: not a whole rule: %+v", g.Name, r)
			}
			if _, err := time.ParseDuration(r.For); r.For != "" && err != nil {
				t.Errorf("%s: for %s", r.Alert, r.For)
			}
			if strings.Count(r.Expr, "(") != strings.Count(r.Expr, ")") {
				t.Errorf("%s: parentheses", r.Alert)
			}
			if !strings.Contains(string(page), "`"+r.Alert+"`") {
				t.Errorf("docs/alerts.md does not say what to do about %s", r.Alert)
			}
			for _, name := range metricName.FindAllString(r.Expr, -1) {
				names[name] = append(names[name], r.Alert)
			}
		}
	}
	if alerts < 8 {
		t.Fatalf("%d alerts", alerts)
	}
	var shown string
	l.await("the last metric", func() bool {
		shown = l.scrape()
		return strings.Contains(shown, "\nyanma_callback_calls_total{result=\"told\"} 1\n")
	})
	for name, alerts := range names {
		if _, later := labelled[name]; !strings.Contains(shown, "\n"+name+"{") && !strings.Contains(shown, "\n"+name+" ") && !later {
			t.Errorf("%v: there is no metric %s", alerts, name)
		}
	}
	for _, want := range []string{`yanma_balance_low{app="1"} 1`, `yanma_balance_available{app="1"} 97`, `yanma_callback_up{app="1"} 1`,
		`yanma_callback_calls_total{result="told"} 1`, `yanma_provider_up{provider="carrier"} 1`} {
		if !strings.Contains(shown, "\n"+want+"\n") {
			t.Errorf("no line %s", want)
		}
	}
}

func (l *letters) scrape() string {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.t.Context(), http.MethodGet, l.OperatorURL()+"/metrics", http.NoBody)
	ok(l.t, err)
	answer, err := http.DefaultClient.Do(r)
	ok(l.t, err)
	defer answer.Body.Close()
	page, err := io.ReadAll(answer.Body)
	ok(l.t, err)
	return "\n" + string(page)
}
