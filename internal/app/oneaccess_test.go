package app

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	_ "embed"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash"
	"io"
	"math/big"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/tenant"
)

// TestReq43_OneAccessExchanges runs every exchange of the oneaccess dialect
// against the server as it is wired: typed from contracts/oneaccess.md.
func TestReq43_OneAccessExchanges(t *testing.T) {
	var w *oneAccessServer
	files := "../facade/oneaccess/testdata/*.txtar"
	if testing.Short() { // under the race detector: the acceptance list
		files = "../facade/oneaccess/testdata/01-*.txtar"
	}
	facadetest.Run(t, facadetest.OneAccess(files,
		func(t *testing.T) facadetest.Env { w = startOneAccess(t); return w },
		func(t *testing.T, request string, status int, header http.Header, body string) {
			w.see(body)
			holdsToShape(t, request, status, header, body)
		}))
}

// oneAccessServer is a whole server whose apps speak the oneaccess dialect.
type oneAccessServer struct {
	*whole
	clients [2]string
	secrets [2]string
	nonces  int

	// what the newest answers said
	token, aesKey, session, state, ssoTicket string

	key *rsa.PublicKey // that X-signature is made with; nil: the first app's imported one

	asked map[string][]string // by number: what its calls were answered
}

// The client of contracts/oneaccess.md §1.1, and another of its form.
const (
	oneAccessClient      = "DRrYIqauawN0I8myTMoDTPys6ezGZxnm"
	otherOneAccessClient = "0ERrYIqauawN0I8myTMoDTPys6ezGZxn"
	oneAccessFingerprint = "156aysdna213sac"
	oneAccessAgent       = "Mozilla/5.0 (Linux; Android 10; Redmi K30 Build/QKQ1.190825.002; wv) AppleWebKit/537.36"
)

// Keys of 2048 bits: to make one takes a second under the race detector.
var (
	//go:embed testdata/oneaccess-1.pem
	firstKeyPEM []byte
	//go:embed testdata/oneaccess-2.pem
	secondKeyPEM []byte
)

func rsaKey(t testing.TB, text []byte) *rsa.PrivateKey {
	t.Helper()
	return readKey(text)
}

func readKey(text []byte) *rsa.PrivateKey {
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}

func startOneAccess(t *testing.T) *oneAccessServer { return startOneAccessOn(t, startWhole(t)) }

// startOneAccessOn gives the apps of a server their clients and keys.
func startOneAccessOn(t *testing.T, whole *whole) *oneAccessServer {
	t.Helper()
	w := &oneAccessServer{whole: whole, clients: [2]string{oneAccessClient, otherOneAccessClient}}
	for i, text := range [][]byte{firstKeyPEM, secondKeyPEM} {
		ok(t, w.admin.EnsureDialect(t.Context(), operatorOfTests, w.ids[i], tenant.DialectOneaccess))
		_, secret, err := w.admin.SetOneAccess(t.Context(), operatorOfTests, w.ids[i], tenant.OneAccessPatch{ClientID: &w.clients[i], NewSecret: true})
		ok(t, err)
		w.secrets[i] = secret.Reveal()
		_, err = w.signing.Import(t.Context(), w.ids[i], rsaKey(t, text), "")
		ok(t, err)
	}
	w.patch(t, tenant.Patch{TestNumbers: &[]tenant.TestNumber{}})
	return w
}

// see notes what an answer gives that later requests need.
func (w *oneAccessServer) see(body string) {
	var answer struct {
		Token     string `json:"token"`
		SecretKey string `json:"secretKey"`
		RepData   *struct {
			Token     string `json:"token"`
			SecretKey string `json:"secretKey"`
		} `json:"repData"`
		Session string `json:"session_token"`
		State   string `json:"state_token"`
		Ticket  string `json:"sso_ticket"`
	}
	if json.Unmarshal([]byte(body), &answer) != nil {
		return
	}
	if answer.RepData != nil {
		answer.Token, answer.SecretKey = answer.RepData.Token, answer.RepData.SecretKey
	}
	if answer.Token != "" && answer.Token != w.token {
		w.token, w.aesKey = answer.Token, answer.SecretKey
	}
	for _, note := range []struct {
		to   *string
		what string
	}{{&w.session, answer.Session}, {&w.state, answer.State}, {&w.ssoTicket, answer.Ticket}} {
		if note.what != "" {
			*note.to = note.what
		}
	}
}

