package backuptest

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/billing"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/numberverify"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/reply"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// The tenant, its two apps (the second is paid for by the tenant), and the
// numbers of the users.
const (
	Tenant  core.TenantID = 1
	App     core.AppID    = 1
	PaidApp core.AppID    = 2

	Zhang = "+8613800138000"
	Li    = "+8613900139000"
	Code  = "042917" // of every live code
)

// World is what Fill made.
type World struct {
	Ring *keyring.Ring
	Now  time.Time

	User, Imported core.UserID   // Zhang and Li; Li's id was issued elsewhere
	Device         core.DeviceID // Zhang's, active
	PendingDevice  core.DeviceID // Li's, not agreed to yet

	Queued, Leased, Unknown, Submitted, Undelivered, Delivered, Expired core.MessageID
	Live                                                                []core.VerificationID // pending, pending, claimed

	ids *core.IDs
}

// Fill puts rows into every table of an engine whose schema is new. Credits:
// app 1 was topped up 100; 2 are held (a queued and a leased message), 3 spent,
// 95 left. The tenant was topped up 50; 1 (an unknown message) and 2 (a login)
// are held, 47 left.
func Fill(ctx context.Context, e store.Engine, ring *keyring.Ring, now time.Time) (*World, error) {
	clock := func() time.Time { return now }
	w := &World{Ring: ring, Now: now, ids: core.NewIDs(clock, 1)}
	w.User, w.Imported = core.UserID(w.ids.Next()), core.UserID(w.ids.Next())
	w.Device, w.PendingDevice = core.DeviceID(w.ids.Next()), core.DeviceID(w.ids.Next())
	batcher := store.NewBatcher(e, clock, slog.New(slog.DiscardHandler), store.Options{})
	batcher.Start()
	defer batcher.Stop()
	if err := batcher.Do(ctx, &fill{w}); err != nil {
		return nil, err
	}
	return w, e.Update(ctx, func(q store.SQL) error { return w.records(ctx, q) })
}

// fill is the command that makes the rows of batches.
type fill struct{ w *World }

// Want names the accounts.
func (c *fill) Want(b *store.Batch) {
	for _, p := range []billing.Payer{c.w.payer(App), c.w.payer(PaidApp)} {
		billing.Want(b, p)
		billing.WantTopUp(b, p)
	}
}

// payer of app 1 is the app itself, of app 2 its tenant.
func (w *World) payer(app core.AppID) billing.Payer {
	return billing.PayerOf(Tenant, app, app == PaidApp, core.PoolGeneral)
}

// Decide puts the rows.
func (c *fill) Decide(b *store.Batch) error {
	w, now := c.w, b.Now
	if err := c.users(b); err != nil {
		return err
	}
	for app, amount := range map[core.AppID]core.Credits{App: 100, PaidApp: 50} {
		top := &billing.TopUp{IDs: w.ids, Payer: w.payer(app), Amount: amount}
		if err := top.Decide(b); err != nil {
			return err
		}
	}
	later := now.Add(time.Minute)
	for _, m := range []struct {
		id    *core.MessageID
		app   core.AppID
		phone string
		state store.MessageState
		money store.Money
		due   store.Time
		code  store.VerificationState
	}{
		{&w.Queued, App, Zhang, store.MessageQueued, store.MoneyReserved, later, store.VerificationPending},
		{&w.Leased, App, Li, store.MessageLeased, store.MoneyReserved, later, store.VerificationPending},
		{&w.Unknown, PaidApp, Zhang, store.MessageUnknown, store.MoneyReserved, later, store.VerificationClaimed},
		{&w.Submitted, App, Zhang, store.MessageSubmitted, store.MoneySettled, later, store.VerificationSuperseded},
		{&w.Undelivered, App, Zhang, store.MessageUndelivered, store.MoneySettled, later, store.VerificationExpired},
		{&w.Delivered, App, Zhang, store.MessageDelivered, store.MoneySettled, 0, store.VerificationVerified},
		{&w.Expired, App, Zhang, store.MessageExpired, store.MoneyRefunded, 0, store.VerificationExhausted},
	} {
		id, err := c.message(b, m.app, m.phone, m.state, m.money, m.due, m.code)
		if err != nil {
			return err
		}
		*m.id = id
	}
	for id, part := range map[core.MessageID]string{w.Submitted: "part-1", w.Undelivered: "part-2"} {
		k := store.ReceiptKey{Provider: "main", PartID: part}
		b.Receipts.Put(k, store.ReceiptRef{Key: k, Message: id, Attempt: 1, Failed: id == w.Undelivered})
	}
	orphan := store.ReceiptKey{Provider: "main", PartID: "part-3\xff"} // carriers send any bytes
	b.Orphans.Put(orphan, store.Orphan{Key: orphan, State: 2, Code: "DELIVRD", Status: 4001, At: now})
	event := core.EventID(w.ids.Next())
	b.Events.Put(event, store.Event{ID: event, App: App, Kind: store.EventReceipt, Ref: int64(w.Delivered), Status: 4001, At: now})
	spent := store.NewSpendKey(20514, App, "CN")
	b.Spends.Put(spent, store.Spend{Key: spent, Amount: 3})
	b.AppendJournal([]byte("events of the limiter"))
	return c.numberCheck(b)
}

