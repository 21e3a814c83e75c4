package billing

import (
	"fmt"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
)

// Name says whose account an id is, such as "app 2 general held".
func Name(id store.AccountID) string {
	owner, pool, kind := Split(id)
	who := fmt.Sprintf("app %d", owner)
	if owner>>32 == 1 {
		who = fmt.Sprintf("tenant %d", owner&(1<<32-1))
	}
	name, known := map[Kind]string{Available: "available", Held: "held", Revenue: "revenue", Funding: "funding"}[kind]
	if !known {
		name = fmt.Sprintf("kind %d", kind)
	}
	return fmt.Sprintf("%s %s %s", who, pool, name)
}

// Split is the inverse of Account.
func Split(id store.AccountID) (Owner, core.Pool, Kind) {
	return Owner(id >> 8), core.Pool(id >> 4 & 15), Kind(id & 15)
}