// shapes of errors (contracts/oneaccess.md §1.2, §7, §8.1).
var (
	oneAccessError = regexp.MustCompile(`\A\{"error_code":"[A-Z]+(\.[A-Z]+)*\.\d{4}","error_msg":"[^"]+"\}\z`)
	oneAccessAJ    = regexp.MustCompile(`\A\{"repCode":"\d{4}","repMsg":"[^"]+","repData":null,"success":false,"error":true\}\z`)
	oneAccessOAuth = regexp.MustCompile(`\A\{"error":"[a-z_]+","error_description":"[^"]*"\}\z`)
)

// holdsToShape is what is true of every answer: the dialect's shape, an id,
// nothing to be stored, and a time to wait where there is one.
func holdsToShape(t testing.TB, request string, status int, header http.Header, body string) {
	t.Helper()
	what := fmt.Sprintf("%.300q = %d %.300q", request, status, body)
	if status >= http.StatusBadRequest && !oneAccessError.MatchString(body) && !oneAccessOAuth.MatchString(body) && !strings.HasPrefix(request, "HEAD") {
		t.Error("not the dialect's error:", what)
	}
	if strings.HasPrefix(body, `{"repCode"`) && !strings.HasPrefix(body, `{"repCode":"0000"`) && !oneAccessAJ.MatchString(body) {
		t.Error("not the envelope:", what)
	}
	if header.Get("X-Request-Id") == "" || header.Get("Cache-Control") == "" {
		t.Error("no id, or may be stored:", what)
	}
	if strings.Contains(body, "LOGIN.0001") && header.Get("Retry-After") == "" {
		t.Error("no time to wait:", what)
	}
}

// Value knows the clients, answers puzzles from the keyring, and signs.
func (w *oneAccessServer) Value(name string, args []string) (string, bool) {
	switch name {
	case "client":
		return w.clients[0], true
	case "other_client":
		return w.clients[1], true
	case "secret":
		return w.secrets[0], true
	case "other_secret":
		return w.secrets[1], true
	case "device":
		return deviceHeaders(oneAccessFingerprint), true
	case "headers":
		return "X-client-id: " + w.clients[0] + "\n" + deviceHeaders(oneAccessFingerprint), true
	case "session":
		return w.session, true
	case "ticket":
		return w.ssoTicket, true
	case "state":
		return stateToken(w.state, args), true
	case "x":
		x, known := w.ring.AnswerOf(w.token)
		if len(args) > 0 {
			off, _ := strconv.Atoi(args[0])
			x += off
		}
		return strconv.Itoa(x), known
	case "encrypted":
		x, known := w.ring.AnswerOf(w.token)
		return encryptECB(w.aesKey, fmt.Sprintf(`{"x":%d.0,"y":5.0}`, x)), known
	case "verification":
		x, known := w.ring.AnswerOf(w.token)
		return encryptECB(w.aesKey, fmt.Sprintf(`%s---{"x":%d.0,"y":5.0}`, w.token, x)), known
	case "pass":
		return w.pass(args), true
	case "work":
		return w.work(), true
	case "signature":
		return w.signature(args), true
	}
	return w.whole.Value(name, args)
}

func deviceHeaders(fingerprint string) string {
	return "X-operating-sys-version: Android 10\nX-device-fingerprint: " + fingerprint + "\nX-agent: " + oneAccessAgent
}

// words reads name=value.
func words(args []string) map[string]string {
	all := map[string]string{}
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		all[name] = value
	}
	return all
}

// ask is one request of the SDK; it gives the status and the body.
func (w *oneAccessServer) ask(method, path, body string, header map[string]string) (int, http.Header, string) {
	r, err := http.NewRequestWithContext(context.Background(), method, w.PublicURL()+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err.Error()
	}
	for _, line := range strings.Split(deviceHeaders(oneAccessFingerprint), "\n") {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Set(name, value)
	}
	r.Header.Set("X-client-id", w.clients[0])
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err.Error()
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return 0, nil, err.Error()
	}
	w.see(string(text))
	return answer.StatusCode, answer.Header, string(text)
}

