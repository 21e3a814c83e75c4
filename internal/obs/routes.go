package obs

import (
	"yanma.dev/yanma/internal/route"
)

var (
	breakerOpen   = gauge("provider_breaker_open", "Whether messages are kept from the provider, because it does not answer.", "provider")
	breakerOpened = counter("provider_breaker_opened_total", "How often that began.", "provider")

	conversion  = gauge("provider_conversion_ratio", "Codes that are entered, of those that the provider carries to a country (calling code); what is believed now.", "provider", "country")
	codesJudged = counter("provider_codes_total", "Codes that the provider carried, by what became of them within a minute.", "provider", "country", "result")

	routeChosen   = counter("route_choices_total", "Messages for which the provider was the route's first choice.", "route", "provider")
	routeAccepted = counter("route_accepted_total", "Messages that the provider took by the route.", "route", "provider")
	routeCost     = counter("route_cost_total", "Cost of their segments, as the route says.", "route", "provider")
)

func collectRoutes(show func(m sourceMetric, value float64, labels ...string), s route.Stats) {
	for _, p := range s.Providers {
		open := 0.0
		if p.Breaker != route.BreakerClosed {
			open = 1
		}
		show(breakerOpen, open, p.Provider)
		show(breakerOpened, float64(p.Opened), p.Provider)
	}
	for _, c := range s.Choices {
		show(routeChosen, float64(c.Chosen), c.Route, c.Provider)
		show(routeAccepted, float64(c.Accepted), c.Route, c.Provider)
		show(routeCost, float64(c.Spent), c.Route, c.Provider)
	}
	for _, t := range s.Tallies {
		show(conversion, t.Conversion, t.Provider, t.Country)
		show(codesJudged, float64(t.Entered), t.Provider, t.Country, "entered")
		show(codesJudged, float64(t.Unentered), t.Provider, t.Country, "not_entered")
	}
}