// numberCheck puts a question to a carrier that was answered: it cost nothing.
func (c *fill) numberCheck(b *store.Batch) error {
	n, err := account.RealNumber(c.w.Ring, Tenant, core.PhoneFromE164(Zhang))
	if err != nil {
		return err
	}
	hash, err := c.w.Ring.Seal(numberverify.HashField, make([]byte, 32))
	if err != nil {
		return err
	}
	id := core.NumberCheckID(c.w.ids.Next())
	b.NumberChecks.Put(id, store.NumberCheck{ID: id, Tenant: Tenant, App: App, Kind: 1, Carrier: 1, State: store.NumberCheckMatch, Index: n.Index,
		Phone: n.Sealed, Hash: hash, Gateway: "mobile", Code: "000", Reference: "f11585580266414fbde9f755451fb7a7", Counted: true, Latency: 120, Updated: b.Now})
	used, waits := store.ProofKey(c.w.Ring.TokenHash("a proof")), store.ProofKey(c.w.Ring.TokenHash("another proof"))
	b.Proofs.Put(used, store.NumberProof{Key: used, App: App, Carrier: 1, Check: id, Until: b.Now.Add(25 * time.Hour)})
	pass := store.PassKey(c.w.Ring.TokenHash("a captcha token"))
	b.Passes.Put(pass, store.CaptchaPass{Key: pass, Pass: c.w.Ring.TokenHash("a pass"), Parts: 7, Expires: b.Now.Add(3 * time.Minute), Until: b.Now.Add(4 * time.Minute)})
	b.Proofs.Put(waits, store.NumberProof{Key: waits, App: App, Carrier: 3, Expires: b.Now.Add(10 * time.Minute), Until: b.Now.Add(25 * time.Hour)})
	return nil
}

// users puts Zhang, who has wrong tries and a known device, and Li.
func (c *fill) users(b *store.Batch) error {
	w, now := c.w, b.Now
	for id, phone := range map[core.UserID]string{w.User: Zhang, w.Imported: Li} {
		n, err := account.RealNumber(w.Ring, Tenant, core.PhoneFromE164(phone))
		if err != nil {
			return err
		}
		u := store.User{ID: id, Tenant: Tenant, Index: n.Index, Phone: n.Sealed, Network: 2, LastLogin: now}
		if id == w.Imported {
			u.Network = 3
			k := store.AliasKey{App: App, User: id}
			b.Aliases.Put(k, store.Alias{App: App, User: id, Text: "old-id-of-li"})
		} else {
			failure := core.FailureID(w.ids.Next())
			b.PutFailure(store.Failure{ID: failure, Tenant: Tenant, App: App, Purpose: core.PurposeLogin, Index: n.Index, Phone: n.Sealed,
				Recent: 2, Consecutive: 20, Total: 21, LastWrong: now, LockedUntil: now.Add(24 * time.Hour)})
			k := store.KnownKey{App: App, User: id, Scope: 1<<63 + 5}
			b.Known.Put(k, store.Known{Key: k, LastLogin: now})
			if err := c.session(b, id); err != nil {
				return err
			}
		}
		b.PutUser(u)
	}
	return nil
}