// pass solves a puzzle for a sender, as its text stands in JSON.
func (w *oneAccessServer) pass(args []string) string {
	how := words(args[1:])
	header := map[string]string{}
	if how["fp"] != "" {
		header["X-device-fingerprint"] = how["fp"]
	}
	if how["client"] == "other" {
		header["X-client-id"] = w.clients[1]
	}
	if how["state"] != "" {
		header["X-state-token"] = w.state
	}
	return w.passOn(args[0], header)
}

// passOn solves a puzzle for a sender with headers.
func (w *oneAccessServer) passOn(sender string, header map[string]string) string {
	if status, _, body := w.ask(http.MethodGet, "/api/v2/sdk/captcha", "", header); status != http.StatusOK {
		return "no puzzle: " + body
	}
	x, _ := w.ring.AnswerOf(w.token)
	status, _, body := w.ask(http.MethodPost, "/api/v2/sdk/captcha/verify",
		fmt.Sprintf(`{"point_json":"{\"x\":%d,\"y\":5}","token":%q,"sender":%q}`, x, w.token, sender), header)
	text, found := strings.CutPrefix(body, `{"captcha_token":"`)
	if status != http.StatusOK || !found {
		return "no pass: " + body
	}
	return strings.TrimSuffix(strings.TrimSuffix(text, "\n"), `"}`)
}

// work does a proof of work, as the ALTCHA widget does it.
func (w *oneAccessServer) work() string {
	_, _, body := w.ask(http.MethodGet, "/captcha/altcha/challenge", "", nil)
	var c struct {
		Algorithm string `json:"algorithm"`
		Challenge string `json:"challenge"`
		MaxNumber int    `json:"maxnumber"`
		Salt      string `json:"salt"`
		Signature string `json:"signature"`
	}
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		return body
	}
	for n := 0; n <= c.MaxNumber; n++ {
		sum := sha256.Sum256([]byte(c.Salt + strconv.Itoa(n)))
		if hex.EncodeToString(sum[:]) == c.Challenge {
			payload, _ := json.Marshal(map[string]any{"algorithm": c.Algorithm, "challenge": c.Challenge, "number": n, "salt": c.Salt, "signature": c.Signature})
			return base64.StdEncoding.EncodeToString(payload)
		}
	}
	return "no number"
}

// signature is an X-signature over the newest session (contracts/oneaccess.md
// §4), with what is asked for done otherwise.
func (w *oneAccessServer) signature(args []string) string {
	how := words(args)
	if how["literal"] != "" {
		return how["literal"]
	}
	if n, err := strconv.Atoi(how["letters"]); err == nil {
		return strings.Repeat("A", n)
	}
	w.nonces++
	at := w.clock.Now()
	if d, err := time.ParseDuration(how["at"]); err == nil {
		at = at.Add(d)
	}
	members := map[string]string{"session_token": w.session, "timestamp": strconv.FormatInt(at.UnixMilli(), 10), "nonce": fmt.Sprint("nonce-", w.nonces)}
	for name, member := range map[string]string{"session": "session_token", "timestamp": "timestamp", "nonce": "nonce"} {
		if how[name] != "" {
			members[member] = strings.TrimSuffix(how[name], "-")
		}
	}
	if n, err := strconv.Atoi(how["nonces"]); err == nil {
		members["nonce"] = strings.Repeat("n", n)
	}
	delete(members, how["drop"])
	order := []string{"session_token", "timestamp", "nonce"}
	if how["order"] != "" {
		order = []string{"nonce", "timestamp", "session_token"}
	}
	var parts []string
	if how["extra"] != "" {
		parts = append(parts, "extra=1")
	}
	for _, name := range order {
		if value, there := members[name]; there {
			parts = append(parts, name+"="+value)
		}
	}
	key := w.key
	if key == nil {
		key = &readKey(firstKeyPEM).PublicKey
	}
	if how["key"] == "other" {
		key = &readKey(secondKeyPEM).PublicKey
	}
	cipher, err := encryptSignature(key, how, []byte(strings.Join(parts, "&")))
	if err != nil {
		return err.Error()
	}
	switch how["alphabet"] {
	case "url":
		return base64.URLEncoding.EncodeToString(cipher)
	case "raw":
		return base64.RawStdEncoding.EncodeToString(cipher)
	}
	return base64.StdEncoding.EncodeToString(cipher)
}

