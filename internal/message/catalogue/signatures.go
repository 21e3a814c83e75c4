package catalogue

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
	"yanma.dev/yanma/internal/tenant"
)

// NewSignature is what somebody wants to have approved.
type NewSignature struct {
	App    core.AppID
	Ref    string // an id that was issued elsewhere, kept verbatim; "" issues one
	Text   string // without 【】
	Kind   uint8  // 1 to 7
	Remark string
	Image  []byte // a picture that shows whose it is; nil: none

	Alone bool // refuse with KindWrongState while another one of the app is in audit (contracts/jsms.md §12, 50103)
}

// AddSignature stores a signature and asks for its audit. The first one that is
// approved becomes the app's default. Errors: those of Signature.Check and
// message.ImageMedia; KindNotFound for the app; KindWrongState; KindConflict
// when the app has the Ref already.
func (a *Admin) AddSignature(ctx context.Context, by tenant.By, n NewSignature) (message.Signature, error) {
	if _, err := a.app(n.App); err != nil {
		return message.Signature{}, err
	}
	row := records.Signature{App: n.App, Text: n.Text, Kind: n.Kind, Remark: n.Remark, State: uint8(a.begins())}
	media, err := checkSignature(&row, n.Image)
	if err != nil {
		return message.Signature{}, err
	}
	err = a.o.Apps.Change(ctx, func(q store.SQL) (err error) {
		others, err := records.SignaturesOf(ctx, q, n.App)
		if err != nil {
			return err
		}
		if n.Alone && anyPending(others, 0) {
			return core.Field(core.KindWrongState, "signature")
		}
		if row.ID, err = records.NextSignatureID(ctx, q, n.App); err != nil {
			return err
		}
		if row.Ref, err = refOf(row.ID, n.Ref); err != nil {
			return err
		}
		if _, taken, err := records.SignatureByRef(ctx, q, n.App, row.Ref); err != nil || taken {
			return conflictOr(err, "the app has a signature of this id")
		}
		row.Default = message.Audit(row.State) == message.Approved && !anyDefault(others)
		row.Version, row.Created = 1, store.At(a.o.Now())
		row.Updated = row.Created
		if err := records.InsertSignature(ctx, q, row); err != nil {
			return err
		}
		if n.Image != nil {
			if err := records.PutSignatureImage(ctx, q, row.ID, media, n.Image); err != nil {
				return err
			}
		}
		if err := a.tell(ctx, q, row.App, store.EventSignature, row.ID, message.Audit(row.State), ""); err != nil {
			return err
		}
		return a.o.Apps.Record(ctx, q, by, "sign.add", signatureObject(&row), nil, ViewSignature(signatureOf(&row)))
	})
	return *signatureOf(&row), err
}

func checkSignature(row *records.Signature, image []byte) (media string, err error) {
	if err := signatureOf(row).Check(); err != nil {
		return "", err
	}
	if image == nil {
		return "", nil
	}
	return message.ImageMedia(image)
}

func anyPending(all []records.Signature, but int64) bool {
	for i := range all {
		if message.Audit(all[i].State) == message.Pending && all[i].ID != but {
			return true
		}
	}
	return false
}

func anyDefault(all []records.Signature) bool {
	for i := range all {
		if all[i].Default {
			return true
		}
	}
	return false
}

// SignatureChange changes a signature; what is nil stays as it is.
type SignatureChange struct {
	Text   *string
	Kind   *uint8
	Remark *string
	Image  []byte

	Rejected bool // refuse with KindWrongState unless it was rejected and no other is in audit (contracts/jsms.md §12, 50103)
}

// EditSignature changes a signature, which asks for its audit anew. Errors as
// AddSignature; KindNotFound with Field signature.
func (a *Admin) EditSignature(ctx context.Context, by tenant.By, app core.AppID, ref string, c SignatureChange) (message.Signature, error) {
	return a.changeSignature(ctx, by, "sign.edit", app, ref, func(ctx context.Context, q store.SQL, row *records.Signature, others []records.Signature) error {
		if c.Rejected && (message.Audit(row.State) != message.Rejected || anyPending(others, row.ID)) {
			return core.Field(core.KindWrongState, "signature")
		}
		set(&row.Text, c.Text)
		set(&row.Kind, c.Kind)
		set(&row.Remark, c.Remark)
		row.State, row.Reason = uint8(a.begins()), ""
		media, err := checkSignature(row, c.Image)
		if err != nil || c.Image == nil {
			return err
		}
		return records.PutSignatureImage(ctx, q, row.ID, media, c.Image)
	})
}

