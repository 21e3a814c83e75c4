package postgres

import (
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

const (
	verificationLife    = "id bigint, state bigint, wrong bigint, claim bigint, claim_until bigint, held bigint, tenant_pays boolean"
	verificationColumns = verificationLife + ", tenant bigint, app bigint, purpose bigint, channel bigint, idx_a bytea, idx_b bytea, " +
		"expires bigint, code_key bigint, code_salt bytea, code_mac bytea, message bigint"
)

func newVerifications(c *catalogue) rowKind {
	t := &table{catalogue: c, name: "verification", columns: columnsOf(verificationColumns), keys: 1}
	live := t.bySides("f.app = n.app AND f.purpose = n.purpose", " AND f.state IN (0, 1)", columnsOf("app bigint, purpose bigint, idx bytea")...)
	return &kind[core.VerificationID, store.Verification]{
		set: func(b *store.Batch) *store.Set[core.VerificationID, store.Verification] { return &b.Verifications },
		find: func(q *request, b *store.Batch) {
			findAll(q, live, b.Live.Wanted(), func(p *arrays, k *store.LiveKey) {
				p.int(int64(k.App))
				p.int(int64(k.Purpose))
				p.side(&k.Index)
			}, func(f *fields) { b.LoadedVerification(scanVerification(f)) })
		},
		finds:  func(b *store.Batch) bool { return len(b.Live.Wanted()) > 0 },
		putKey: putID[core.VerificationID],
		putRow: func(p *arrays, v *store.Verification) {
			putVerificationLife(p, v)
			p.int(int64(v.Tenant))
			p.int(int64(v.App))
			p.int(int64(v.Purpose))
			p.int(int64(v.Channel))
			p.side(&v.Index.A)
			p.side(&v.Index.B)
			p.time(v.Expires)
			p.int(int64(v.CodeKey))
			p.bytes(v.CodeSalt[:])
			p.bytes(v.CodeMAC[:])
			p.int(int64(v.Message))
		},
		loaded:  func(b *store.Batch, f *fields) { b.LoadedVerification(scanVerification(f)) },
		byKey:   t.byKey(),
		insert:  t.insert(""),
		remove:  t.remove(),
		update:  t.update(columnsOf(verificationLife)),
		putLife: putVerificationLife,
		keeps:   keepsVerification,
		keyOf:   func(v *store.Verification) core.VerificationID { return v.ID },
		rewrite: t.update(t.columns),
	}
}

func putVerificationLife(p *arrays, v *store.Verification) {
	p.int(int64(v.ID))
	p.int(int64(v.State))
	p.int(int64(v.Wrong))
	p.int(v.Claim)
	p.time(v.ClaimUntil)
	p.int(int64(v.Held))
	p.bool(v.TenantPays)
}

// keepsVerification tells whether nothing changed but what a code's life
// changes.
func keepsVerification(was, is *store.Verification) bool {
	rest := *was
	rest.State, rest.Wrong, rest.Claim, rest.ClaimUntil = is.State, is.Wrong, is.Claim, is.ClaimUntil
	rest.Held, rest.TenantPays = is.Held, is.TenantPays
	rest.Index.ByB = is.Index.ByB
	return rest == *is
}

func scanVerification(f *fields) (v store.Verification) {
	v.ID = core.VerificationID(f.int())
	v.State = store.VerificationState(f.int())
	v.Wrong = uint8(f.int())
	v.Claim = f.int()
	v.ClaimUntil = f.time()
	v.Held = core.Credits(f.int())
	v.TenantPays = f.bool()
	v.Tenant = core.TenantID(f.int())
	v.App = core.AppID(f.int())
	v.Purpose = core.Purpose(f.int())
	v.Channel = core.Channel(f.int())
	v.Index = f.index()
	v.Expires = f.time()
	v.CodeKey = uint16(f.int())
	f.into(v.CodeSalt[:])
	f.into(v.CodeMAC[:])
	v.Message = core.MessageID(f.int())
	return v
}
