package camaraup

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/numberverify/operatorapi"
)

// The calls and their scopes (contracts/camara.md §2).
const (
	verifyPath  = "/number-verification/v2/verify"
	verifyScope = "number-verification:verify"
	numberPath  = "/number-verification/v2/device-phone-number"
	numberScope = "number-verification:device-phone-number:read"

	notMobile = "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"
)

// Config is one operator.
type Config struct {
	Name     string
	Carriers []numberverify.Carrier // whose proofs it takes [all three]
	Operator operatorapi.Config
}

// Gateway is a CAMARA operator.
type Gateway struct {
	cfg    Config
	client *operatorapi.Client
}

var _ numberverify.Gateway = (*Gateway)(nil)

// New returns a gateway. Errors as operatorapi.Config.Validate.
func New(cfg Config, deps operatorapi.Deps) (*Gateway, error) {
	client, err := operatorapi.New(cfg.Operator, deps)
	if err != nil {
		return nil, err
	}
	return &Gateway{cfg: cfg, client: client}, nil
}

// Name implements numberverify.Gateway.
func (g *Gateway) Name() string { return g.cfg.Name }

// Close implements numberverify.Gateway.
func (g *Gateway) Close() { g.client.Close() }

// Can implements numberverify.Gateway.
func (g *Gateway) Can(c numberverify.Carrier) numberverify.Can {
	if len(g.cfg.Carriers) > 0 && !slices.Contains(g.cfg.Carriers, c) {
		return numberverify.Can{}
	}
	return numberverify.Can{Match: true, Hash: true, Fetch: true}
}

// Match implements numberverify.Gateway.
func (g *Gateway) Match(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	body := map[string]string{"phoneNumber": q.Phone.E164()}
	if q.Phone.IsZero() {
		body = map[string]string{"hashedPhoneNumber": hex.EncodeToString(q.Hash[:])}
	}
	var said struct {
		Verified *bool `json:"devicePhoneNumberVerified"`
	}
	if err := g.ask(ctx, q, verifyScope, verifyPath, body, &said); err != nil {
		return numberverify.Answer{}, err
	}
	if said.Verified == nil {
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	answer := numberverify.Answer{Outcome: numberverify.OutcomeMismatch, Code: "200", Counted: true}
	if *said.Verified {
		answer.Outcome = numberverify.OutcomeMatch
	}
	return answer, nil
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{4,14}$`)

// Fetch implements numberverify.Gateway.
func (g *Gateway) Fetch(ctx context.Context, q numberverify.Question) (numberverify.Answer, error) {
	var said struct {
		Number string `json:"devicePhoneNumber"`
	}
	if err := g.ask(ctx, q, numberScope, numberPath, nil, &said); err != nil {
		return numberverify.Answer{}, err
	}
	if !e164.MatchString(said.Number) {
		return numberverify.Answer{}, numberverify.ErrUnreadable()
	}
	return numberverify.Answer{Outcome: numberverify.OutcomeNumber, Phone: core.PhoneFromE164(said.Number), Code: "200", Counted: true}, nil
}

// ask gets the token and makes the one call that it is for.
func (g *Gateway) ask(ctx context.Context, q numberverify.Question, scope, path string, body, into any) error {
	token, refused, err := g.client.Bearer(ctx, q.Token, scope)
	if err != nil {
		return err
	}
	if token.Text.IsZero() {
		return refusal(refused)
	}
	var payload any
	if body != nil && path == verifyPath {
		payload = body
	}
	a, err := g.client.Do(ctx, path, token.Text, payload)
	if e, ok := numberverify.AsError(err); ok {
		e.Sent = true // the proof is used up by its token
		return e
	}
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return refusal(a)
	}
	if json.Unmarshal(a.Body, into) != nil {
		return numberverify.ErrUnreadable()
	}
	return nil
}

var codeText = regexp.MustCompile(`^[A-Za-z_]{1,40}(\.[A-Z_]{1,80})?$`)

// refusal is the table of contracts/carriers.md §6. The code is the HTTP status,
// its description the body's code (contracts/submail.md §5).
func refusal(a operatorapi.Answer) *numberverify.Error {
	e := &numberverify.Error{Class: classOf(a), Code: strconv.Itoa(a.Status), Desc: a.Code, Sent: true}
	if !codeText.MatchString(a.Code) {
		e.Desc = "unknown error"
	}
	return e
}

func classOf(a operatorapi.Answer) numberverify.Class {
	switch a.Code {
	case "invalid_grant":
		return numberverify.ClassProof
	case notMobile:
		return numberverify.ClassNetwork
	case "PERMISSION_DENIED", "invalid_client", "unauthorized_client", "invalid_scope":
		return numberverify.ClassCaller
	case "QUOTA_EXCEEDED":
		return numberverify.ClassQuota
	}
	switch {
	case a.Status == http.StatusUnauthorized:
		return numberverify.ClassProof
	case a.Status == http.StatusForbidden && !strings.HasPrefix(a.Code, "NUMBER_VERIFICATION."):
		return numberverify.ClassCaller
	case a.Status == http.StatusBadRequest:
		return numberverify.ClassInput
	default:
		return numberverify.ClassCarrier
	}
}
