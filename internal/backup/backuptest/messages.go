package backuptest

import (
	"context"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/outbox"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// messages puts a template, a signature with its picture, a schedule that waits
// with Zhang as its recipient, and Li, who opted out.
func (w *World) messages(ctx context.Context, q store.SQL) error {
	now, later := store.At(w.Now), store.At(w.Now.Add(48*time.Hour))
	zhang, err := account.RealNumber(w.Ring, Tenant, core.PhoneFromE164(Zhang))
	if err != nil {
		return err
	}
	li, err := account.RealNumber(w.Ring, Tenant, core.PhoneFromE164(Li))
	if err != nil {
		return err
	}
	body, err := w.Ring.Seal(outbox.BodyField, outbox.AppendContent(nil, "【Yanma】您好，张三", map[string]string{"name": "张三"}))
	if err != nil {
		return err
	}
	schedule := w.ids.Next()
	for _, put := range []func() error{
		func() error {
			return records.InsertTemplate(ctx, q, records.Template{ID: 2, App: App, Ref: "1250", Name: "2", Kind: 2, State: 1, Text: "您好，{{name}}",
				Version: 1, Created: now, Updated: now})
		},
		func() error {
			return records.InsertSignature(ctx, q, records.Signature{ID: 1, App: App, Ref: "1", Text: "Yanma", Kind: 1, State: 1, Default: true,
				Version: 1, Created: now, Updated: now})
		},
		func() error { return records.PutSignatureImage(ctx, q, 1, "image/png", []byte("\x89PNG")) },
		func() error {
			return records.InsertSchedule(ctx, q, records.Schedule{ID: schedule, Tenant: Tenant, App: App, Ref: "1a886e7c-a267-49e6-9970-0d396ca5bb1e", Template: 2,
				Name: "2", Kind: 2, Signature: "Yanma", SendAt: later, Recipients: 1, Due: later, Version: 1, Created: now, Updated: now})
		},
		func() error {
			return records.InsertRecipient(ctx, q, records.Recipient{ID: core.MessageID(w.ids.NextShort()), Schedule: schedule, Segments: 1, Phone: zhang.Sealed, Body: body})
		},
		func() error {
			return records.InsertOptOut(ctx, q, records.OptOut{ID: w.ids.Next(), Tenant: Tenant, App: App, Signature: "Yanma", Index: li.Index, Phone: li.Sealed, At: now})
		},
	} {
		if err := put(); err != nil {
			return err
		}
	}
	return nil
}
