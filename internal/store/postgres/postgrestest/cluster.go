//go:build unix

package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// ErrMissing says that no PostgreSQL is installed.
var ErrMissing = errors.New("postgrestest: no PostgreSQL server programs (Debian: postgresql)")

// Options of Start.
type Options struct {
	Fsync   bool   // commits are on disk; off is fast, for tests that do not crash the machine
	HBA     string // pg_hba.conf; "" lets everybody in from loopback
	Standby bool   // it waits for a primary that there is not, and only reads

	Settings []string // of the server, "name=value"; they go before ours
	Under    string   // the folder that its folder is made in; "" is the system's for temporary files
}

// Cluster is a running server.
type Cluster struct {
	folder  string
	bin     string
	options Options
	account *syscall.Credential // whom the server runs as; nil is ourselves
	port    int
	process *process
	log     *os.File
}

// Start makes a server and waits until it answers.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	return start(ctx, o, (*Cluster).initialize)
}

// start runs a server on what fill puts into its folder.
func start(ctx context.Context, o Options, fill func(*Cluster, context.Context) error) (_ *Cluster, err error) {
	c := &Cluster{options: o}
	if c.bin, err = programs(); err != nil {
		return nil, err
	}
	if c.account, err = unprivileged(); err != nil {
		return nil, err
	}
	if c.folder, err = os.MkdirTemp(o.Under, "yanma-pg-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
		}
	}()
	if c.account != nil {
		if err := os.Chown(c.folder, int(c.account.Uid), int(c.account.Gid)); err != nil {
			return nil, err
		}
	}
	if err := fill(c, ctx); err != nil {
		return nil, err
	}
	if c.log, err = os.Create(filepath.Join(c.folder, "log")); err != nil {
		return nil, err
	}
	if c.port, err = freePort(ctx); err != nil {
		return nil, err
	}
	return c, c.run(ctx)
}

// initialize makes the server's folder.
func (c *Cluster) initialize(ctx context.Context) error {
	initdb := exec.CommandContext(ctx, filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", "postgres",
		"--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync")
	initdb.Dir, initdb.SysProcAttr = c.folder, &syscall.SysProcAttr{Credential: c.account}
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("postgrestest: initdb: %w\n%s", err, out)
	}
	if c.options.HBA != "" {
		if err := os.WriteFile(filepath.Join(c.data(), "pg_hba.conf"), []byte(c.options.HBA), 0o644); err != nil {
			return err
		}
	}
	if !c.options.Standby {
		return nil
	}
	return os.WriteFile(filepath.Join(c.data(), "standby.signal"), nil, 0o644)
}

// run starts the server and waits until it answers.
func (c *Cluster) run(ctx context.Context) (err error) {
	server := exec.Command(filepath.Join(c.bin, "postgres"), c.arguments()...) //nolint:noctx // it outlives the call
	server.Dir, server.Stdout, server.Stderr = c.folder, c.log, c.log
	server.SysProcAttr = &syscall.SysProcAttr{Credential: c.account, Setpgid: true}
	if c.process, err = startProcess(server); err != nil {
		return err
	}
	return c.await(ctx)
}

// Restart stops the server, which ends every connection, and starts it again.
func (c *Cluster) Restart(ctx context.Context) error {
	if err := c.process.stop(); err != nil {
		return err
	}
	return c.run(ctx)
}

// Halt stops the server in order. Resume starts it again.
func (c *Cluster) Halt() error { return c.process.stop() }

// File is the path of the file that holds a table or an index, or its first
// gigabyte.
func (c *Cluster) File(ctx context.Context, database, relation string) (path string, err error) {
	conn, err := pgconn.Connect(ctx, c.URL(database))
	if err != nil {
		return "", err
	}
	answer := conn.ExecParams(ctx, "SELECT pg_relation_filepath($1)", [][]byte{[]byte(relation)}, nil, nil, nil).Read()
	if err = errors.Join(answer.Err, conn.Close(ctx)); err != nil || len(answer.Rows) != 1 {
		return "", fmt.Errorf("postgrestest: where %s lies: %w", relation, err)
	}
	return filepath.Join(c.data(), string(answer.Rows[0][0])), nil
}

// Crash ends the server at once, as `pg_ctl stop -m immediate` does: nothing is
// finished, nobody is told. Resume starts it again.
func (c *Cluster) Crash() error { return c.process.end(syscall.SIGQUIT, syscall.SIGKILL) }

