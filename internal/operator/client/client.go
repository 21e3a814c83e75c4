package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/api"
	"yanma.dev/yanma/internal/rotation"
	"yanma.dev/yanma/internal/tenant"
)

// Client calls one server. It is safe for concurrent use.
type Client struct {
	base  string
	token core.Secret
	http  *http.Client
}

// New returns a client of the server at a base URL, such as
// http://127.0.0.1:8081.
func New(base string, token core.Secret, h *http.Client) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, http: h}
}

// Error is an answer that is no success. It prints as the server's sentence.
type Error struct {
	Status    int    // HTTP
	Code      string // such as not_found; empty when the answer was not the API's
	Message   string
	RequestID string // to be found in the server's log
}

// Error is the server's sentence, with the request's id when the server failed.
func (e *Error) Error() string {
	if e.Status >= http.StatusInternalServerError && e.RequestID != "" {
		return e.Message + " (request " + e.RequestID + ")"
	}
	return e.Message
}

// call is one request.
type call struct {
	method, path string
	query        url.Values
	body         any       // encoded as JSON, if not nil
	stream       io.Reader // instead of body
	key          string    // Idempotency-Key, if not empty
}

// do sends a call and decodes the answer into a T.
func do[T any](ctx context.Context, c *Client, what call) (T, error) {
	var out T
	answer, err := c.send(ctx, what)
	if err != nil {
		return out, err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= http.StatusMultipleChoices {
		return out, readError(answer, &out)
	}
	if err := json.NewDecoder(answer.Body).Decode(&out); err != nil {
		return out, fmt.Errorf("the server's answer to %s %s can not be read: %w", what.method, what.path, err)
	}
	return out, nil
}

func (c *Client) send(ctx context.Context, what call) (*http.Response, error) {
	body, kind := what.stream, "application/x-ndjson"
	if what.body != nil {
		b, err := json.Marshal(what.body)
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	to := c.base + what.path
	if len(what.query) > 0 {
		to += "?" + what.query.Encode()
	}
	r, err := http.NewRequestWithContext(ctx, what.method, to, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	if body != nil {
		r.Header.Set("Content-Type", kind)
	}
	if what.key != "" {
		r.Header.Set("Idempotency-Key", what.key)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, unreachable(c.base, err)
	}
	return answer, nil
}

// unreachable drops the URL that the error repeats.
func unreachable(base string, err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return fmt.Errorf("the server at %s does not answer: %w", base, err)
}

// longestError is how much of an answer is read for its sentence.
const longestError = 1 << 20

// readError reads the native shape. An import's report goes into out.
func readError(answer *http.Response, out any) error {
	e := &Error{Status: answer.StatusCode, RequestID: answer.Header.Get("X-Request-Id")}
	text, err := io.ReadAll(io.LimitReader(answer.Body, longestError))
	var body struct {
		Error  api.Problem     `json:"error"`
		Report json.RawMessage `json:"report"`
	}
	if err != nil || json.Unmarshal(text, &body) != nil || body.Error.Message == "" {
		e.Message = fmt.Sprintf("the server answered %s", answer.Status)
		return e
	}
	e.Code, e.Message = body.Error.Code, body.Error.Message
	if report, ok := out.(*tenant.ImportReport); ok && body.Report != nil {
		_ = json.Unmarshal(body.Report, report) // the sentence is the error; the report explains it
	}
	return e
}

func appPath(id core.AppID, rest string) string { return fmt.Sprintf("/admin/apps/%d%s", id, rest) }

func tenantPath(id core.TenantID, rest string) string {
	return fmt.Sprintf("/admin/tenants/%d%s", id, rest)
}

// Status is the state of the node.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	return do[api.Status](ctx, c, call{method: http.MethodGet, path: "/admin/status"})
}

// Tenants lists the tenants by id.
func (c *Client) Tenants(ctx context.Context) ([]tenant.TenantView, error) {
	all, err := do[api.Tenants](ctx, c, call{method: http.MethodGet, path: "/admin/tenants"})
	return all.Tenants, err
}

// Tenant is one tenant.
func (c *Client) Tenant(ctx context.Context, id core.TenantID) (tenant.TenantView, error) {
	return do[tenant.TenantView](ctx, c, call{method: http.MethodGet, path: tenantPath(id, "")})
}

// CreateTenant makes a tenant.
func (c *Client) CreateTenant(ctx context.Context, name string) (tenant.TenantView, error) {
	return do[tenant.TenantView](ctx, c, call{method: http.MethodPost, path: "/admin/tenants", body: api.NewTenant{Name: name}})
}

// Apps lists the apps of a tenant, or all for 0, by id.
func (c *Client) Apps(ctx context.Context, of core.TenantID) ([]tenant.AppView, error) {
	what := call{method: http.MethodGet, path: "/admin/apps"}
	if of != 0 {
		what.query = url.Values{"tenant": {strconv.FormatUint(uint64(of), 10)}}
	}
	all, err := do[api.Apps](ctx, c, what)
	return all.Apps, err
}

// App is one app.
func (c *Client) App(ctx context.Context, id core.AppID) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodGet, path: appPath(id, "")})
}

