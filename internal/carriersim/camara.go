package carriersim

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/oauth/jwt"
)

// access is an access token of the simulated operator.
type access struct {
	scopes  []string
	proof   proof // of number verification; zero of a two-legged token
	expires time.Time
	used    bool
}

const accessLife = 300 * time.Second

const (
	jwtBearer  = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	clientJWT  = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	operatorID = "operatortoken:"
)

func oauthError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, status, map[string]string{"error": code, "error_description": "simulated"})
}

// camaraToken is contracts/camara.md §4: JWT-bearer with an operator token, and
// client_credentials with private_key_jwt.
func (s *Sim) camaraToken(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request")
		return
	}
	grant, assertion := r.PostForm.Get("grant_type"), r.PostForm.Get("assertion")
	if grant == "client_credentials" {
		assertion = r.PostForm.Get("client_assertion")
	}
	if grant != jwtBearer && grant != "client_credentials" || grant == "client_credentials" && r.PostForm.Get("client_assertion_type") != clientJWT {
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type")
		return
	}
	claims, err := jwt.Verify(assertion, s.o.Camara.Keys, jwt.Rules{Algorithms: jwt.ClientAlgorithms(), Issuer: s.o.Camara.ClientID,
		Audiences: []string{"http://" + r.Host + r.URL.Path, "https://" + r.Host + r.URL.Path}, MostAhead: 300 * time.Second, MostLife: 300 * time.Second,
		WantIssued: true, WantID: true, Skew: 5 * time.Second}, s.o.Now())
	if err != nil || !s.once(s.jtis, claims.ID) {
		oauthError(w, http.StatusUnauthorized, "invalid_client")
		return
	}
	token := &access{expires: s.o.Now().Add(accessLife)}
	if grant == "client_credentials" {
		if claims.Subject != s.o.Camara.ClientID {
			oauthError(w, http.StatusUnauthorized, "invalid_client")
			return
		}
		token.scopes = strings.Fields(r.PostForm.Get("scope"))
	} else if !s.threeLegged(w, r, claims, token) {
		return
	}
	if len(token.scopes) == 0 {
		oauthError(w, http.StatusBadRequest, "invalid_scope")
		return
	}
	text, err := s.drawToken(2)
	if err != nil {
		oauthError(w, http.StatusInternalServerError, "server_error")
		return
	}
	s.mu.Lock()
	s.access[text] = token
	s.mu.Unlock()
	writeJSON(w, http.StatusOK, map[string]any{"access_token": text, "token_type": "Bearer", "expires_in": int(accessLife / time.Second),
		"scope": strings.Join(token.scopes, " ")})
}

// threeLegged takes the operator token of a JWT-bearer assertion.
func (s *Sim) threeLegged(w http.ResponseWriter, r *http.Request, claims jwt.Claims, token *access) bool {
	scope, _ := claims.Text("scope")
	token.scopes = strings.Fields(scope)
	operator, ok := strings.CutPrefix(claims.Subject, operatorID)
	if !ok || r.PostForm.Has("scope") {
		oauthError(w, http.StatusBadRequest, "invalid_request")
		return false
	}
	p, ok := s.take(operator)
	if !ok {
		oauthError(w, http.StatusBadRequest, "invalid_grant")
		return false
	}
	switch p.outcome {
	case "invalid_client":
		oauthError(w, http.StatusUnauthorized, p.outcome)
		return false
	case "invalid_scope", "unauthorized_client", "invalid_grant":
		oauthError(w, http.StatusBadRequest, p.outcome)
		return false
	}
	token.proof = p
	return true
}

func camaraError(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"status": status, "code": code, "message": "simulated"})
}

// codesOf are the codes of a scripted HTTP status.
var codesOf = map[int]string{400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "IDENTIFIER_NOT_FOUND",
	422: "SERVICE_NOT_APPLICABLE", 429: "QUOTA_EXCEEDED", 500: "INTERNAL", 502: "BAD_GATEWAY", 503: "UNAVAILABLE", 504: "TIMEOUT"}

// NotMobile is the outcome of a device that is not on its mobile network.
const NotMobile = "NUMBER_VERIFICATION.USER_NOT_AUTHENTICATED_BY_MOBILE_NETWORK"

// bearer takes a token of one use, or looks at a reusable one.
func (s *Sim) bearer(r *http.Request, scope string, single bool) (access, bool) {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.access[text]
	if !ok || t == nil || single && t.used || !s.o.Now().Before(t.expires) || !slices.Contains(t.scopes, scope) {
		return access{}, false
	}
	t.used = true
	return *t, true
}

// scripted writes what an outcome that is not honest wants; false when it did.
func scripted(w http.ResponseWriter, r *http.Request, outcome string) (then string, honest bool) {
	outcome, answer := misbehave(w, r, outcome)
	if !answer {
		return "", false
	}
	if status, err := strconv.Atoi(outcome); err == nil && codesOf[status] != "" {
		camaraError(w, status, codesOf[status])
		return "", false
	}
	switch outcome {
	case "ok", "mismatch":
		return outcome, true
	case "TOO_MANY_REQUESTS", "QUOTA_EXCEEDED":
		camaraError(w, http.StatusTooManyRequests, outcome)
	case "OUT_OF_RANGE":
		camaraError(w, http.StatusBadRequest, outcome)
	default:
		camaraError(w, http.StatusForbidden, outcome)
	}
	return "", false
}

// camaraVerify is contracts/camara.md §2.1.
func (s *Sim) camaraVerify(w http.ResponseWriter, r *http.Request) {
	var ask struct{ PhoneNumber, HashedPhoneNumber string }
	if !decode(w, r, &ask) {
		return
	}
	t, ok := s.bearer(r, "number-verification:verify", true)
	if !ok {
		camaraError(w, http.StatusUnauthorized, "UNAUTHENTICATED")
		return
	}
	if (ask.PhoneNumber == "") == (ask.HashedPhoneNumber == "") {
		camaraError(w, http.StatusBadRequest, "INVALID_ARGUMENT")
		return
	}
	if outcome, honest := scripted(w, r, t.proof.outcome); honest {
		sum := sha256.Sum256([]byte(t.proof.number))
		same := ask.PhoneNumber == t.proof.number || strings.EqualFold(ask.HashedPhoneNumber, hex.EncodeToString(sum[:]))
		writeJSON(w, http.StatusOK, map[string]bool{"devicePhoneNumberVerified": same && outcome == "ok"})
	}
}

// camaraNumber is contracts/camara.md §2.2.
func (s *Sim) camaraNumber(w http.ResponseWriter, r *http.Request) {
	t, ok := s.bearer(r, "number-verification:device-phone-number:read", true)
	if !ok {
		camaraError(w, http.StatusUnauthorized, "UNAUTHENTICATED")
		return
	}
	if outcome, honest := scripted(w, r, t.proof.outcome); honest {
		number := t.proof.number
		if outcome == "mismatch" {
			number = neighbour(number)
		}
		writeJSON(w, http.StatusOK, map[string]string{"devicePhoneNumber": number})
	}
}
