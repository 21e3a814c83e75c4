package submail_test

import (
	"testing"

	"yanma.dev/yanma/internal/facade/facadetest"
)

// TestReq43_SubmailExchanges runs every exchange of testdata, typed from
// contracts/submail.md and contracts/README.md §3.
func TestReq43_SubmailExchanges(t *testing.T) {
	facadetest.Run(t, facadetest.Submail("testdata/*.txtar", func(t *testing.T) facadetest.Env { return start(t) }))
}
