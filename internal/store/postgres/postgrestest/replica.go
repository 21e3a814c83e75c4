//go:build unix

package postgrestest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// Replica copies the server and starts the copy as its standby, which names
// itself so: synchronous_standby_names of the server decides whether commits
// wait for it.
func (c *Cluster) Replica(ctx context.Context, name string, o Options) (*Cluster, error) {
	primary := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres application_name=%s", c.port, name)
	o.Settings = append([]string{"hot_standby=on", "primary_conninfo=" + primary}, o.Settings...)
	return start(ctx, o, func(r *Cluster, ctx context.Context) error {
		copying := exec.CommandContext(ctx, filepath.Join(r.bin, "pg_basebackup"), "--pgdata", r.data(), "--host", "127.0.0.1",
			"--port", strconv.Itoa(c.port), "--username", "postgres", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
		copying.Dir, copying.SysProcAttr = r.folder, &syscall.SysProcAttr{Credential: r.account}
		if out, err := copying.CombinedOutput(); err != nil {
			return fmt.Errorf("postgrestest: pg_basebackup: %w\n%s", err, out)
		}
		return os.WriteFile(filepath.Join(r.data(), "standby.signal"), nil, 0o644)
	})
}

// Processes are the server and its children now.
func (c *Cluster) Processes() ([]int, error) {
	children, err := childrenOf(c.process.pid())
	return append(children, c.process.pid()), err
}
