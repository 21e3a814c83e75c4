package jwt

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	epoch    = time.Unix(1_772_000_000, 0)
	audience = "https://id.example.com/oauth2/token"
	rules    = Rules{Algorithms: ClientAlgorithms(), Types: []string{"", "jwt"}, Issuer: "client", Subject: "client",
		Audiences: []string{audience, "https://id.example.com"}, MostAhead: 300 * time.Second, MostLife: 300 * time.Second, WantID: true, Skew: 30 * time.Second}
)

// keys of the tests, made once: RSA takes a moment.
var keys = sync.OnceValue(func() (k struct {
	rsa, small, stranger *rsa.PrivateKey
	ec, p384             *ecdsa.PrivateKey
	ed                   ed25519.PrivateKey
}) {
	k.rsa, k.stranger = must(rsa.GenerateKey(rand.Reader, 2048)), must(rsa.GenerateKey(rand.Reader, 2048))
	k.small = must(rsa.GenerateKey(rand.Reader, 1024))
	k.ec, k.p384 = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)), must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	k.ed = ed
	return k
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// signature makes the third part of a token.
type signature func(input []byte) []byte

func rs256(key *rsa.PrivateKey) signature {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		return must(rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:]))
	}
}

func ps256(key *rsa.PrivateKey) signature {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		return must(rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}))
	}
}