// CreateApp makes an app; its key is shown this once.
func (c *Client) CreateApp(ctx context.Context, spec tenant.Spec) (tenant.AppView, core.Secret, error) {
	made, err := do[api.AppWithKey](ctx, c, call{method: http.MethodPost, path: "/admin/apps", body: spec})
	return made.App, core.NewSecret(made.Key), err
}

// UpdateApp changes settings.
func (c *Client) UpdateApp(ctx context.Context, id core.AppID, p tenant.Patch) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodPatch, path: appPath(id, ""), body: p})
}

// RotateKey makes a new key, which is shown this once. The old ones end at the
// rotation's time, or at once.
func (c *Client) RotateKey(ctx context.Context, id core.AppID, r tenant.Rotation) (tenant.AppView, core.Secret, error) {
	var body api.Rotation
	if !r.OldValidUntil.IsZero() {
		body.OldValidUntil = &r.OldValidUntil
	}
	made, err := do[api.AppWithKey](ctx, c, call{method: http.MethodPost, path: appPath(id, "/rotate-key"), body: body})
	return made.App, core.NewSecret(made.Key), err
}

// DisableApp makes the app's keys invalid.
func (c *Client) DisableApp(ctx context.Context, id core.AppID) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodPost, path: appPath(id, "/disable")})
}

// EnableApp takes DisableApp back.
func (c *Client) EnableApp(ctx context.Context, id core.AppID) (tenant.AppView, error) {
	return do[tenant.AppView](ctx, c, call{method: http.MethodPost, path: appPath(id, "/enable")})
}

// AppCredit is what an app has of its own.
func (c *Client) AppCredit(ctx context.Context, id core.AppID) (api.Credit, error) {
	return do[api.Credit](ctx, c, call{method: http.MethodGet, path: appPath(id, "/credit")})
}

// TenantCredit is what a tenant has.
func (c *Client) TenantCredit(ctx context.Context, id core.TenantID) (api.Credit, error) {
	return do[api.Credit](ctx, c, call{method: http.MethodGet, path: tenantPath(id, "/credit")})
}

// AddAppCredit tops an app up. key is the Idempotency-Key: 1 to 255 visible
// ASCII characters under which the same call may be repeated for 24 hours; ""
// sends none.
func (c *Client) AddAppCredit(ctx context.Context, id core.AppID, n api.NewCredit, key string) (api.CreditAdded, error) {
	return do[api.CreditAdded](ctx, c, call{method: http.MethodPost, path: appPath(id, "/credit"), body: n, key: key})
}

