package tenant

import (
	"net/url"
	"slices"
	"strings"
)

// Bounds of the list of origins.
const (
	mostOrigins   = 100
	longestOrigin = 255
)

// buildOrigins takes what a browser sends as Origin: scheme, host and port,
// lower case, nothing after them.
func (s Settings) buildOrigins(app *App) error {
	if len(s.Origins) > mostOrigins {
		return bad("origins", "want at most %d", mostOrigins)
	}
	for i, origin := range s.Origins {
		u, err := url.Parse(origin)
		if err != nil || len(origin) > longestOrigin || !isVisible(origin) || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
			origin != strings.ToLower(u.Scheme+"://"+u.Host) {
			return bad("origins", "entry %d: want a scheme and a host as in https://www.example.com, lower case, without a slash at the end", i+1)
		}
		if slices.Contains(s.Origins[:i], origin) {
			return bad("origins", "entry %d stands there twice", i+1)
		}
	}
	app.Origins = slices.Clone(s.Origins)
	return nil
}

// Steps of a funnel, from the one that a user does not see to the loudest.
const (
	StepSilent = "silent" // the carrier is asked; the user does nothing
	StepSMS    = "sms"
	StepVoice  = "voice"
)

func (s Settings) buildFunnel(app *App) error {
	for i, step := range s.Funnel {
		if step != StepSilent && step != StepSMS && step != StepVoice || slices.Contains(s.Funnel[:i], step) {
			return bad("funnel", "want each at most once: silent, sms, voice")
		}
	}
	app.Funnel = slices.Clone(s.Funnel)
	return nil
}
