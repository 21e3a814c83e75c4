package app

import (
	"runtime"

	"yanma.dev/yanma/internal/captcha"
	"yanma.dev/yanma/internal/captcha/siteverify"
	"yanma.dev/yanma/internal/guard"
)

// openCaptcha makes the challenges of end users. Half of the processors may be
// drawing ahead.
func (a *App) openCaptcha(rules guard.Rules) {
	c := a.config.Captcha
	a.pictures = captcha.NewPool(captcha.PoolOptions{Random: a.deps.Random, Log: a.log, Watermark: c.Watermark, Ahead: c.Ahead,
		Workers: max(1, runtime.GOMAXPROCS(0)/2), Hurried: runtime.GOMAXPROCS(0)})
	verifiers := make(map[string]captcha.Verifier, len(c.Verifiers))
	for _, v := range c.Verifiers {
		client := siteverify.New(siteverify.Options{URL: v.URL, Secret: v.Secret.Secret, Limit: v.Limit.D(), Dial: a.deps.World.Dial, Now: a.deps.Now})
		verifiers[v.Name] = client
		a.verifiers = append(a.verifiers, client)
	}
	a.captcha = captcha.New(captcha.Options{Keys: a.ring, Store: a.prompt, Pictures: a.pictures, Limiter: a.limiter, Subjects: a.ring, Rules: rules,
		Verifiers: verifiers, Now: a.deps.Now, Random: a.deps.Random, Log: a.log, AcceptUnbound: a.deps.Simulated})
}

// closeCaptcha ends what draws ahead, and the connections to verifiers.
func (a *App) closeCaptcha() {
	a.pictures.Stop()
	for _, v := range a.verifiers {
		v.Close()
	}
}

// captchaStats is called when the listeners are open: then there is a service.
func (a *App) captchaStats() (captcha.Stats, captcha.PoolStats) {
	return a.captcha.Stats(), a.pictures.Stats()
}
