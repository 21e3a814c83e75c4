package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the mask of one Java provider
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"io"
	"log/slog"
	"math/big"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/oauth/jwt"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/sqlite"
	"yanma.dev/yanma/internal/tenant"
)

// testKey is an app's key, made once: RSA takes a moment.
var testKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// signers is Keys on SQLite with the test key as app 2's.
type signers struct {
	*Keys
	database *away
	ring     *keyring.Ring
	clock    time.Time
	app      *tenant.App
}

// away is a database that can be gone.
type away struct {
	Database
	gone bool
}

func (a *away) View(ctx context.Context, f func(store.SQL) error) error {
	if a.gone {
		return errors.New("the database is away")
	}
	return a.Database.View(ctx, f)
}

// TestKeysOutliveABlip: a login that is on disk gets its tokens while the
// database is away for a moment; for long the keys are not trusted.
func TestKeysOutliveABlip(t *testing.T) {
	s := newSigners(t)
	if _, err := s.Signer(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	s.database.gone = true
	s.clock = s.clock.Add(keysLast - time.Second)
	if _, err := s.Signer(t.Context(), 2); err != nil {
		t.Errorf("within %v: %v", keysLast, err)
	}
	s.clock = s.clock.Add(2 * time.Second)
	if _, err := s.Signer(t.Context(), 2); err == nil {
		t.Error("keys that nobody read for so long still sign")
	}
}

func newSigners(t testing.TB) *signers {
	t.Helper()
	s := &signers{clock: time.Unix(1_700_000_000, 0)}
	now := func() time.Time { return s.clock }
	e, err := sqlite.Open(context.Background(), sqlite.Options{Folder: t.TempDir(), Now: now, Log: slog.New(slog.DiscardHandler)})
	must(t, err)
	t.Cleanup(func() { _ = e.Close() })
	must(t, e.Migrate(context.Background()))
	s.ring, err = keyring.Create(filepath.Join(t.TempDir(), "keyring.json"), rand.Reader, s.clock)
	must(t, err)
	s.database = &away{Database: e}
	s.Keys = NewKeys(s.database, s.ring, now, rand.Reader)
	settings := tenant.DefaultOneAccess()
	settings.ClientID = "DRrYIqauawN0I8myTMoDTPys6ezGZxnm"
	s.app = &tenant.App{ID: 2, Tenant: 1, OneAccess: &tenant.OneAccess{OneAccessSettings: settings, Keys: 2}}
	_, err = s.Import(context.Background(), 2, testKey(), "2024-01")
	must(t, err)
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var person = Subject{ID: "u014d2pf2dbsqqzxq5tk1v58cgg", UserName: "u014d2pf2dbsqqzxq5tk1v58cgg", Name: "152****0000",
	Phone: core.PhoneFromE164("+8615200000000"), Mobile: "+86-15200000000"}

const issuer = "https://id.example.com/api/v1/oauth2"

// TestIDToken: header and payload byte for byte as contracts/oneaccess.md §9
// prints them.
func TestIDToken(t *testing.T) {
	s := newSigners(t)
	token, err := s.IDToken(t.Context(), s.app, issuer, person, s.clock)
	must(t, err)
	parts := strings.Split(token, ".")
	for i, want := range []string{`{"alg":"RS256","kid":"2024-01","typ":"JWT"}`,
		`{"iss":"https://id.example.com/api/v1/oauth2","sub":"u014d2pf2dbsqqzxq5tk1v58cgg","aud":"DRrYIqauawN0I8myTMoDTPys6ezGZxnm",` +
			`"iat":1700000000,"exp":1700007200,"auth_time":1700000000,"amr":["sms"],` +
			`"phone_number":"+8615200000000","phone_number_verified":true,` +
			`"api":"{\"name\":\"152****0000\",\"mobile\":\"+86-15200000000\",\"id\":\"u014d2pf2dbsqqzxq5tk1v58cgg\",\"userName\":\"u014d2pf2dbsqqzxq5tk1v58cgg\",\"email\":null}"}`} {
		got, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || string(got) != want {
			t.Errorf("part %d\ngot  %s\nwant %s\n%v", i, got, want, err)
		}
	}
	named := person
	named.Name, named.Email = `李 <华> & "x"`, "a@example.com"
	token, err = s.IDToken(t.Context(), s.app, issuer, named, s.clock)
	must(t, err)
	keys, err := s.Public(t.Context(), 2)
	must(t, err)
	claims, err := jwt.Verify(token, keys, idRules(s), s.clock)
	must(t, err)
	if api, _ := claims.Text("api"); api != `{"name":"李 <华> & \"x\"","mobile":"+86-15200000000","id":"u014d2pf2dbsqqzxq5tk1v58cgg","userName":"u014d2pf2dbsqqzxq5tk1v58cgg","email":"a@example.com"}` {
		t.Errorf("api %s", api)
	}
}

func idRules(s *signers) jwt.Rules {
	return jwt.Rules{Algorithms: []jwt.Algorithm{jwt.RS256}, Types: []string{"jwt"}, Issuer: issuer, Audiences: []string{s.app.OneAccess.ClientID}}
}

// TestReq30_AppKeyRotation: a new key is published ten minutes before it signs,
// and the old one until its last token has expired.
func TestReq30_AppKeyRotation(t *testing.T) {
	s := newSigners(t)
	sign := func() (token, kid string) {
		signer, err := s.Signer(t.Context(), 2)
		must(t, err)
		token, err = s.IDToken(t.Context(), s.app, issuer, person, s.clock)
		must(t, err)
		return token, signer.KeyID()
	}
	passes := func(token string) bool {
		keys, err := s.Published(t.Context(), []core.AppID{2}, false)
		must(t, err)
		_, err = jwt.Verify(token, keys, idRules(s), s.clock)
		return err == nil
	}
	kid, err := s.Rotate(t.Context(), 2, s.app.OneAccess.IDTokenLife())
	must(t, err)
	if len(kid) != 16 || strings.Trim(kid, kidLetters) != "" {
		t.Errorf("kid %q", kid)
	}
	s.clock = s.clock.Add(10*time.Minute - time.Second)
	last, signedBy := sign()
	if signedBy != "2024-01" || !passes(last) {
		t.Errorf("after 9:59 %s signs", signedBy)
	}
	s.clock = s.clock.Add(6 * time.Second) // the re-read among it
	next, signedBy := sign()
	if signedBy != kid || !passes(next) {
		t.Errorf("after ten minutes %s signs", signedBy)
	}
	s.clock = s.clock.Add(2*time.Hour - 7*time.Second)
	if !passes(last) || !passes(next) {
		t.Error("a token that lives is refused")
	}
	s.clock = s.clock.Add(time.Hour)
	if keys, err := s.Published(t.Context(), []core.AppID{2}, false); err != nil || keys.Len() != 1 {
		t.Errorf("%d keys, %v", keys.Len(), err)
	}
}

// oaep encrypts as the Java providers do: SHA-256, and a mask of either hash.
func oaep(t testing.TB, key *rsa.PublicKey, mask hash.Hash, plain string) []byte {
	t.Helper()
	label := sha256.Sum256(nil)
	k := key.Size()
	em := make([]byte, k)
	seed, db := em[1:33], em[33:]
	copy(db, label[:])
	copy(db[len(db)-len(plain):], plain)
	db[len(db)-len(plain)-1] = 1
	_, err := io.ReadFull(rand.Reader, seed)
	must(t, err)
	xorMask(db, mask, seed)
	xorMask(seed, mask, db)
	m := new(big.Int).SetBytes(em)
	return m.Exp(m, big.NewInt(int64(key.E)), key.N).FillBytes(make([]byte, k))
}

func xorMask(out []byte, h hash.Hash, seed []byte) {
	for i, done := 0, 0; done < len(out); i++ {
		h.Reset()
		h.Write(seed)
		h.Write([]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
		for _, b := range h.Sum(nil) {
			if done < len(out) {
				out[done] ^= b
				done++
			}
		}
	}
}

func plainOf(token, nonce string, at time.Time) string {
	return fmt.Sprintf("session_token=%s&timestamp=%d&nonce=%s", token, at.UnixMilli(), nonce)
}

// TestSignature: contracts/oneaccess.md §4, row by row.
func TestSignature(t *testing.T) {
	s := newSigners(t)
	text, err := s.PublicPEM(t.Context(), 2)
	must(t, err)
	block, _ := pem.Decode([]byte(text))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	must(t, err)
	public := parsed.(*rsa.PublicKey)
	if !strings.HasPrefix(text, "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkq") || public.N.Cmp(testKey().N) != 0 {
		t.Errorf("public key %s", text)
	}
	token := strings.Repeat("a1B2", 8)
	good := plainOf(token, "n-1", s.clock)
	std, url := base64.StdEncoding, base64.RawURLEncoding
	for name, c := range map[string]struct {
		header string
		field  string // "" passes
	}{
		"MGF1 with SHA-256":     {std.EncodeToString(oaep(t, public, sha256.New(), good)), ""},
		"MGF1 with SHA-1":       {std.EncodeToString(oaep(t, public, sha1.New(), good)), ""}, //nolint:gosec // as above
		"URL alphabet":          {url.EncodeToString(oaep(t, public, sha256.New(), good)), ""},
		"another order":         {std.EncodeToString(oaep(t, public, sha256.New(), fmt.Sprintf("nonce=n-1&x=1&timestamp=%d&session_token=%s", s.clock.UnixMilli(), token))), ""},
		"5 minutes old":         {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, "n-1", s.clock.Add(-5*time.Minute)))), ""},
		"5 minutes ahead":       {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, "n-1", s.clock.Add(5*time.Minute)))), ""},
		"6 minutes old":         {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, "n-1", s.clock.Add(-6*time.Minute)))), "timestamp"},
		"a millisecond too far": {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, "n-1", s.clock.Add(5*time.Minute+time.Millisecond)))), "timestamp"},
		"seconds":               {std.EncodeToString(oaep(t, public, sha256.New(), fmt.Sprintf("session_token=%s&timestamp=%d&nonce=n", token, s.clock.Unix()))), "timestamp"},
		"13 letters":            {std.EncodeToString(oaep(t, public, sha256.New(), "session_token="+token+"&timestamp=170000000000x&nonce=n")), "timestamp"},
		"a sign":                {std.EncodeToString(oaep(t, public, sha256.New(), "session_token="+token+"&timestamp=+170000000000&nonce=n")), "timestamp"},
		"no timestamp":          {std.EncodeToString(oaep(t, public, sha256.New(), "session_token="+token+"&nonce=n")), "X-signature"},
		"blank nonce":           {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, "", s.clock))), "X-signature"},
		"nonce of 65":           {std.EncodeToString(oaep(t, public, sha256.New(), plainOf(token, strings.Repeat("n", 65), s.clock))), "X-signature"},
		"no session":            {std.EncodeToString(oaep(t, public, sha256.New(), plainOf("", "n", s.clock))), "X-signature"},
		"a member twice":        {std.EncodeToString(oaep(t, public, sha256.New(), good+"&nonce=n-2")), "X-signature"},
		"empty inside":          {std.EncodeToString(oaep(t, public, sha256.New(), "")), "X-signature"},
		"not Base64":            {"%%%", "X-signature"},
		"blank":                 {"", "X-signature"},
		"short":                 {"AAAA", "X-signature"},
		"too long":              {strings.Repeat("A", 4096), "X-signature"},
		"in the clear":          {std.EncodeToString([]byte(good)), "X-signature"},
		"noise of the size":     {std.EncodeToString(append([]byte{0}, make([]byte, 255)...)), "X-signature"},
	} {
		got, err := s.OpenSignature(t.Context(), 2, c.header)
		switch {
		case c.field == "" && (err != nil || got.Token != token || got.Nonce != "n-1"):
			t.Errorf("%s: %+v, %v", name, got, err)
		case c.field != "" && (core.KindOf(err) != core.KindUnauthenticated || core.AsError(err).Field != c.field):
			t.Errorf("%s: %v, want %s", name, err, c.field)
		}
	}
	pkcs1, err := rsa.EncryptPKCS1v15(rand.Reader, public, []byte(good)) //nolint:staticcheck // the wrong padding
	must(t, err)
	_, err = s.OpenSignature(t.Context(), 2, std.EncodeToString(pkcs1))
	if core.AsError(err).Field != "X-signature" {
		t.Errorf("another padding: %v", err)
	}
	_, err = s.Rotate(t.Context(), 2, time.Hour)
	must(t, err)
	s.clock = s.clock.Add(time.Minute)
	if _, err = s.OpenSignature(t.Context(), 2, std.EncodeToString(oaep(t, public, sha1.New(), good))); err != nil { //nolint:gosec // as above
		t.Errorf("with the older key: %v", err)
	}
}

