package app

import (
	"os"
	"testing"

	"yanma.dev/yanma/internal/facade/facadetest"
	"yanma.dev/yanma/internal/store/postgres/postgrestest"
)

// server is the PostgreSQL server of this package's tests.
var server *postgrestest.Server

func TestMain(m *testing.M) {
	if at := os.Getenv(killedEnv); at != "" {
		os.Exit(serveUntilKilled(at))
	}
	os.Exit(postgrestest.Main(m, postgrestest.Options{}, func(s *postgrestest.Server) { server = s }))
}

// TestReq42_YunboxOnPostgres runs the exchanges of the yunbox dialect against
// the server as it is wired, on PostgreSQL.
func TestReq42_YunboxOnPostgres(t *testing.T) {
	files := "../facade/yunbox/testdata/*.txtar"
	if testing.Short() {
		files = "../facade/yunbox/testdata/0[14]-*.txtar" // the race detector needs no more of them
	}
	facadetest.Run(t, facadetest.Yunbox(files, func(t *testing.T) facadetest.Env {
		return startWholeOn(t, server.URL(server.Database(t, "")))
	}))
}