// Resume starts the server after a halt or a crash, on the port that it had;
// after a crash it recovers from its log first.
func (c *Cluster) Resume(ctx context.Context) error { return c.run(ctx) }

func (c *Cluster) data() string { return filepath.Join(c.folder, "data") }

func (c *Cluster) arguments() []string {
	settings := []string{
		"listen_addresses=127.0.0.1", "port=" + strconv.Itoa(c.port), "unix_socket_directories=" + c.folder,
		"shared_buffers=128MB", "max_connections=100", "max_wal_size=1GB", "autovacuum_naptime=10s",
	}
	if !c.options.Fsync {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	settings = append(settings, c.options.Settings...) // the last one of a name counts
	arguments := []string{"-D", c.data()}
	for _, s := range append(settings, c.options.Settings...) {
		arguments = append(arguments, "-c", s)
	}
	return arguments
}

// await polls until the server answers: it says so only in its log.
func (c *Cluster) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		err := c.Exec(ctx, "postgres", "SELECT 1")
		if err == nil {
			return nil
		}
		select {
		case <-c.process.exited:
			log, _ := os.ReadFile(c.log.Name())
			return fmt.Errorf("postgrestest: the server ended: %s", log)
		case <-ctx.Done():
			return fmt.Errorf("postgrestest: the server does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// URL is how a database of the server is reached.
func (c *Cluster) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@%s/%s?sslmode=disable", c.Address(), database)
}

// Address is where the server listens.
func (c *Cluster) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)) }

// Exec runs statements in a database.
func (c *Cluster) Exec(ctx context.Context, database, sql string) error {
	conn, err := pgconn.Connect(ctx, c.URL(database))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, sql).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// Dump is a database as SQL, by pg_dump with further arguments, without lines
// that only psql understands.
func (c *Cluster) Dump(ctx context.Context, database string, args ...string) (string, error) {
	server, err := filepath.EvalSymlinks(filepath.Join(c.bin, "postgres"))
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, filepath.Join(filepath.Dir(server), "pg_dump"), append(args, c.URL(database))...).Output()
	if err != nil {
		return "", fmt.Errorf("postgrestest: pg_dump: %w", err)
	}
	var sql strings.Builder
	for line := range strings.Lines(string(out)) {
		if line != "\n" && !strings.HasPrefix(line, "\\") && !strings.HasPrefix(line, "--") {
			sql.WriteString(line)
		}
	}
	return sql.String(), nil
}

// Create makes a database with options such as "TEMPLATE x".
func (c *Cluster) Create(ctx context.Context, name, options string) error {
	return c.Exec(ctx, "postgres", fmt.Sprintf("CREATE DATABASE %s %s", name, options))
}

// Drop removes a database, whoever is connected to it.
func (c *Cluster) Drop(ctx context.Context, name string) error {
	return c.Exec(ctx, "postgres", fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", name))
}

// Freeze stops the server and its children in their tracks, as a machine does
// that hangs: connections stay, nothing is answered. The answer lets them go on.
func (c *Cluster) Freeze() (thaw func() error, err error) {
	group := -c.process.pid()
	if err := syscall.Kill(group, syscall.SIGSTOP); err != nil {
		return nil, err
	}
	// Children of the server lead groups of their own.
	children, err := childrenOf(c.process.pid())
	if err != nil {
		return nil, errors.Join(err, syscall.Kill(group, syscall.SIGCONT))
	}
	for _, pid := range children {
		err = errors.Join(err, syscall.Kill(pid, syscall.SIGSTOP))
	}
	return func() (err error) {
		for _, pid := range append(children, group) {
			err = errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
		}
		return err
	}, err
}

// Stop ends the server and removes its folder.
func (c *Cluster) Stop() error {
	var err error
	if c.process != nil {
		err = c.process.stop()
	}
	if c.log != nil {
		err = errors.Join(err, c.log.Close())
	}
	return errors.Join(err, os.RemoveAll(c.folder))
}

// programs is the folder of the newest server that is installed.
func programs() (string, error) {
	if at, err := exec.LookPath("postgres"); err == nil {
		at, err = filepath.EvalSymlinks(at) // its neighbours are needed too
		return filepath.Dir(at), err
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", errors.Join(ErrMissing, err)
	}
	version := func(at string) int {
		n, _ := strconv.Atoi(strings.Split(at, "/")[4])
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is whom the server runs as; nil is ourselves.
func unprivileged() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("postgrestest: there is no user postgres or nobody to run the server as")
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
