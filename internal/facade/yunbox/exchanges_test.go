package yunbox_test

import (
	"testing"

	"yanma.dev/yanma/internal/facade/facadetest"
)

// TestReq43_YunboxExchanges runs every exchange of testdata, typed from
// contracts/yunbox.md and contracts/README.md §3.
func TestReq43_YunboxExchanges(t *testing.T) {
	facadetest.Run(t, facadetest.Yunbox("testdata/*.txtar", func(t *testing.T) facadetest.Env { return start(t) }))
}
