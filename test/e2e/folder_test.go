//go:build interop

package e2e

import (
	"crypto/sha256"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	zsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"yanma.dev/yanma/test/process"
)

// used is the data folder of a server that had a user and was stopped.
func used(t *testing.T) (folder, uid string) {
	t.Helper()
	d := process.Dev(t, binary, t.TempDir())
	uid = d.LogIn(phone)
	d.Signal(syscall.SIGINT)
	if code := d.Wait(); code != 0 {
		t.Fatalf("exit code %d: %s", code, d.Err)
	}
	return d.Folder, uid
}

// contents are the hashes of all files of a folder, the log excepted: a start
// that is refused may say so there.
func contents(t *testing.T, folder string) map[string][32]byte {
	t.Helper()
	all := map[string][32]byte{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "yanma.log" {
			return err
		}
		data, err := os.ReadFile(path)
		all[strings.TrimPrefix(path, folder)] = sha256.Sum256(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// refusedUnchanged starts a server on a folder, and checks that it is refused
// and that nothing in the folder changed.
func refusedUnchanged(t *testing.T, folder string, command *exec.Cmd, contains ...string) {
	t.Helper()
	before := contents(t, folder)
	refused(t, process.Start(t, command), contains...)
	if diff := cmp.Diff(before, contents(t, folder)); diff != "" {
		t.Errorf("the folder changed: %s", diff)
	}
}

func TestFolderInUse(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir())
	card, err := os.ReadFile(filepath.Join(d.Folder, "dev.json"))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, process.Start(t, process.DevCommand(binary, d.Folder)), "the data folder "+d.Folder+" is in use by another process")
	if again, err := os.ReadFile(filepath.Join(d.Folder, "dev.json")); err != nil || string(again) != string(card) {
		t.Errorf("dev.json of the first one changed: %s, %v", again, err)
	}
	d.LogIn(phone)
}

func TestFolderNewer(t *testing.T) {
	folder, _ := used(t)
	sql(t, folder, `INSERT INTO schema_migration (number, name, checksum, applied_at) VALUES (9000, 'future', x'01', 1)`)
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), "written by a newer version of Yanma")
}

// sql changes the database of a server that is stopped.
func sql(t *testing.T, folder, statement string) {
	t.Helper()
	db, err := zsqlite.OpenConn(filepath.Join(folder, "yanma.db"), zsqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := sqlitex.ExecuteTransient(db, statement, nil); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFolderForeign(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "yanma.db"), []byte(strings.Repeat("something else\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, process.Start(t, process.DevCommand(binary, folder)), "not a Yanma database")
}

// TestFolderNotOurs: for someone who may read the folder and not write to it.
func TestFolderNotOurs(t *testing.T) {
	folder, uid := used(t)
	command := process.DevCommand(binary, folder)
	if os.Geteuid() == 0 { // whom modes do not stop
		asNobody(t, command, folder)
	}
	modes := func(dir, file os.FileMode) {
		t.Helper()
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			return os.Chmod(path, file)
		})
		if err == nil {
			err = os.Chmod(folder, dir)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	modes(0o555, 0o444)
	refusedUnchanged(t, folder, command, folder, "permission denied")
	modes(0o700, 0o600)
	goesOn(t, folder, uid)
}

// asNobody makes a command run as a user without rights, who can reach the
// binary and the folder.
func asNobody(t *testing.T, command *exec.Cmd, folder string) {
	t.Helper()
	const nobody = 65534
	for _, path := range []string{binary, folder} {
		for dir := filepath.Dir(path); dir != "/" && dir != filepath.Clean(os.TempDir()); dir = filepath.Dir(dir) {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
}

// TestKeyringLost: without its keyring the data can not be read again, so no
// new one is made; with the right one back in its place all goes on.
func TestKeyringLost(t *testing.T) {
	folder, uid := used(t)
	path := filepath.Join(folder, "keyring.json")
	ring, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), "the keyring "+path+" is missing")

	other, _ := used(t)
	foreign, err := os.ReadFile(filepath.Join(other, "keyring.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, foreign)
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), "keyring", "installation")

	write(t, path, ring[:len(ring)/2])
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), path)

	write(t, path, ring)
	goesOn(t, folder, uid)
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// goesOn checks that a server runs on the folder again and knows its user.
func goesOn(t *testing.T, folder, uid string) {
	t.Helper()
	d := process.Dev(t, binary, folder, "--limits", "off")
	if got := d.LogIn(phone); got != uid {
		t.Errorf("the user was %s and is %s", uid, got)
	}
}