// AddTenantCredit tops a tenant up; see AddAppCredit.
func (c *Client) AddTenantCredit(ctx context.Context, id core.TenantID, n api.NewCredit, key string) (api.CreditAdded, error) {
	return do[api.CreditAdded](ctx, c, call{method: http.MethodPost, path: tenantPath(id, "/credit"), body: n, key: key})
}

// Number is what is counted for a number in an app.
func (c *Client) Number(ctx context.Context, id core.AppID, phone string) (api.NumberState, error) {
	return do[api.NumberState](ctx, c, call{method: http.MethodPost, path: appPath(id, "/number/show"), body: api.Number{Phone: phone}})
}

// UnlockNumber clears it.
func (c *Client) UnlockNumber(ctx context.Context, id core.AppID, phone string) (api.NumberUnlocked, error) {
	return do[api.NumberUnlocked](ctx, c, call{method: http.MethodPost, path: appPath(id, "/number/unlock"), body: api.Number{Phone: phone}})
}

// Keyring is the state of the keyring.
func (c *Client) Keyring(ctx context.Context) (rotation.Status, error) {
	return do[rotation.Status](ctx, c, call{method: http.MethodGet, path: "/admin/keyring"})
}

// RotateKeyring makes a new key of a kind.
func (c *Client) RotateKeyring(ctx context.Context, kind rotation.Kind) (rotation.Status, error) {
	return do[rotation.Status](ctx, c, call{method: http.MethodPost, path: keyringPath(kind, "/rotate")})
}

// RetireKeyring drops all keys of a kind but the newest.
func (c *Client) RetireKeyring(ctx context.Context, kind rotation.Kind, keep int) (rotation.Status, error) {
	return do[rotation.Status](ctx, c, call{method: http.MethodPost, path: keyringPath(kind, "/retire"), body: api.Retirement{Keep: keep}})
}

// ResealKeyring starts to seal every field under the newest key.
func (c *Client) ResealKeyring(ctx context.Context) (rotation.Status, error) {
	return do[rotation.Status](ctx, c, call{method: http.MethodPost, path: "/admin/keyring/reseal"})
}

func keyringPath(kind rotation.Kind, rest string) string {
	return "/admin/keyring/" + url.PathEscape(string(kind)) + rest
}

// Ledger is the sums over all accounts.
func (c *Client) Ledger(ctx context.Context) (api.Ledger, error) {
	return do[api.Ledger](ctx, c, call{method: http.MethodGet, path: "/admin/ledger"})
}

// Providers lists the providers with their health.
func (c *Client) Providers(ctx context.Context) ([]api.Provider, error) {
	all, err := do[api.Providers](ctx, c, call{method: http.MethodGet, path: "/admin/providers"})
	return all.Providers, err
}

// TestProvider sends one message through a provider; about key see
// AddAppCredit.
func (c *Client) TestProvider(ctx context.Context, name string, m api.TestMessage, key string) (api.TestOutcome, error) {
	return do[api.TestOutcome](ctx, c, call{method: http.MethodPost, path: "/admin/providers/" + url.PathEscape(name) + "/test", body: m, key: key})
}

// ImportYunbox takes keys, users and devices over. The report is filled also
// when the error is an *Error of code import_invalid or import_incomplete.
func (c *Client) ImportYunbox(ctx context.Context, id core.AppID, file io.Reader, dryRun bool) (tenant.ImportReport, error) {
	what := call{method: http.MethodPost, path: appPath(id, "/import/yunbox"), stream: file}
	if dryRun {
		what.query = url.Values{"dry_run": {"true"}}
	}
	return do[tenant.ImportReport](ctx, c, what)
}

// Audit is a page of changes, newest first: at most limit (0 means 50, at most
// 500) of those before an id; 0 means from the newest on.
func (c *Client) Audit(ctx context.Context, before int64, limit int) (api.Audit, error) {
	query := url.Values{}
	if before > 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	if limit > 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	return do[api.Audit](ctx, c, call{method: http.MethodGet, path: "/admin/audit", query: query})
}
