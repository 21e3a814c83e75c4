package oauth

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// Subject is whom an id token of the oneaccess dialect is about.
type Subject struct {
	ID       string // u and 26 characters, or the id that was issued elsewhere
	UserName string
	Name     string     // or the masked number
	Phone    core.Phone // zero: no claim of a number is made
	Mobile   string     // the number as the dialect prints it
	Email    string     // "" = none
}

// idClaims are the claims of contracts/oneaccess.md §9 in their order.
type idClaims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience string   `json:"aud"`
	IssuedAt int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	AuthTime int64    `json:"auth_time"`
	Methods  []string `json:"amr"`
	Phone    string   `json:"phone_number,omitempty"`
	Verified bool     `json:"phone_number_verified,omitempty"`
	API      string   `json:"api"`
}

// apiClaim is what the claim api says, as a string of JSON.
type apiClaim struct {
	Name     string  `json:"name"`
	Mobile   string  `json:"mobile"`
	ID       string  `json:"id"`
	UserName string  `json:"userName"`
	Email    *string `json:"email"`
}

// IDToken signs an id token for an app with its own key (contracts/oneaccess.md
// §9). It lives as long as the app's settings say. The methods are sms alone,
// also after a second code: two codes to one number are one factor.
func (k *Keys) IDToken(ctx context.Context, app *tenant.App, issuer string, of Subject, authTime time.Time) (string, error) {
	signer, err := k.Signer(ctx, app.OneAccess.Keys)
	if err != nil {
		return "", err
	}
	api, err := textOf(of)
	if err != nil {
		return "", err
	}
	now := k.now()
	return signer.Sign("JWT", idClaims{Issuer: issuer, Subject: of.ID, Audience: app.OneAccess.ClientID, IssuedAt: now.Unix(),
		Expires: now.Add(app.OneAccess.IDTokenLife()).Unix(), AuthTime: authTime.Unix(), Methods: []string{"sms"},
		Phone: of.Phone.E164(), Verified: !of.Phone.IsZero(), API: api})
}

// textOf is the claim api, with names as they are: nothing in it becomes HTML.
func textOf(of Subject) (string, error) {
	claim := apiClaim{Name: of.Name, Mobile: of.Mobile, ID: of.ID, UserName: of.UserName}
	if of.Email != "" {
		claim.Email = &of.Email
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(claim); err != nil {
		return "", fmt.Errorf("write an id token: %w", err)
	}
	return string(bytes.TrimRight(text.Bytes(), "\n")), nil
}
