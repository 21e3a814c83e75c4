package keyring

// tokenDomain is the use of the token keys; others may join.
const tokenDomain = 1

// TokenHashes is what API keys, session tokens and the like are stored and
// found by: HMAC-SHA-256 under every token key, newest first. Store the first;
// look up all, and store the first again when a later one matched. The secrets
// must be random with at least 128 bits: this is no password hash.
func (r *Ring) TokenHashes(secret string) [][32]byte {
	keys := r.current.Load().tokens
	hashes := make([][32]byte, len(keys))
	for i, key := range keys {
		hashes[i] = key.of(tokenDomain, secret)
	}
	return hashes
}

// TokenHash is the first of TokenHashes, for a secret that is being issued.
func (r *Ring) TokenHash(secret string) [32]byte {
	return r.current.Load().tokens[0].of(tokenDomain, secret)
}