// TestReq30_ForgedStateTokens: no token passes that we did not sign for this
// client in the last 300 s (contracts/oneaccess.md §5).
func TestReq30_ForgedStateTokens(t *testing.T) {
	s := newSigners(t)
	client, step := s.app.OneAccess.ClientID, strings.Repeat("Zz09", 8)
	tokens := NewStateTokens(s.ring, func() time.Time { return s.clock })
	valid, err := tokens.Issue(client, step)
	must(t, err)
	parts := strings.Split(valid, ".")
	if head, _ := base64.RawURLEncoding.DecodeString(parts[0]); string(head) != `{"alg":"HS256","typ":"JWT"}` {
		t.Errorf("header %s", head)
	}
	var claims map[string]any
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	must(t, json.Unmarshal(body, &claims))
	if claims["jti"] != step || claims["aud"] != client || claims["exp"] != 1.7000003e9 || claims["iat"] != 1.7e9 || len(claims) != 4 {
		t.Errorf("claims %s", body)
	}
	text := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	mac := func(key []byte, header, claims string) string {
		m := hmac.New(sha256.New, key)
		_, _ = io.WriteString(m, text(header)+"."+claims)
		return text(header) + "." + claims + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	der, err := x509.MarshalPKIXPublicKey(&testKey().PublicKey)
	must(t, err)
	ours := s.ring.TokenHash(stateKeyUse)
	idToken, err := s.IDToken(t.Context(), s.app, issuer, person, s.clock)
	must(t, err)
	const header = `{"alg":"HS256","typ":"JWT"}`
	forged := map[string]string{
		"alg none":                text(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none, old signature": text(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"no key":                  mac(nil, header, parts[1]),
		"HS256 with a public key": mac(der, header, parts[1]),
		"jwk in the header":       mac(ours[:], `{"alg":"HS256","typ":"JWT","jwk":{"kty":"oct","k":"AAAA"}}`, parts[1]),
		"jku in the header":       mac(ours[:], `{"alg":"HS256","typ":"JWT","jku":"https://evil.example.com"}`, parts[1]),
		"x5u in the header":       mac(ours[:], `{"alg":"HS256","typ":"JWT","x5u":"https://evil.example.com"}`, parts[1]),
		"kid of nobody":           mac(ours[:], `{"alg":"HS256","kid":"../../dev/null","typ":"JWT"}`, parts[1]),
		"HS512":                   mac(ours[:], `{"alg":"HS512","typ":"JWT"}`, parts[1]),
		"another typ":             mac(ours[:], `{"alg":"HS256","typ":"at+jwt"}`, parts[1]),
		"no typ":                  mac(ours[:], `{"alg":"HS256"}`, parts[1]),
		"another aud":             mac(ours[:], header, text(`{"jti":"x","iat":1700000000,"exp":1700000300,"aud":"other"}`)),
		"aud is a list":           mac(ours[:], header, text(`{"jti":"x","iat":1700000000,"exp":1700000300,"aud":["`+client+`"]}`)),
		"no jti":                  mac(ours[:], header, text(`{"iat":1700000000,"exp":1700000300,"aud":"`+client+`"}`)),
		"expired":                 mac(ours[:], header, text(`{"jti":"x","iat":1699999700,"exp":1700000000,"aud":"`+client+`"}`)),
		"no exp":                  mac(ours[:], header, text(`{"jti":"x","iat":1700000000,"aud":"`+client+`"}`)),
		"issued in the future":    mac(ours[:], header, text(`{"jti":"x","iat":1700000031,"exp":1700000331,"aud":"`+client+`"}`)),
		"claims of another":       parts[0] + "." + text(`{"jti":"x","iat":1700000000,"exp":1700000300,"aud":"`+client+`"}`) + "." + parts[2],
		"claims are no JSON":      mac(ours[:], header, text(`{`)),
		"an id token":             idToken,
		"four parts":              valid + ".x",
		"two parts":               parts[0] + "." + parts[1],
		"padding":                 valid + "=",
		"a blank before":          " " + valid,
		"a line end":              valid + "\n",
		"empty":                   "",
		"dots":                    "..",
		"too long":                strings.Repeat("a", 5000),
	}
	for name, token := range forged {
		if got, err := tokens.Open(client, token); core.KindOf(err) != core.KindUnauthenticated || core.AsError(err).Field != "state_token" || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := tokens.Open("another client", valid); err == nil {
		t.Error("another client's token passes")
	}
	must(t, s.ring.RotateTokenKey())
	s.clock = s.clock.Add(299 * time.Second)
	if got, err := tokens.Open(client, valid); err != nil || got != step {
		t.Errorf("after a rotation: %q, %v", got, err)
	}
	s.clock = s.clock.Add(time.Second)
	if _, err := tokens.Open(client, valid); err == nil {
		t.Error("a token of 300 s passes")
	}
}

// FuzzSignature: no header and no plain text makes it fail in another way than
// by a refusal, and what passes is whole.
func FuzzSignature(f *testing.F) {
	now := time.UnixMilli(1_700_000_000_000)
	f.Add("AAAA", "session_token=a&timestamp=1700000000000&nonce=b")
	f.Add("%=", "nonce=&&=&session_token==&timestamp=17000000000000")
	f.Add("-_+/==", "timestamp=-170000000000&session_token=x&nonce=y")
	f.Fuzz(func(t *testing.T, header, plain string) {
		_, _ = decodeSignature(header)
		s, err := readSignature(plain, now)
		if err != nil {
			if e := core.AsError(err); e.Kind != core.KindUnauthenticated || e.Field != "X-signature" && e.Field != "timestamp" {
				t.Errorf("%q: %v", plain, err)
			}
			return
		}
		if s.Token == "" || s.Nonce == "" || len(s.Nonce) > 64 || s.At.Sub(now).Abs() > 5*time.Minute ||
			!strings.Contains(plain, fmt.Sprintf("timestamp=%d", s.At.UnixMilli())) {
			t.Errorf("%q passes as %+v", plain, s)
		}
	})
}
