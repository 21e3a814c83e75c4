package obs

import "yanma.dev/yanma/internal/guard/fraud"

var (
	guardDecisions = counter("guard_decisions_total", "Requests that the fraud guard judged, by what its rules said, also where that is only recorded.", "outcome")
	guardFindings  = counter("guard_findings_total", "Requests of which the fraud guard did not say allow, by its rule.", "reason")
	guardSubjects  = gauge("guard_subjects", "Countries, prefixes, apps and networks that the fraud guard counts.", "kind")
	guardEvicted   = counter("guard_subjects_evicted_total", "Subjects that the fraud guard forgot to make room.")
)

func collectGuard(show func(m sourceMetric, value int64, labels ...string), s fraud.Stats) {
	show(guardDecisions, int64(s.Allowed), fraud.Allow.String())
	show(guardDecisions, int64(s.Challenged), fraud.Challenge.String())
	show(guardDecisions, int64(s.Blocked), fraud.Block.String())
	for rule, n := range s.ByRule {
		show(guardFindings, int64(n), rule)
	}
	for kind, n := range s.Kept {
		show(guardSubjects, int64(n), kind)
	}
	show(guardEvicted, int64(s.Evicted))
}