// session logs a user in, who told a name.
func (c *fill) session(b *store.Batch, user core.UserID) error {
	family := core.LoginID(c.w.ids.Next())
	b.Logins.Put(family, store.LoginEvent{ID: family, Tenant: Tenant, App: App, User: user, Kind: store.LoginDone, Purpose: core.PurposeLogin, Family: family, Device: 1<<63 + 5})
	b.PutSession(store.Session{Key: account.SessionKeyOf("a session token"), Kind: store.SessionOpen, Family: family, Tenant: Tenant, App: App, User: user,
		Device: 1<<63 + 5, AuthTime: b.Now, Expires: b.Now.Add(7 * 24 * time.Hour)})
	body, err := account.SealProfile(c.w.Ring, account.Profile{Name: "张三"})
	b.Profiles.Put(user, store.Profile{User: user, Tenant: Tenant, Body: body, Updated: b.Now})
	return err
}

// message puts a message of price 1 and its code.
func (c *fill) message(b *store.Batch, app core.AppID, phone string, state store.MessageState, money store.Money, due store.Time, code store.VerificationState) (core.MessageID, error) {
	w := c.w
	id, payer := core.MessageID(w.ids.Next()), w.payer(app)
	n, err := account.RealNumber(w.Ring, Tenant, core.PhoneFromE164(phone))
	if err != nil {
		return 0, err
	}
	m := store.Message{ID: id, Tenant: Tenant, App: app, Verification: core.VerificationID(w.ids.Next()), Channel: core.ChannelSMS, State: state, Money: money,
		TenantPays: app == PaidApp, Price: 1, Segments: 1, Attempts: 1, Node: 1, Phone: n.Sealed, Template: "", ValidUntil: b.Now.Add(5 * time.Minute),
		Due: due, Updated: b.Now}
	if due != 0 {
		if m.Body, err = w.Ring.Seal(outbox.BodyField, []byte("【Yanma】"+Code)); err != nil {
			return 0, err
		}
	}
	if err := billing.Reserve(b, w.ids, payer, m.Price, int64(id)); err != nil {
		return 0, err
	}
	if money == store.MoneySettled {
		billing.Settle(b, w.ids, payer, m.Price, int64(id))
		m.Provider, m.Parts = "main", 1
	}
	if money == store.MoneyRefunded {
		billing.Refund(b, w.ids, payer, m.Price, int64(id))
	}
	b.Messages.Put(id, m)
	return id, c.code(b, m, n, phone, code)
}

// code puts the code of a message. One that is claimed holds the login's price.
func (c *fill) code(b *store.Batch, m store.Message, n account.Number, phone string, state store.VerificationState) error {
	w := c.w
	tag, err := w.Ring.SignCode(keyring.CodeContext{Verification: m.Verification, App: m.App, Purpose: core.PurposeLogin, Phone: core.PhoneFromE164(phone)},
		core.CodeFromDigits(Code))
	if err != nil {
		return err
	}
	v := store.Verification{ID: m.Verification, Tenant: m.Tenant, App: m.App, Purpose: core.PurposeLogin, Channel: m.Channel, State: state,
		Index: n.Index, Expires: m.ValidUntil, CodeKey: tag.Key, CodeSalt: tag.Salt, CodeMAC: tag.MAC, Message: m.ID}
	if state.Live() {
		w.Live = append(w.Live, v.ID)
	}
	if state == store.VerificationClaimed {
		v.Claim, v.ClaimUntil, v.Held, v.TenantPays = w.ids.Next(), b.Now.Add(30*time.Second), 2, m.TenantPays
		if err := billing.Reserve(b, w.ids, w.payer(m.App), v.Held, int64(v.ID)); err != nil {
			return err
		}
	}
	b.PutVerification(v)
	return nil
}

// reply puts a text that Zhang sent.
func (w *World) reply(ctx context.Context, q store.SQL) error {
	n, err := account.RealNumber(w.Ring, Tenant, core.PhoneFromE164(Zhang))
	if err != nil {
		return err
	}
	text, err := w.Ring.Seal(reply.TextField, []byte("TD"))
	if err != nil {
		return err
	}
	_, err = records.InsertReply(ctx, q, &records.Reply{ID: core.ReplyID(w.ids.Next()), App: App, Message: w.Delivered, Provider: "main", CarrierID: []byte("mo-1\xff"),
		Recipient: "1069", Index: n.Index, Phone: n.Sealed, Text: text, OptOut: true, At: store.At(w.Now)})
	return err
}

