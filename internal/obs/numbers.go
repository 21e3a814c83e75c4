package obs

import (
	"yanma.dev/yanma/internal/breaker"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/simswap"
)

var (
	carrierOpen    = gauge("carrier_breaker_open", "Whether number verification leaves the gateway alone, because it fails.", "carrier")
	carrierOpened  = counter("carrier_breaker_opened_total", "How often that began.", "carrier")
	carrierAnswers = counter("carrier_answers_total", "Questions to the gateway: answered, or why not.", "carrier", "result")

	swapOpen    = gauge("sim_swap_breaker_open", "Whether the operator is not asked about changed SIMs, because it fails.")
	swapOpened  = counter("sim_swap_breaker_opened_total", "How often that began.")
	swapSignals = counter("sim_swap_signals_total", "What was known of numbers' SIMs, by signal.", "signal")

	numberWithheld = gauge("number_charges_withheld", "Charges for answers that nobody was told, which wait to be given back.")
)

func collectSIMSwap(show func(m sourceMetric, value int64, labels ...string), s simswap.Stats) {
	open := int64(0)
	if s.Breaker != breaker.Closed {
		open = 1
	}
	show(swapOpen, open)
	show(swapOpened, s.Opened)
	for signal, n := range s.Signals {
		show(swapSignals, n, signal.String())
	}
}

func collectNumbers(show func(m sourceMetric, value int64, labels ...string), s numberverify.Stats) {
	for _, g := range s.Gateways {
		open := int64(0)
		if g.Breaker != breaker.Closed {
			open = 1
		}
		show(carrierOpen, open, g.Name)
		show(carrierOpened, g.Opened, g.Name)
		show(carrierAnswers, g.Answered, g.Name, "answered")
		for class, n := range g.Failed {
			show(carrierAnswers, n, g.Name, class.String())
		}
	}
	show(numberWithheld, int64(s.Withheld))
}
