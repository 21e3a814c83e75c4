package records

import (
	"context"
	"strconv"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Signature is a row of the table signature. Kind and State are those of
// package message.
type Signature struct {
	ID      int64
	App     core.AppID
	Ref     string // the id as its app says it
	Text    string // without 【】
	Kind    uint8
	State   uint8
	Default bool
	Remark  string
	Reason  string
	Version int64
	Created store.Time
	Updated store.Time
	Deleted store.Time // 0: it is there
}

// NextSignatureID is the id that InsertSignature can use now; see
// NextTemplateID.
func NextSignatureID(ctx context.Context, q store.SQL, app core.AppID) (int64, error) {
	return nextFreeID(ctx, q, "signature", app)
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// InsertSignature inserts a signature. store.ErrUnique: the id, or the ref
// within the app, is taken.
func InsertSignature(ctx context.Context, q store.SQL, s Signature) error {
	_, err := q.Exec(ctx, `INSERT INTO signature (id, app, ref, text, kind, state, is_default, remark, reason, version, created, updated, deleted)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		s.ID, int64(s.App), s.Ref, s.Text, int64(s.Kind), int64(s.State), s.Default, s.Remark, s.Reason, s.Version,
		int64(s.Created), int64(s.Updated), int64(s.Deleted))
	return err
}

// UpdateSignature writes a signature that was read with the same version; false
// when it was changed meanwhile, or does not exist. Its id, app and ref stay.
func UpdateSignature(ctx context.Context, q store.SQL, s Signature) (bool, error) {
	n, err := q.Exec(ctx, `UPDATE signature SET text = $1, kind = $2, state = $3, is_default = $4, remark = $5, reason = $6,
		version = version + 1, updated = $7, deleted = $8 WHERE id = $9 AND version = $10`,
		s.Text, int64(s.Kind), int64(s.State), s.Default, s.Remark, s.Reason, int64(s.Updated), int64(s.Deleted), s.ID, s.Version)
	return n == 1, err
}

// Signatures lists the signatures that are not deleted, by id.
func Signatures(ctx context.Context, q store.SQL) ([]Signature, error) {
	return readSignatures(ctx, q, ` WHERE deleted = 0 ORDER BY id`)
}

// SignaturesOf lists an app's signatures that are not deleted, by id.
func SignaturesOf(ctx context.Context, q store.SQL, app core.AppID) ([]Signature, error) {
	return readSignatures(ctx, q, ` WHERE deleted = 0 AND app = $1 ORDER BY id`, int64(app))
}

// SignatureByRef reads an app's signature, a deleted one too; false when there
// is none.
func SignatureByRef(ctx context.Context, q store.SQL, app core.AppID, ref string) (Signature, bool, error) {
	return first(readSignatures(ctx, q, ` WHERE app = $1 AND ref = $2`, int64(app), ref))
}

func readSignatures(ctx context.Context, q store.SQL, where string, args ...any) ([]Signature, error) {
	var all []Signature
	err := q.Query(ctx, `SELECT id, app, ref, text, kind, state, is_default, remark, reason, version, created, updated, deleted FROM signature`+where,
		func(r store.Scanner) error {
			var app, kind, state, created, updated, deleted int64
			var s Signature
			if err := r.Scan(&s.ID, &app, &s.Ref, &s.Text, &kind, &state, &s.Default, &s.Remark, &s.Reason, &s.Version,
				&created, &updated, &deleted); err != nil {
				return err
			}
			s.App, s.Kind, s.State = core.AppID(app), uint8(kind), uint8(state)
			s.Created, s.Updated, s.Deleted = store.Time(created), store.Time(updated), store.Time(deleted)
			all = append(all, s)
			return nil
		}, args...)
	return all, err
}

// PutSignatureImage stores the picture that shows whose a signature is, in
// place of an earlier one.
func PutSignatureImage(ctx context.Context, q store.SQL, signature int64, media string, data []byte) error {
	if _, err := q.Exec(ctx, `DELETE FROM signature_image WHERE signature = $1`, signature); err != nil {
		return err
	}
	_, err := q.Exec(ctx, `INSERT INTO signature_image (signature, media, data) VALUES ($1, $2, $3)`, signature, media, data)
	return err
}

// SignatureImage reads a signature's picture; false when there is none.
func SignatureImage(ctx context.Context, q store.SQL, signature int64) (media string, data []byte, found bool, err error) {
	err = q.Query(ctx, `SELECT media, data FROM signature_image WHERE signature = $1`, func(r store.Scanner) error {
		found = true
		return r.Scan(&media, &data)
	}, signature)
	return media, data, found, err
}
