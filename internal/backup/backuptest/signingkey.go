package backuptest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"

	"yanma.dev/yanma/internal/oauth"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// signingKey puts a key that signs id tokens; of a kind that is made quickly.
func (w *World) signingKey(ctx context.Context, q store.SQL, now store.Time) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	sealed, err := w.Ring.Seal(oauth.KeyField, der)
	if err != nil {
		return err
	}
	return records.InsertSigningKey(ctx, q, records.SigningKey{App: App, KeyID: "old", Private: sealed, Created: now}, 0)
}
