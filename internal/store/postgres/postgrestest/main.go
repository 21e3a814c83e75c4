//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"testing"
)

// Server is a cluster that is started for all tests of a package, or the reason
// why there is none.
type Server struct {
	*Cluster
	missing error
	count   atomic.Int64
}

// Main is for a TestMain: it starts a server, gives it to use, runs the tests
// and stops it. The result is what to exit with.
func Main(m *testing.M, o Options, use func(*Server)) int {
	cluster, err := Start(context.Background(), o)
	if errors.Is(err, ErrMissing) && os.Getenv("CI") != "true" {
		use(&Server{missing: err})
		return m.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	use(&Server{Cluster: cluster})
	code := m.Run()
	if err := cluster.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// Database makes a database that goes with the test, and gives its name.
// Options are such as "TEMPLATE x". Without a server the test is skipped.
func (s *Server) Database(t testing.TB, options string) string {
	t.Helper()
	if s.missing != nil {
		t.Skipf("%s: %v", t.Name(), s.missing)
	}
	name := fmt.Sprintf("test_%d_%d", os.Getpid(), s.count.Add(1))
	if err := s.Create(context.Background(), name, options); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Drop(context.Background(), name); err != nil {
			t.Error(err)
		}
	})
	return name
}