// records puts the rows of rarely written tables.
func (w *World) records(ctx context.Context, q store.SQL) error {
	now := store.At(w.Now)
	tests, err := w.Ring.Seal("app.test_numbers", []byte(`[{"literal":"12345678910","code":"4433"}]`))
	if err != nil {
		return err
	}
	secrets, err := w.Ring.Seal("app.secrets", []byte(`[{"id":1,"dialect":"submail","name":"10001","key":"a1b2c3d4e5f60718293a4b5c6d7e8f90","created":0}]`))
	if err != nil {
		return err
	}
	private, err := w.Ring.Seal(fmt.Sprintf("tunnel_peer.private_key %d", w.Device), make([]byte, 32))
	if err != nil {
		return err
	}
	preshared, err := w.Ring.Seal(fmt.Sprintf("tunnel_peer.preshared_key %d", w.Device), make([]byte, 32))
	if err != nil {
		return err
	}
	for _, put := range []func() error{
		func() error {
			return records.InsertTenant(ctx, q, records.Tenant{ID: Tenant, Name: "first", Created: now, PublicID: "08f770f51f80d2f40f38c00cb199fd21", Hosts: "id.example.com"})
		},
		func() error {
			return records.InsertApp(ctx, q, records.App{ID: App, Tenant: Tenant, Name: "one", Imported: true, Settings: "{}", TestNumbers: tests, Secrets: secrets, Version: 1, Created: now, Updated: now})
		},
		func() error {
			return records.InsertApp(ctx, q, records.App{ID: PaidApp, Tenant: Tenant, Name: "two", Settings: "{}", Version: 1, Created: now, Updated: now})
		},
		func() error {
			return records.InsertCredential(ctx, q, records.Credential{ID: 1, App: App, Dialect: "yunbox", Hash: w.Ring.TokenHash("a key"), Created: now})
		},
		func() error {
			return records.InsertTunnelPool(ctx, q, records.TunnelPool{IPv4: "10.0.0.0", IPv4Bits: 28, IPv6: "fd00::", TestNetworks: 1})
		},
		func() error { return records.InsertNetwork(ctx, q, 2, w.User, 0) },
		func() error { return records.InsertNetwork(ctx, q, 3, w.Imported, now.Add(time.Minute)) },
		func() error {
			return records.InsertDevice(ctx, q, records.Device{ID: w.Device, Tenant: Tenant, App: App, User: w.User, Created: now, Imported: "old-device"})
		},
		func() error {
			return records.InsertPeer(ctx, q, records.Peer{Device: w.Device, Network: 2, Host: 2, PublicKey: make([]byte, 32), PrivateKey: private, PresharedKey: preshared})
		},
		func() error {
			return records.InsertDevice(ctx, q, records.Device{ID: w.PendingDevice, Tenant: Tenant, App: App, User: w.Imported, Created: now, LeaseUntil: now.Add(time.Minute)})
		},
		func() error {
			return records.InsertAudit(ctx, q, records.Audit{At: now, Actor: "somebody", Action: "app.create", Object: "app 1"})
		},
		func() error {
			_, err := q.Exec(ctx, `INSERT INTO idempotency (key_hash, body_hash, ref, status, answer, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
				make([]byte, 32), make([]byte, 32), int64(5), int64(200), []byte(`{}`), int64(now.Add(time.Hour)))
			return err
		},
		func() error {
			_, err := q.Exec(ctx, `INSERT INTO once (key, value, expires) VALUES ($1, $2, $3)`, []byte("pass"), []byte("of a captcha"), int64(now.Add(time.Hour)))
			return err
		},
		func() error {
			return records.InsertFraudDelta(ctx, q, records.FraudDelta{ID: core.IDAt(now.Time()), Node: 1, At: now, Data: []byte{1}})
		},
		func() error {
			return records.PutFraudPart(ctx, q, records.FraudPart{Part: 3, At: now, Data: []byte{1}})
		},
		func() error {
			return records.InsertGuardDecision(ctx, q, records.GuardDecision{ID: w.ids.Next(), Minute: now, Tenant: Tenant, App: App, Outcome: "block", Rule: "unverified",
				Subject: "prefix +8613800 of tenant 1", Why: "unverified: 31.0 of 20.0", Count: 5})
		},
		func() error { return w.signingKey(ctx, q, now) },
		func() error { return w.reply(ctx, q) },
		func() error { return w.messages(ctx, q) },
		func() error { return records.PutSetting(ctx, q, records.SettingInstallation, w.Ring.InstallationID()) },
		func() error { return records.PutSetting(ctx, q, records.SettingGeneration, "1") },
		func() error { return records.BumpRevision(ctx, q) },
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}