func es256(key *ecdsa.PrivateKey) signature {
	return func(input []byte) []byte {
		sum := sha256.Sum256(input)
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		if err != nil {
			panic(err)
		}
		size := (key.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	}
}

func eddsa(key ed25519.PrivateKey) signature {
	return func(input []byte) []byte { return ed25519.Sign(key, input) }
}

func hs256(secret []byte) signature {
	return func(input []byte) []byte {
		m := hmac.New(sha256.New, secret)
		m.Write(input)
		return m.Sum(nil)
	}
}

// object is a header or claims with changes: nil takes a member away.
type object map[string]any

func (o object) with(change object) object {
	out := maps.Clone(o)
	for name, value := range change {
		if value == nil {
			delete(out, name)
		} else {
			out[name] = value
		}
	}
	return out
}

var good = object{"iss": "client", "sub": "client", "aud": audience, "jti": "1", "iat": epoch.Unix(), "exp": epoch.Unix() + 300}

func token(header, claims object, sign signature) string {
	return raw(string(must(json.Marshal(header))), string(must(json.Marshal(claims))), sign)
}

func raw(header, claims string, sign signature) string {
	input := encode([]byte(header)) + "." + encode([]byte(claims))
	return input + "." + encode(sign([]byte(input)))
}

// registered is the client's key set: a key for each algorithm.
func registered(t testing.TB) KeySet {
	t.Helper()
	k := keys()
	set, err := ParseKeySet(jwks(t, map[string]any{"rsa": &k.rsa.PublicKey, "ec": &k.ec.PublicKey, "ed": k.ed.Public()}))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// jwks writes public keys without the library that reads them.
func jwks(t testing.TB, keys map[string]any) []byte {
	t.Helper()
	var all []object
	for kid, key := range keys {
		all = append(all, jwk(kid, key))
	}
	return must(json.Marshal(object{"keys": all}))
}

func jwk(kid string, key any) object {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return object{"kty": "RSA", "kid": kid, "n": encode(key.N.Bytes()), "e": encode(big.NewInt(int64(key.E)).Bytes())}
	case *ecdsa.PublicKey:
		point := must(key.Bytes())[1:]
		return object{"kty": "EC", "kid": kid, "crv": key.Curve.Params().Name, "x": encode(point[:len(point)/2]), "y": encode(point[len(point)/2:])}
	case ed25519.PublicKey:
		return object{"kty": "OKP", "kid": kid, "crv": "Ed25519", "x": encode(key)}
	}
	panic("a key of another kind")
}

// TestReq30_GoodTokens: every algorithm of contracts/camara.md §4.1, and the
// forms that are allowed.
func TestReq30_GoodTokens(t *testing.T) {
	k, set := keys(), registered(t)
	for name, text := range map[string]string{
		"RS256":          token(object{"alg": "RS256", "kid": "rsa"}, good, rs256(k.rsa)),
		"PS256":          token(object{"alg": "PS256", "kid": "rsa"}, good, ps256(k.rsa)),
		"ES256":          token(object{"alg": "ES256", "kid": "ec", "typ": "JWT"}, good, es256(k.ec)),
		"EdDSA":          token(object{"alg": "EdDSA", "kid": "ed", "typ": "jwt"}, good, eddsa(k.ed)),
		"aud list":       token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"aud": []string{"x", "https://id.example.com"}}), rs256(k.rsa)),
		"no iat":         token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"iat": nil}), rs256(k.rsa)),
		"iat in 30 s":    token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"iat": epoch.Unix() + 30}), rs256(k.rsa)),
		"nbf now":        token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"nbf": epoch.Unix()}), rs256(k.rsa)),
		"exp in 1 s":     token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"exp": epoch.Unix() + 1}), rs256(k.rsa)),
		"exp with .5":    raw(`{"alg":"RS256","kid":"rsa"}`, fmt.Sprintf(`{"iss":"client","sub":"client","aud":%q,"jti":"1","exp":%d.5}`, audience, epoch.Unix()+9), rs256(k.rsa)),
		"unknown claims": token(object{"alg": "RS256", "kid": "rsa"}, good.with(object{"x": object{"y": 1}}), rs256(k.rsa)),
	} {
		if _, err := Verify(text, set, rules, epoch); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestReq30_ForgedTokens is the corpus of forged tokens: all are refused
// (requirement row 30, contracts/camara.md §4.1).
func TestReq30_ForgedTokens(t *testing.T) {
	k, set := keys(), registered(t)
	rs := object{"alg": "RS256", "kid": "rsa"}
	publicDER := must(x509.MarshalPKIXPublicKey(&k.rsa.PublicKey))
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: publicDER})
	nothing := func([]byte) []byte { return nil }
	valid := token(rs, good, rs256(k.rsa))
	parts := strings.Split(valid, ".")
	claims := func(change object) string { return token(rs, good.with(change), rs256(k.rsa)) }
	head := func(change object) string { return token(rs.with(change), good, rs256(k.rsa)) }
	for name, c := range map[string]struct {
		token string
		want  error
	}{
		"alg none":                  {token(object{"alg": "none", "kid": "rsa"}, good, nothing), ErrAlgorithm},
		"alg None":                  {token(object{"alg": "None", "kid": "rsa"}, good, nothing), ErrAlgorithm},
		"no alg":                    {token(object{"kid": "rsa"}, good, rs256(k.rsa)), ErrAlgorithm},
		"alg is a number":           {token(object{"alg": 1, "kid": "rsa"}, good, rs256(k.rsa)), ErrAlgorithm},
		"HS256 with the public DER": {token(object{"alg": "HS256", "kid": "rsa"}, good, hs256(publicDER)), ErrAlgorithm},
		"HS256 with the public PEM": {token(object{"alg": "HS256", "kid": "rsa"}, good, hs256(publicPEM)), ErrAlgorithm},
		"HS256 with the modulus":    {token(object{"alg": "HS256", "kid": "rsa"}, good, hs256(k.rsa.N.Bytes())), ErrAlgorithm},
		"RS384": {token(object{"alg": "RS384", "kid": "rsa"}, good, func(in []byte) []byte {
			sum := sha512.Sum384(in)
			return must(rsa.SignPKCS1v15(nil, k.rsa, crypto.SHA384, sum[:]))
		}), ErrAlgorithm},
		"ES256 named, RSA key":      {token(object{"alg": "ES256", "kid": "rsa"}, good, rs256(k.rsa)), ErrAlgorithm},
		"EdDSA named, EC key":       {token(object{"alg": "EdDSA", "kid": "ec"}, good, es256(k.ec)), ErrAlgorithm},
		"RS256 named, PSS inside":   {token(rs, good, ps256(k.rsa)), ErrSignature},
		"PS256 named, PKCS1 inside": {token(object{"alg": "PS256", "kid": "rsa"}, good, rs256(k.rsa)), ErrSignature},
		"another's key":             {token(rs, good, rs256(k.stranger)), ErrSignature},
		"ES256 of zeros":            {token(object{"alg": "ES256", "kid": "ec"}, good, func([]byte) []byte { return make([]byte, 64) }), ErrSignature},
		"ES256 in DER": {token(object{"alg": "ES256", "kid": "ec"}, good, func(in []byte) []byte {
			sum := sha256.Sum256(in)
			return must(ecdsa.SignASN1(rand.Reader, k.ec, sum[:]))
		}), ErrSignature},
		"EdDSA of zeros":           {token(object{"alg": "EdDSA", "kid": "ed"}, good, func([]byte) []byte { return make([]byte, 64) }), ErrSignature},
		"empty signature":          {parts[0] + "." + parts[1] + ".", ErrSignature},
		"claims of another":        {parts[0] + "." + encode(must(json.Marshal(good.with(object{"sub": "x"})))) + "." + parts[2], ErrSignature},
		"unknown kid":              {head(object{"kid": "none"}), ErrKey},
		"no kid":                   {head(object{"kid": nil}), ErrKey},
		"kid is a path":            {head(object{"kid": "../../rsa"}), ErrKey},
		"kid is a list":            {head(object{"kid": []string{"rsa"}}), ErrKey},
		"kid in other case":        {head(object{"kid": "RSA"}), ErrKey},
		"jku":                      {head(object{"jku": "https://evil.example.com/jwks"}), ErrHeader},
		"x5u":                      {head(object{"x5u": "https://evil.example.com/chain"}), ErrHeader},
		"x5c":                      {head(object{"x5c": []string{"AA=="}}), ErrHeader},
		"jwk of the forger":        {token(rs.with(object{"jwk": jwk("rsa", &k.stranger.PublicKey)}), good, rs256(k.stranger)), ErrHeader},
		"jwk of ours":              {head(object{"jwk": jwk("rsa", &k.rsa.PublicKey)}), ErrHeader},
		"crit":                     {head(object{"crit": []string{"exp"}}), ErrHeader},
		"b64 false":                {head(object{"b64": false}), ErrHeader},
		"zip":                      {head(object{"zip": "DEF"}), ErrHeader},
		"typ of a logout token":    {head(object{"typ": "logout+jwt"}), ErrType},
		"typ of an access token":   {head(object{"typ": "at+jwt"}), ErrType},
		"typ is a number":          {head(object{"typ": 1}), ErrType},
		"another iss":              {claims(object{"iss": "other"}), ErrIssuer},
		"no iss":                   {claims(object{"iss": nil}), ErrIssuer},
		"iss is a list":            {claims(object{"iss": []string{"client"}}), ErrClaims},
		"another sub":              {claims(object{"sub": "other"}), ErrSubject},
		"no aud":                   {claims(object{"aud": nil}), ErrAudience},
		"another aud":              {claims(object{"aud": "https://other.example.com/oauth2/token"}), ErrAudience},
		"aud with a slash more":    {claims(object{"aud": audience + "/"}), ErrAudience},
		"aud list of others":       {claims(object{"aud": []string{"a", "b"}}), ErrAudience},
		"aud is empty":             {claims(object{"aud": []string{}}), ErrClaims},
		"aud is an object":         {claims(object{"aud": object{"a": 1}}), ErrClaims},
		"expired just now":         {claims(object{"exp": epoch.Unix()}), ErrExpired},
		"expired":                  {claims(object{"exp": epoch.Unix() - 1, "iat": epoch.Unix() - 100}), ErrExpired},
		"no exp":                   {claims(object{"exp": nil}), ErrExpired},
		"exp is a text":            {claims(object{"exp": "1772000300"}), ErrClaims},
		"exp as 1e99":              {raw(`{"alg":"RS256","kid":"rsa"}`, `{"iss":"client","sub":"client","exp":1e99}`, rs256(k.rsa)), ErrClaims},
		"exp as 1.772e9":           {raw(`{"alg":"RS256","kid":"rsa"}`, `{"iss":"client","sub":"client","exp":1.772e9}`, rs256(k.rsa)), ErrClaims},
		"exp negative":             {claims(object{"exp": -1}), ErrClaims},
		"exp beyond all calendars": {raw(`{"alg":"RS256","kid":"rsa"}`, `{"iss":"client","sub":"client","exp":9223372036854775807}`, rs256(k.rsa)), ErrClaims},
		"exp 301 s ahead":          {claims(object{"exp": epoch.Unix() + 301, "iat": epoch.Unix() + 2}), ErrLife},
		"lives 301 s":              {claims(object{"exp": epoch.Unix() + 300, "iat": epoch.Unix() - 1}), ErrLife},
		"iat in the future":        {claims(object{"iat": epoch.Unix() + 31}), ErrNotYet},
		"nbf in the future":        {claims(object{"nbf": epoch.Unix() + 31}), ErrNotYet},
		"no jti":                   {claims(object{"jti": nil}), ErrNoID},
		"jti is a number":          {claims(object{"jti": 7}), ErrClaims},
		"claims are a list":        {raw(`{"alg":"RS256","kid":"rsa"}`, `[]`, rs256(k.rsa)), ErrClaims},
		"claims are null":          {raw(`{"alg":"RS256","kid":"rsa"}`, `null`, rs256(k.rsa)), ErrClaims},
		"claims are no JSON":       {raw(`{"alg":"RS256","kid":"rsa"}`, `{`, rs256(k.rsa)), ErrClaims},
		"claims are no UTF-8":      {raw(`{"alg":"RS256","kid":"rsa"}`, "{\"iss\":\"\xff\"}", rs256(k.rsa)), ErrClaims},
		"header is null":           {raw(`null`, `{}`, rs256(k.rsa)), ErrForm},
		"header is no JSON":        {raw(`{`, `{}`, rs256(k.rsa)), ErrForm},
		"header twice alg":         {raw(`{"alg":"none","alg":"RS256","kid":"rsa"}`, string(must(json.Marshal(good))), rs256(k.rsa)), ErrForm},
		"four parts":               {valid + ".x", ErrForm},
		"two parts":                {parts[0] + "." + parts[1], ErrForm},
		"five parts, encrypted":    {"e30.e30.e30.e30.e30", ErrForm},
		"a line end inside":        {parts[0] + "\n." + parts[1] + "." + parts[2], ErrForm},
		"padding":                  {parts[0] + "==." + parts[1] + "." + parts[2], ErrForm},
		"plus and slash":           {parts[0] + "." + parts[1] + ".++//", ErrForm},
		"JSON form":                {`{"payload":"` + parts[1] + `","signatures":[]}`, ErrForm},
		"empty":                    {"", ErrForm},
		"dots":                     {"..", ErrForm},
		"too long":                 {token(rs, good.with(object{"x": strings.Repeat("x", 20_000)}), rs256(k.rsa)), ErrForm},
		"a blank before":           {" " + valid, ErrForm},
	} {
		if _, err := Verify(c.token, set, rules, epoch); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	if _, err := Verify(valid, set, Rules{}, epoch); err == nil {
		t.Error("rules without an algorithm let a token pass")
	}
	if _, err := Verify(valid, set, Rules{Algorithms: ClientAlgorithms()}, epoch); !errors.Is(err, ErrAudience) {
		t.Errorf("rules without an audience: %v", err)
	}
	wanting := rules
	wanting.WantIssued = true
	if _, err := Verify(claims(object{"iat": nil}), set, wanting, epoch); !errors.Is(err, ErrNotIssued) {
		t.Errorf("no iat where it is wanted: %v", err)
	}
	if _, err := Verify(valid, KeySet{}, rules, epoch); !errors.Is(err, ErrKey) {
		t.Errorf("without keys: %v", err)
	}
}

