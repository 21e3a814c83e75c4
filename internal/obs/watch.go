package obs

import (
	"strconv"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
)

// Balance is what an app can spend, for the alarm that it is low.
type Balance struct {
	App       core.AppID
	Available core.Credits // of whoever pays, in all pools
	Low       bool         // below the app's threshold
}

var (
	callbackCalls   = counter("callback_calls_total", "Calls to apps, by how they ended.", "result")
	callbackDead    = counter("callback_events_dead_total", "Events that no call could tell: given up.")
	callbackWaiting = gauge("callback_events_waiting", "Events whose call is due, as of the last half minute.")
	callbackUp      = gauge("callback_up", "Whether the last call to the app was taken.", "app")

	replyTexts = counter("reply_texts_total", "Texts of subscribers: stored, repeated by the carrier, not stored.", "result")

	balanceAvailable = gauge("balance_available", "Credits that apps with a threshold (low_balance) can spend, in all pools.", "app")
	balanceLow       = gauge("balance_low", "Whether they are below the threshold.", "app")

	diskFree = gauge("disk_free_bytes", "Free room on the disk of the data folder.")
	diskSize = gauge("disk_size_bytes", "Size of that disk.")
)

// collectWatched shows what alerts are made of beside the flow of messages.
func (c sourceCollector) collectWatched(show func(m sourceMetric, value int64, labels ...string)) {
	if c.Callbacks != nil {
		collectCallbacks(show, c.Callbacks())
	}
	if c.Replies != nil {
		s := c.Replies()
		show(replyTexts, s.Stored, "stored")
		show(replyTexts, s.Repeated, "repeated")
		show(replyTexts, s.Failed, "failed")
	}
	if c.Balances != nil {
		for _, b := range c.Balances() {
			app := strconv.FormatInt(int64(b.App), 10)
			show(balanceAvailable, int64(b.Available), app)
			show(balanceLow, truth(b.Low), app)
		}
	}
	if c.Disk != nil {
		if free, size, known := c.Disk(); known {
			show(diskFree, free)
			show(diskSize, size)
		}
	}
}

func collectCallbacks(show func(m sourceMetric, value int64, labels ...string), s callback.Stats) {
	show(callbackCalls, s.Told, "told")
	show(callbackCalls, s.Failed, "failed")
	show(callbackDead, s.Dead)
	show(callbackWaiting, s.Waiting)
	for app, up := range s.Up {
		show(callbackUp, truth(up), strconv.FormatInt(int64(app), 10))
	}
}

func truth(is bool) int64 {
	if is {
		return 1
	}
	return 0
}