// encryptSignature encrypts as the Java and JavaScript clients do: OAEP with
// SHA-256 under either hash of the mask.
func encryptSignature(public *rsa.PublicKey, how map[string]string, plain []byte) ([]byte, error) {
	switch {
	case how["pad"] == "pkcs1":
		return rsa.EncryptPKCS1v15(rand.Reader, public, plain) //nolint:staticcheck // what must be refused
	case how["oaep"] == "sha1":
		return rsa.EncryptOAEP(sha1.New(), rand.Reader, public, plain, nil)
	case how["mgf"] == "sha1":
		return encryptOAEP(public, sha256.New(), sha1.New(), plain), nil
	}
	return rsa.EncryptOAEP(sha256.New(), rand.Reader, public, plain, nil)
}

// encryptOAEP is RFC 8017 §7.1.1 with a hash for the label and another one for
// the mask, which Java makes of "OAEPWithSHA-256AndMGF1Padding".
func encryptOAEP(public *rsa.PublicKey, label, mask hash.Hash, plain []byte) []byte {
	size := public.Size()
	block := make([]byte, size)
	seed, data := block[1:1+label.Size()], block[1+label.Size():]
	copy(data, label.Sum(nil))
	data[len(data)-len(plain)-1] = 1
	copy(data[len(data)-len(plain):], plain)
	_, _ = rand.Read(seed)
	xorMGF1(data, mask, seed)
	xorMGF1(seed, mask, data)
	return rsaRaw(public, block)
}

func xorMGF1(out []byte, h hash.Hash, seed []byte) {
	for counter, done := uint32(0), 0; done < len(out); counter++ {
		h.Reset()
		h.Write(seed)
		h.Write([]byte{byte(counter >> 24), byte(counter >> 16), byte(counter >> 8), byte(counter)})
		for _, b := range h.Sum(nil) {
			if done < len(out) {
				out[done] ^= b
				done++
			}
		}
	}
}

// encryptECB is AES-128/ECB/PKCS5 + Base64 (contracts/oneaccess.md §2.2).
func encryptECB(key, plain string) string {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return err.Error()
	}
	pad := aes.BlockSize - len(plain)%aes.BlockSize
	text := append([]byte(plain), bytes.Repeat([]byte{byte(pad)}, pad)...)
	for i := 0; i < len(text); i += aes.BlockSize {
		block.Encrypt(text[i:], text[i:])
	}
	return base64.StdEncoding.EncodeToString(text)
}

// stateToken is the newest one, altered or forged.
func stateToken(token string, how []string) string {
	parts := strings.Split(token, ".")
	if len(how) == 0 || len(parts) != 3 {
		return token
	}
	if how[0] == "alg=none" {
		return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + parts[1] + "."
	}
	tag, _ := base64.RawURLEncoding.DecodeString(parts[2])
	tag[0] ^= 1
	return parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(tag)
}

// Do carries out what the exchanges ask for.
func (w *oneAccessServer) Do(t *testing.T, directive string, args []string) {
	t.Helper()
	switch directive {
	case "set":
		var p tenant.OneAccessPatch
		ok(t, json.Unmarshal([]byte(strings.Join(args, " ")), &p))
		for _, id := range w.ids {
			_, _, err := w.admin.SetOneAccess(t.Context(), operatorOfTests, id, p)
			ok(t, err)
		}
	case "origins":
		w.patch(t, tenant.Patch{Origins: &args})
	case "test-numbers":
		numbers := []tenant.TestNumber{}
		if args[0] == "on" {
			numbers = append(numbers, tenant.TestNumber{Literal: "12345678901", Code: "232326"})
		}
		w.patch(t, tenant.Patch{TestNumbers: &numbers})
	case "limits":
		w.config.Limits.Off = args[0] == "off"
		w.reopen(t)
	case "sent":
		w.delivered()
		if _, found := w.phones.Value("code", args[:1]); !found {
			t.Fatalf("nothing came to %s", args[0])
		}
	default:
		w.whole.Do(t, directive, args)
	}
}

// rsaRaw is the bare operation of RSA.
func rsaRaw(public *rsa.PublicKey, block []byte) []byte {
	c := new(big.Int).Exp(new(big.Int).SetBytes(block), big.NewInt(int64(public.E)), public.N)
	return c.FillBytes(make([]byte, public.Size()))
}
