package oneaccess

import (
	"context"
	"encoding/json"
	"net/url"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/oauth"
)

// cached is how long discovery and keys may be kept (contracts/oneaccess.md §8.3).
const cached = "max-age=300"

// configuration is the document of contracts/oneaccess.md §8.3.
type configuration struct {
	Issuer         string   `json:"issuer"`
	JWKS           string   `json:"jwks_uri"`
	Token          string   `json:"token_endpoint"`
	Grants         []string `json:"grant_types_supported"`
	Authentication []string `json:"token_endpoint_auth_methods_supported"`
	ResponseTypes  []string `json:"response_types_supported"`
	Subjects       []string `json:"subject_types_supported"`
	Algorithms     []string `json:"id_token_signing_alg_values_supported"`
	Claims         []string `json:"claims_supported"`
}

// issuerPath is what an issuer has behind the base address of the dialect.
const issuerPath = "/api/v1/oauth2"

// openidConfiguration is the document of the tenant that the host is mapped to,
// or of the installation. With ?client_id= its key set is the client's.
func (d *dialect) openidConfiguration(_ context.Context, x *facade.Exchange) error {
	client, err := d.clientAsked(x)
	if err != nil {
		return err
	}
	base := d.Backend.Issuer(hostOf(x.Request))
	keys := base + issuerPath + "/keys"
	if client != "" {
		keys += "?client_id=" + url.QueryEscape(client)
	}
	document, err := json.Marshal(configuration{
		Issuer: base + issuerPath, JWKS: keys, Token: base + "/api/v2/tenant/token",
		Grants:         []string{oauth.GrantClientCredentials},
		Authentication: []string{"client_secret_post", "client_secret_basic"},
		ResponseTypes:  []string{},
		Subjects:       []string{"public"},
		Algorithms:     []string{"RS256"},
		Claims:         []string{"iss", "sub", "aud", "iat", "exp", "auth_time", "amr", "phone_number", "phone_number_verified", "api"},
	})
	if err != nil {
		return err
	}
	x.SetHeader("Cache-Control", cached)
	x.Out = append(x.Out, document...)
	return nil
}

// publishedKeys is the key set: of all apps of the tenant, or of one client.
func (d *dialect) publishedKeys(ctx context.Context, x *facade.Exchange) error {
	client, err := d.clientAsked(x)
	if err != nil {
		return err
	}
	apps, common, _ := d.Backend.KeysOf(client, hostOf(x.Request))
	set, err := d.Backend.Keys.Published(ctx, apps, common)
	if err != nil {
		return err
	}
	document, err := set.MarshalJSON()
	if err != nil {
		return err
	}
	x.SetHeader("Cache-Control", cached)
	x.Out = append(x.Out, document...)
	return nil
}

// clientAsked is ?client_id=, which must be somebody's on this host; "" when it
// did not come.
func (d *dialect) clientAsked(x *facade.Exchange) (string, error) {
	form, err := oauth.ParseForm(x.Request.URL.RawQuery)
	if err != nil || !form.Has("client_id") {
		return "", err
	}
	client := form.Get("client_id")
	if _, _, ok := d.Backend.KeysOf(client, hostOf(x.Request)); !ok {
		return "", core.Wrap(core.KindBadField, &oauth.Error{Code: "invalid_request", Description: "The client_id is nobody's."}, "client_id")
	}
	return client, nil
}
