package tenant

import "net/url"

// longestCallback is how many characters the URL of an app's callbacks may have.
const longestCallback = 500

// checkCallback checks the form of a URL that an app is called at; that it is
// the app's, and leads nowhere internal, is found out by a call
// (callback.Service.CheckURL).
func checkCallback(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > longestCallback || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return bad("callback_url", "want http:// or https://, a host, and neither a user nor a fragment, at most %d characters", longestCallback)
	}
	return nil
}

// Reports tells whether an app learns what becomes of its messages: it is
// called, or speaks a dialect in which it asks (contracts/jsms.md §9, §10).
// What accepts a message for such an app sets store.Message.Report.
func (a *App) Reports() bool { return a.CallbackURL != "" || a.Uses(DialectJSMS) }
