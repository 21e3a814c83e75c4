package obs

import "yanma.dev/yanma/internal/captcha"

var (
	captchaDrawn      = counter("captcha_pictures_drawn_total", "Captcha pictures that were drawn.")
	captchaShed       = counter("captcha_pictures_shed_total", "Callers who were told that no picture is ready.")
	captchaReady      = gauge("captcha_pictures_ready", "Captcha pictures that are drawn ahead.")
	captchaChallenges = counter("captcha_challenges_total", "Puzzles and challenges of proof of work that were given.")
	captchaAnswers    = counter("captcha_answers_total", "What became of answers, passes and proofs.", "result")
	captchaBlocks     = counter("captcha_blocks_total", "Address prefixes that were stopped for their wrong answers.")
)

func collectCaptcha(show func(m sourceMetric, value int64, labels ...string), s captcha.Stats, p captcha.PoolStats) {
	show(captchaDrawn, p.Drawn)
	show(captchaShed, p.Shed)
	show(captchaReady, p.Ready)
	show(captchaChallenges, s.Given)
	show(captchaAnswers, s.Wrong, "wrong")
	show(captchaAnswers, s.Redeemed, "redeemed")
	show(captchaAnswers, s.Refused, "refused")
	show(captchaBlocks, s.Blocks)
}
