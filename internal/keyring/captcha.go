package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"io"
	"time"
)

// A captcha token is one block of AES-256 in hexadecimal, so that a server
// keeps nothing of a puzzle that nobody answers (contracts/oneaccess.md §2.1):
//
//	byte 0       a mark
//	bytes 1–5    when it was made: Unix milliseconds modulo 2⁴⁰
//	bytes 6–7    the answer
//	bytes 8–9    random: two tokens of one millisecond differ
//	bytes 10–15  HMAC of whose it is, cut to 48 bits
//
// Under an unknown key the block is as good as random: it shows nothing, and a
// made-up or altered token has the mark and the right tag with 2⁻⁵⁶.
const (
	captchaMark = 0xc7
	captchaTag  = 10 // where the tag begins
	captchaWrap = 1<<40 - 1
)

// Domains of the token keys' HMAC, beside tokenDomain.
const (
	captchaTagDomain    = 2
	captchaSecretDomain = 3
	captchaProofDomain  = 4
)

// captchaKey is what one token key makes and reads captcha tokens with.
type captchaKey struct {
	block cipher.Block
	mac   *macKey
}

func newCaptchaKeys(entries []keyEntry, macs []*macKey) ([]captchaKey, error) {
	keys := make([]captchaKey, len(entries))
	for i, entry := range entries {
		secret, err := hkdf.Key(sha256.New, entry.Key, nil, "yanma captcha 1", keySize)
		if err != nil {
			return nil, err
		}
		if keys[i].block, err = aes.NewCipher(secret); err != nil {
			return nil, err
		}
		keys[i].mac = macs[i]
	}
	return keys, nil
}

// CaptchaAnswer is what a captcha token stands for.
type CaptchaAnswer struct {
	X    uint16    // the answer, as it was sealed
	Made time.Time // to the millisecond

	token string
	mac   *macKey
}

// Secret is the 16 letters and digits that belong to the token: the key under
// which its answer may come (contracts/oneaccess.md §2.2). Nobody keeps it.
func (a CaptchaAnswer) Secret() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	sum := a.mac.of(captchaSecretDomain, a.token)
	var key [16]byte
	for i := range key {
		key[i] = letters[(int(sum[2*i])<<8|int(sum[2*i+1]))%len(letters)]
	}
	return string(key[:])
}

// SealAnswer makes a captcha token: 32 lower hexadecimal digits, good for
// whoever names the same owner again.
func (r *Ring) SealAnswer(owner string, x uint16, made time.Time) (string, CaptchaAnswer, error) {
	key := r.current.Load().captcha[0]
	var b [aes.BlockSize]byte
	ms := uint64(made.UnixMilli())
	b[0], b[6], b[7] = captchaMark, byte(x>>8), byte(x)
	for i := range 5 {
		b[1+i] = byte(ms >> (8 * (4 - i)))
	}
	if _, err := io.ReadFull(r.random, b[8:captchaTag]); err != nil {
		return "", CaptchaAnswer{}, err
	}
	tag := key.mac.of(captchaTagDomain, owner)
	copy(b[captchaTag:], tag[:])
	key.block.Encrypt(b[:], b[:])
	token := hex.EncodeToString(b[:])
	return token, CaptchaAnswer{X: x, Made: time.UnixMilli(int64(ms)), token: token, mac: key.mac}, nil
}

// OpenAnswer reads a captcha token of the owner's; false for one that was never
// made here, was altered, or is another's. Its age is the caller's to judge: now
// only tells in which of the 34-year spans it was made.
func (r *Ring) OpenAnswer(owner, token string, now time.Time) (CaptchaAnswer, bool) {
	for _, key := range r.current.Load().captcha {
		b, ok := key.open(token)
		if !ok {
			continue
		}
		tag := key.mac.of(captchaTagDomain, owner)
		if subtle.ConstantTimeCompare(b[captchaTag:], tag[:len(b)-captchaTag]) == 1 {
			return CaptchaAnswer{X: answerIn(b), Made: madeAt(b, now), token: token, mac: key.mac}, true
		}
	}
	return CaptchaAnswer{}, false
}

// CaptchaMade tells when a token was made, whosever it is; false for what can
// not be one. Of made-up tokens one in 256 passes: it spares the database a look.
func (r *Ring) CaptchaMade(token string, now time.Time) (time.Time, bool) {
	for _, key := range r.current.Load().captcha {
		if b, ok := key.open(token); ok {
			return madeAt(b, now), true
		}
	}
	return time.Time{}, false
}

// AnswerOf is a token's answer, for tests and the benchmark, which have the
// keyring's file. No server gives it away.
func (r *Ring) AnswerOf(token string) (x int, ok bool) {
	for _, key := range r.current.Load().captcha {
		if b, ok := key.open(token); ok {
			return int(answerIn(b)), true
		}
	}
	return 0, false
}

// CaptchaProof is the HMAC by which challenges of proof of work, and what is
// remembered of passes, are known as ours: under every token key, newest first.
func (r *Ring) CaptchaProof(message string) [][sha256.Size]byte {
	keys := r.current.Load().captcha
	sums := make([][sha256.Size]byte, len(keys))
	for i, key := range keys {
		sums[i] = key.mac.of(captchaProofDomain, message)
	}
	return sums
}

func (k captchaKey) open(token string) (b [aes.BlockSize]byte, ok bool) {
	if len(token) != hex.EncodedLen(len(b)) {
		return b, false
	}
	for i := range token { // upper-case digits would make two texts of one token
		if c := token[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return b, false
		}
	}
	if _, err := hex.Decode(b[:], []byte(token)); err != nil {
		return b, false
	}
	k.block.Decrypt(b[:], b[:])
	return b, b[0] == captchaMark
}

func answerIn(b [aes.BlockSize]byte) uint16 { return uint16(b[6])<<8 | uint16(b[7]) }

// madeAt puts the 40 bits of a token's time next to now.
func madeAt(b [aes.BlockSize]byte, now time.Time) time.Time {
	var low int64
	for i := range 5 {
		low = low<<8 | int64(b[1+i])
	}
	ms := now.UnixMilli()
	distance := (low - ms) & captchaWrap
	if distance > captchaWrap/2 {
		distance -= captchaWrap + 1
	}
	return time.UnixMilli(ms + distance)
}