// TestReq30_KeyWithAnAlgorithm: a key's own alg narrows what it verifies.
func TestReq30_KeyWithAnAlgorithm(t *testing.T) {
	k := keys()
	set, err := ParseKeySet(must(json.Marshal(object{"keys": []object{jwk("rsa", &k.rsa.PublicKey).with(object{"alg": "PS256", "use": "sig"})}})))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(token(object{"alg": "RS256", "kid": "rsa"}, good, rs256(k.rsa)), set, rules, epoch); !errors.Is(err, ErrAlgorithm) {
		t.Errorf("RS256: %v", err)
	}
	if _, err := Verify(token(object{"alg": "PS256", "kid": "rsa"}, good, ps256(k.rsa)), set, rules, epoch); err != nil {
		t.Errorf("PS256: %v", err)
	}
}

func TestKeySetsThatAreNotTaken(t *testing.T) {
	k := keys()
	one := jwk("a", &k.rsa.PublicKey)
	seventeen := make([]object, 17)
	for i := range seventeen {
		seventeen[i] = jwk(fmt.Sprint(i), &k.ec.PublicKey)
	}
	for name, set := range map[string]any{
		"nothing":       object{},
		"no keys":       object{"keys": []object{}},
		"a list":        []object{one},
		"seventeen":     object{"keys": seventeen},
		"no kid":        object{"keys": []object{one.with(object{"kid": nil})}},
		"a long kid":    object{"keys": []object{one.with(object{"kid": strings.Repeat("k", 129)})}},
		"a kid twice":   object{"keys": []object{one, one}},
		"for secrets":   object{"keys": []object{one.with(object{"use": "enc"})}},
		"RSA of 1024":   object{"keys": []object{jwk("a", &k.small.PublicKey)}},
		"P-384":         object{"keys": []object{jwk("a", &k.p384.PublicKey)}},
		"private":       object{"keys": []object{one.with(object{"d": encode(k.rsa.D.Bytes()), "p": encode(k.rsa.Primes[0].Bytes()), "q": encode(k.rsa.Primes[1].Bytes())})}},
		"symmetric":     object{"keys": []object{{"kty": "oct", "kid": "a", "k": "AAAA"}}},
		"alg of others": object{"keys": []object{one.with(object{"alg": "ES256"})}},
		"alg none":      object{"keys": []object{one.with(object{"alg": "none"})}},
		"unknown kind":  object{"keys": []object{{"kty": "X", "kid": "a"}}},
		"too long":      object{"keys": []object{one}, "x": strings.Repeat("x", 33_000)},
	} {
		if _, err := ParseKeySet(must(json.Marshal(set))); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := ParseKeySet([]byte("{")); err == nil {
		t.Error("no JSON is taken")
	}
}

// TestSigner: what we sign verifies with what we publish, by kid.
func TestSigner(t *testing.T) {
	k := keys()
	for alg, key := range map[Algorithm]crypto.Signer{RS256: k.rsa, ES256: k.ec, EdDSA: k.ed} {
		s, err := NewSigner("", key)
		if err != nil {
			t.Fatal(err)
		}
		text, err := s.Sign("JWT", good)
		if err != nil {
			t.Fatal(err)
		}
		published, err := ParseKeySet(must(PublicKeys(s).MarshalJSON()))
		if err != nil || published.Len() != 1 {
			t.Fatalf("%s: the published set: %v", alg, err)
		}
		c, err := Verify(text, published, rules, epoch)
		if err != nil || c.ID != "1" || s.Algorithm() != alg || len(s.KeyID()) != 43 || PeekIssuer(text) != "client" {
			t.Errorf("%s: %+v, %v", alg, c, err)
		}
	}
	for _, key := range []crypto.Signer{k.small, k.p384} {
		if _, err := NewSigner("", key); err == nil {
			t.Errorf("%T of another size is taken", key)
		}
	}
	if set, err := (KeySet{}).MarshalJSON(); err != nil || string(set) != `{"keys":[]}` {
		t.Errorf("%s, %v", set, err)
	}
	// OpenID Connect Core §A.3: at_hash of this access token.
	if got := HalfHash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"); got != "77QmUPtjPfzWtF2AnpK9RQ" {
		t.Errorf("at_hash %s", got)
	}
}

