package callback

import (
	"context"
	"io"
	"net/http"
	"net/url"

	"yanma.dev/yanma/internal/core"
)

// longestURL is how long an app's URL may be.
const longestURL = 500

// CheckURL proves that a URL may be called and is the app's: GET with echostr,
// eight random letters and digits, must answer exactly these
// (contracts/jsms.md §10). KindBadField with the reason.
func (s *Service) CheckURL(ctx context.Context, text string) error {
	u, err := parseURL(text)
	if err != nil {
		return err
	}
	echo, err := s.echo()
	if err != nil {
		return err
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "echostr=" + echo
	ctx, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return badURL("is no URL")
	}
	r.Header.Set("User-Agent", "Yanma")
	answer, err := s.client.Do(ctx, r)
	switch {
	case err != nil:
		return badURL("echostr: " + reason(err))
	case answer.Status != http.StatusOK:
		return badURL("echostr: the answer's status is not 200")
	case string(answer.Body) != echo:
		return badURL("echostr: the answer is not the text that was sent")
	}
	return nil
}

// parseURL reads the URL of an app.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > longestURL:
		return nil, badURL("is no URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, badURL("want http:// or https://")
	case u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return nil, badURL("want a host, and neither a user nor a fragment")
	}
	return u, nil
}

func badURL(why string) error {
	return &core.Error{Kind: core.KindBadField, Field: "callback_url", Detail: why}
}

const alphanumerics = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// echo draws eight letters and digits; a byte that would make some likelier is
// drawn again.
func (s *Service) echo() (string, error) {
	text, one := make([]byte, 0, 8), make([]byte, 1)
	for len(text) < cap(text) {
		if _, err := io.ReadFull(s.o.Random, one); err != nil {
			return "", core.Wrap(core.KindInternal, err, "draw echostr")
		}
		if int(one[0]) < 256/len(alphanumerics)*len(alphanumerics) {
			text = append(text, alphanumerics[int(one[0])%len(alphanumerics)])
		}
	}
	return string(text), nil
}
