package jsms

import (
	"context"
	"crypto/sha1" //nolint:gosec // what the dialect signs with
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"yanma.dev/yanma/internal/callback"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/tenant"
)

// Callbacks writes what an app is told at its URL (contracts/jsms.md §10).
type Callbacks struct {
	Apps   Apps
	Verify Verifier
	Names  Names
	Random io.Reader // for nonces; safe for concurrent use
}

// Names gives the ids that apps know templates and signatures by
// (catalogue.Catalogue).
type Names interface {
	TemplateByID(id int64) (*message.Template, bool)
	Signatures(app core.AppID) []*message.Signature
}

// ErrNoKey says that the app has no appKey to sign with.
var ErrNoKey = errors.New("jsms: the app has no appKey")

// Encode writes one event for the app whose appKey this is, signed with its
// newest masterSecret; at is the time of the call.
func (c Callbacks) Encode(_ context.Context, appKey string, e *callback.Event, at time.Time) (callback.Request, error) {
	app, keys, ok := c.Apps.AppByName(tenant.DialectJSMS, appKey)
	if !ok || len(keys) == 0 {
		return callback.Request{}, ErrNoKey
	}
	nonce, err := c.nonce()
	if err != nil {
		return callback.Request{}, err
	}
	form := url.Values{}
	kind, data := c.data(app, e)
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	form.Set("nonce", nonce)
	form.Set("timestamp", timestamp)
	form.Set("signature", sign(appKey, keys[0].Key.Reveal(), nonce, timestamp))
	form.Set("type", kind)
	form.Set("data", string(data))
	return callback.Request{ContentType: "application/x-www-form-urlencoded", Body: []byte(form.Encode())}, nil
}

// sign is the lower hex SHA-1 of contracts/jsms.md §10; data is not covered.
func sign(appKey, masterSecret, nonce, timestamp string) string {
	sum := sha1.Sum([]byte("appKey=" + appKey + "&appMasterSecret=" + masterSecret + "&nonce=" + nonce + "&timestamp=" + timestamp)) //nolint:gosec // see above
	return hex.EncodeToString(sum[:])
}

// nonce is a random number of 63 bits.
func (c Callbacks) nonce() (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(c.Random, b[:]); err != nil {
		return "", fmt.Errorf("draw a nonce: %w", err)
	}
	return strconv.FormatUint(binary.BigEndian.Uint64(b[:])>>1, 10), nil
}

// data is an event's type and its JSON.
func (c Callbacks) data(app *tenant.App, e *callback.Event) (kind string, data []byte) {
	switch e.Kind {
	case callback.Receipt:
		return "SMS_REPORT", appendReport(nil, c.Verify, app, e)
	case callback.Reply:
		data = append(data, `{"content":`...)
		data = facade.AppendString(data, e.Text)
		data = append(data, `,"phone":`...)
		data = facade.AppendString(data, e.Phone.National())
		data = append(data, `,"replyTime":`...)
		return "SMS_REPLY", append(strconv.AppendInt(data, e.At.UnixMilli(), 10), '}')
	case callback.Template:
		return "SMS_TEMPLATE", appendVerdict(nil, "tempId", c.templateRef(e), e)
	default:
		return "SMS_SIGN", appendVerdict(nil, "signId", c.signRef(e), e)
	}
}

// templateRef is the id that the app knows; one that was deleted meanwhile has
// its own.
func (c Callbacks) templateRef(e *callback.Event) string {
	if t, ok := c.Names.TemplateByID(e.Ref); ok {
		return t.Ref
	}
	return strconv.FormatInt(e.Ref, 10)
}

func (c Callbacks) signRef(e *callback.Event) string {
	for _, s := range c.Names.Signatures(e.App) {
		if s.ID == e.Ref {
			return s.Ref
		}
	}
	return strconv.FormatInt(e.Ref, 10)
}

// appendVerdict is an operator's verdict: 1 passed, 2 refused.
func appendVerdict(out []byte, name, ref string, e *callback.Event) []byte {
	out = appendMember(append(out, '{'), name, ref)
	out = append(out, `,"status":`...)
	out = strconv.AppendInt(out, int64(e.Status), 10)
	out = append(out, `,"refuseReason":`...)
	if e.Note == "" {
		return append(out, "null}"...)
	}
	return append(facade.AppendString(out, e.Note), '}')
}
