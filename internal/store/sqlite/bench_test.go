package sqlite

import (
	"testing"

	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/storetest"
)

func openBench(b *testing.B) store.Engine {
	e := openMigrated(b, testOptions(b.TempDir()))
	e.Start()
	return e
}

func BenchmarkFlow(b *testing.B) { storetest.BenchmarkFlow(b, openBench) }
func BenchmarkStep(b *testing.B) { storetest.BenchmarkStep(b, openBench) }
