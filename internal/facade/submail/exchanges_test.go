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

// TestReq31_ProofsServeOnce is the row alone: replay, another app, expired, a
// carrier that fails.
func TestReq31_ProofsServeOnce(t *testing.T) {
	facadetest.Run(t, facadetest.Submail("testdata/11-proof.txtar", func(t *testing.T) facadetest.Env { return start(t) }))
}