// JudgeSignature is an operator's verdict; the app is told. The first approved
// one becomes the app's default.
func (a *Admin) JudgeSignature(ctx context.Context, by tenant.By, app core.AppID, ref string, v Verdict) (message.Signature, error) {
	if err := v.check(); err != nil {
		return message.Signature{}, err
	}
	action := "sign.reject"
	if v.Approve {
		action = "sign.approve"
	}
	return a.changeSignature(ctx, by, action, app, ref, func(ctx context.Context, q store.SQL, row *records.Signature, others []records.Signature) error {
		row.State, row.Reason = uint8(v.state()), v.Reason
		row.Default = row.Default || v.Approve && !anyDefault(others)
		return a.tell(ctx, q, row.App, store.EventSignature, row.ID, v.state(), v.Reason)
	})
}

// DefaultSignature makes an approved signature the one of messages that name
// none. KindWrongState when it is not approved.
func (a *Admin) DefaultSignature(ctx context.Context, by tenant.By, app core.AppID, ref string) (message.Signature, error) {
	return a.changeSignature(ctx, by, "sign.default", app, ref, func(ctx context.Context, q store.SQL, row *records.Signature, others []records.Signature) error {
		if message.Audit(row.State) != message.Approved {
			return core.Field(core.KindWrongState, "signature")
		}
		for _, other := range others {
			if other.Default && other.ID != row.ID {
				other.Default, other.Updated = false, store.At(a.o.Now())
				if err := changedOr(records.UpdateSignature(ctx, q, other)); err != nil {
					return err
				}
			}
		}
		row.Default = true
		return nil
	})
}

// DeleteSignature makes a signature unknown; its id is never issued again.
// KindWrongState with Field default_signature for the default one
// (contracts/jsms.md §12, 50105).
func (a *Admin) DeleteSignature(ctx context.Context, by tenant.By, app core.AppID, ref string) error {
	_, err := a.changeSignature(ctx, by, "sign.delete", app, ref, func(_ context.Context, _ store.SQL, row *records.Signature, _ []records.Signature) error {
		if row.Default {
			return core.Field(core.KindWrongState, "default_signature")
		}
		row.Deleted = store.At(a.o.Now())
		return nil
	})
	return err
}

// Image reads a signature's picture; KindNotFound when there is none.
func (a *Admin) Image(ctx context.Context, app core.AppID, ref string) (media string, data []byte, err error) {
	err = a.view(ctx, func(q store.SQL) error {
		row, found, err := records.SignatureByRef(ctx, q, app, ref)
		if err != nil || !found {
			return notFoundOr(err)
		}
		media, data, found, err = records.SignatureImage(ctx, q, row.ID)
		if err == nil && !found {
			err = core.E(core.KindNotFound, "it has no picture")
		}
		return err
	})
	return media, data, err
}

func notFoundOr(err error) error {
	if err != nil {
		return err
	}
	return &core.Error{Kind: core.KindNotFound, Field: "signature", Detail: "no such signature"}
}

// changeSignature reads a row and those beside it, lets edit change it, and
// writes it with its audit row.
func (a *Admin) changeSignature(ctx context.Context, by tenant.By, action string, app core.AppID, ref string,
	edit func(context.Context, store.SQL, *records.Signature, []records.Signature) error) (message.Signature, error) {
	var after records.Signature
	err := a.o.Apps.Change(ctx, func(q store.SQL) error {
		row, found, err := records.SignatureByRef(ctx, q, app, ref)
		if err != nil || !found || row.Deleted != 0 {
			return notFoundOr(err)
		}
		others, err := records.SignaturesOf(ctx, q, app)
		if err != nil {
			return err
		}
		before := ViewSignature(signatureOf(&row))
		if err := edit(ctx, q, &row, others); err != nil {
			return err
		}
		row.Updated = store.At(a.o.Now())
		if err := changedOr(records.UpdateSignature(ctx, q, row)); err != nil {
			return err
		}
		after = row
		return a.o.Apps.Record(ctx, q, by, action, signatureObject(&row), before, ViewSignature(signatureOf(&row)))
	})
	return *signatureOf(&after), err
}

func signatureObject(row *records.Signature) string {
	return fmt.Sprintf("app %d sign %s", row.App, row.Ref)
}
