package point

import (
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"strings"
)

// longestSealed bounds what is decrypted, in characters of Base64: a token, ---
// and the longest point_json.
const longestSealed = 400

// Encrypt is AES-128/ECB/PKCS5 and Base64, as stock front ends do it; the key is
// 16 bytes. ECB hides little, which is all that is asked of it: what is in here
// is no secret of ours.
func Encrypt(key, plain string) string {
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		return ""
	}
	room := aes.BlockSize - len(plain)%aes.BlockSize
	sealed := append([]byte(plain), bytes.Repeat([]byte{byte(room)}, room)...)
	for at := 0; at < len(sealed); at += aes.BlockSize {
		block.Encrypt(sealed[at:], sealed[at:])
	}
	return base64.StdEncoding.EncodeToString(sealed)
}

// IsSealed tells whether a text has the form of what Encrypt makes.
func IsSealed(text string) bool {
	_, ok := sealedBytes(text)
	return ok
}

func sealedBytes(text string) ([]byte, bool) {
	if text == "" || len(text) > longestSealed || strings.ContainsAny(text, "\r\n") { // line ends, which decoding would skip
		return nil, false
	}
	sealed, err := base64.StdEncoding.Strict().DecodeString(text)
	return sealed, err == nil && len(sealed) > 0 && len(sealed)%aes.BlockSize == 0
}

// Decrypt is the inverse of Encrypt; false for what that can not have made.
func Decrypt(key, text string) (plain string, ok bool) {
	block, err := aes.NewCipher([]byte(key))
	sealed, fits := sealedBytes(text)
	if err != nil || !fits {
		return "", false
	}
	for at := 0; at < len(sealed); at += aes.BlockSize {
		block.Decrypt(sealed[at:], sealed[at:])
	}
	room := int(sealed[len(sealed)-1])
	if room == 0 || room > aes.BlockSize {
		return "", false
	}
	body, end := sealed[:len(sealed)-room], sealed[len(sealed)-room:]
	for _, b := range end {
		if int(b) != room {
			return "", false
		}
	}
	return string(body), true
}