func TestPeekIssuer(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "a.b.c": "", "..": "", "x." + encode([]byte(`{"iss":1}`)) + ".": "",
		"x." + encode([]byte(`{"iss":"me"}`)) + ".": "me", "x." + encode([]byte(`{"iss":"me"}`)): "me",
	} {
		if got := PeekIssuer(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzVerify: no text makes it fail in another way than by an error, and none
// passes that we did not sign.
func FuzzVerify(f *testing.F) {
	k, set := keys(), registered(f)
	ours := map[string]bool{}
	for _, text := range []string{token(object{"alg": "RS256", "kid": "rsa"}, good, rs256(k.rsa)), token(object{"alg": "EdDSA", "kid": "ed"}, good, eddsa(k.ed))} {
		ours[text] = true
		f.Add(text)
	}
	f.Add("..")
	f.Add(token(object{"alg": "none"}, good, func([]byte) []byte { return nil }))
	f.Fuzz(func(t *testing.T, text string) {
		PeekIssuer(text)
		if _, err := Verify(text, set, rules, epoch); err == nil && !ours[text] {
			t.Errorf("%q passes", text)
		}
	})
}

// FuzzParseKeySet: whatever it is, it is read or refused, and what was read is
// read again.
func FuzzParseKeySet(f *testing.F) {
	k := keys()
	f.Add(jwks(f, map[string]any{"rsa": &k.rsa.PublicKey, "ec": &k.ec.PublicKey, "ed": k.ed.Public()}))
	f.Add([]byte(`{"keys":[{"kty":"oct","kid":"a","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		set, err := ParseKeySet(data)
		if err != nil {
			return
		}
		again, err := set.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseKeySet(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
