package postgres

import (
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

func openBench(b *testing.B) store.Engine {
	return openMigrated(b, empty(b))
}

func BenchmarkFlow(b *testing.B) { storetest.BenchmarkFlow(b, openBench) }
func BenchmarkStep(b *testing.B) { storetest.BenchmarkStep(b, openBench) }
