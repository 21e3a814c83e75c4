package oauth

import (
	"encoding/json"

	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/tenant"
)

// discovery is the document of contracts/camara.md §4.4, without what is not
// served (CIBA).
type discovery struct {
	Issuer         string          `json:"issuer"`
	Authorization  string          `json:"authorization_endpoint"`
	Token          string          `json:"token_endpoint"`
	JWKS           string          `json:"jwks_uri"`
	ResponseTypes  []string        `json:"response_types_supported"`
	ResponseModes  []string        `json:"response_modes_supported"`
	Grants         []string        `json:"grant_types_supported"`
	Challenges     []string        `json:"code_challenge_methods_supported"`
	Authentication []string        `json:"token_endpoint_auth_methods_supported"`
	AssertionAlgs  []jwt.Algorithm `json:"token_endpoint_auth_signing_alg_values_supported"`
	Subjects       []string        `json:"subject_types_supported"`
	IDTokenAlgs    []jwt.Algorithm `json:"id_token_signing_alg_values_supported"`
	RequestAlgs    []jwt.Algorithm `json:"request_object_signing_alg_values_supported"`
	Request        bool            `json:"request_parameter_supported"`
	RequestURI     bool            `json:"request_uri_parameter_supported"`
	IssInAnswer    bool            `json:"authorization_response_iss_parameter_supported"`
	Scopes         []string        `json:"scopes_supported"`
}

// Discovery is the OpenID Provider's configuration, as JSON.
func (s *Service) Discovery() ([]byte, error) {
	issuer := s.Issuer()
	return json.Marshal(discovery{
		Issuer: issuer, Authorization: issuer + PathAuthorize, Token: issuer + PathToken, JWKS: issuer + PathJWKS,
		ResponseTypes: []string{"code"}, ResponseModes: []string{"query"},
		Grants:         []string{GrantClientCredentials, GrantCode, GrantJWTBearer},
		Challenges:     []string{"S256"},
		Authentication: []string{"private_key_jwt", "client_secret_basic"},
		AssertionAlgs:  jwt.ClientAlgorithms(),
		Subjects:       []string{"pairwise"},
		IDTokenAlgs:    []jwt.Algorithm{jwt.RS256},
		RequestAlgs:    jwt.ClientAlgorithms(),
		Request:        true,
		IssInAnswer:    true,
		Scopes:         tenant.CamaraScopes(),
	})
}
