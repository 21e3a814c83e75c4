package callback

import "yanma.dev/yanma/internal/store"

// What an app is told, for dialects, which see no store.
const (
	Receipt   = store.EventReceipt
	Reply     = store.EventReply
	Template  = store.EventTemplate
	Signature = store.EventSignature
)
