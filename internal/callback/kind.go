package callback

import "yanma.dev/yanma/internal/store"

// What an app is told, for dialects, which see no store.
const (
	Receipt   Kind = store.EventReceipt
	Reply     Kind = store.EventReply
	Template  Kind = store.EventTemplate
	Signature Kind = store.EventSignature
)
