package tunnel

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/httpcall"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 10

// record is the body of a webhook request; doc.go says what a gateway does
// with it. It holds the two keys that a gateway needs of a peer, never the
// private one.
type record struct {
	Event   string        `json:"event"`
	ID      string        `json:"id"` // the same whenever the same record is sent again
	SentAt  string        `json:"sent_at"`
	Tenant  core.TenantID `json:"tenant"`
	App     core.AppID    `json:"app"`
	User    string        `json:"user"`
	Test    bool          `json:"test"`
	Network *networkPart  `json:"network,omitempty"`
	Device  *devicePart   `json:"device,omitempty"`
}

type networkPart struct {
	Number int64        `json:"number"`
	IPv4   netip.Prefix `json:"ipv4"`
	IPv6   netip.Prefix `json:"ipv6"`
}

type devicePart struct {
	ID           string         `json:"id"`
	Addresses    []netip.Prefix `json:"addresses,omitempty"`
	PublicKey    string         `json:"public_key,omitempty"`
	PresharedKey string         `json:"preshared_key,omitempty"`
}

func userRecord(u UserNetwork, n Network) record {
	return record{Event: "user", ID: "user-" + strconv.FormatInt(n.Number, 10) + "-" + u.UserText,
		Tenant: u.Tenant, App: u.App, User: u.UserText, Test: u.Test, Network: newNetworkPart(n)}
}

func deviceRecord(d DeviceRecord, p *Peer) record {
	return record{Event: "device", ID: "device-" + d.DeviceText,
		Tenant: d.Tenant, App: d.App, User: d.UserText, Test: d.Test, Network: newNetworkPart(p.network),
		Device: &devicePart{ID: d.DeviceText, Addresses: p.Addresses(),
			PublicKey:    base64.StdEncoding.EncodeToString(p.public[:]),
			PresharedKey: base64.StdEncoding.EncodeToString([]byte(p.preshared.Reveal()))}}
}

func removalRecord(d DeviceRecord) record {
	return record{Event: "device_removed", ID: "device_removed-" + d.DeviceText,
		Tenant: d.Tenant, App: d.App, User: d.UserText, Test: d.Test, Device: &devicePart{ID: d.DeviceText}}
}

func newNetworkPart(n Network) *networkPart {
	return &networkPart{Number: n.Number, IPv4: n.IPv4, IPv6: n.IPv6}
}

// webhook posts records to the outside back end.
type webhook struct {
	url     string
	secret  core.Secret
	timeout time.Duration
	client  *httpcall.Client
	now     func() time.Time
}

type dialer = func(ctx context.Context, network, address string) (net.Conn, error)

func newWebhook(c Webhook, dial dialer, now func() time.Time) *webhook {
	// Records have an Idempotency-Key: a kept connection that turns out to be
	// closed costs nothing, so they are kept long.
	client := httpcall.New(httpcall.Options{Dial: dial, MaxAnswer: maxAnswer, IdleTimeout: 90 * time.Second})
	return &webhook{url: c.URL, secret: c.Secret, timeout: c.Timeout, client: client, now: now}
}

// send posts a record and returns nil when the back end agreed.
func (w *webhook) send(ctx context.Context, r record) error {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	request, err := w.request(ctx, r)
	if err != nil {
		return err
	}
	answer, err := w.client.Do(ctx, request)
	switch {
	case answer.Status != 0 && (answer.Status < 200 || answer.Status > 299):
		return core.E(core.KindProvisioningRefused, fmt.Sprintf("the webhook answered %d", answer.Status))
	case errors.Is(err, httpcall.ErrTooLong):
		return core.Wrap(core.KindProvisioningUnreachable, err, "the webhook's answer cannot be read")
	case err != nil:
		return core.Wrap(core.KindProvisioningUnreachable, errors.New(httpcall.Reason(err)), "the webhook did not answer")
	}
	return agreed(answer.Body)
}

func (w *webhook) request(ctx context.Context, r record) (*http.Request, error) {
	now := w.now()
	r.SentAt = now.UTC().Format(time.RFC3339Nano)
	body, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return nil, withoutURL(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "yanma")
	// With this header net/http itself sends again when a kept connection turns
	// out to be closed: the same record, with the same id.
	request.Header.Set("Idempotency-Key", r.ID)
	request.Header.Set("Yanma-Signature", sign(w.secret, now.Unix(), body))
	return request, nil
}

// sign is the value of Yanma-Signature: t=<seconds>,v1=<hex HMAC-SHA-256 of
// seconds, full stop, body>.
func sign(secret core.Secret, seconds int64, body []byte) string {
	t := strconv.FormatInt(seconds, 10)
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// agreed reads the body of a 2xx: only a JSON object can still refuse.
func agreed(body []byte) error {
	body = bytes.TrimSpace(body)
	if len(body) == 0 || body[0] != '{' {
		return nil
	}
	var answer struct {
		Refused string `json:"refused"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return core.E(core.KindProvisioningUnreachable, "the webhook's answer is not the JSON that it seems to be")
	}
	if answer.Refused != "" {
		return core.E(core.KindProvisioningRefused, "the webhook refused")
	}
	return nil
}

// withoutURL drops the URL, which may hold a token, from an error.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
