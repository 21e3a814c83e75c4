//go:build interop && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"yanma.dev/yanma/test/process"
)

// smallDisk mounts a file system of some size until the test ends. It needs
// the right to mount, which CI has.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size="+size); err != nil {
		process.Missing(t, "no right to mount a small file system: "+err.Error())
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return folder
}

// TestDiskFull fills the disk under a running server. What is refused says so
// in the dialect's own error, is not sent and not paid; what was accepted is
// sent; with room again it goes on.
func TestDiskFull(t *testing.T) {
	disk := smallDisk(t, "8m")
	d := process.Dev(t, binary, filepath.Join(disk, "data"))
	t.Cleanup(d.Kill) // before the disk goes
	d.GuardRecords()
	uid := d.LogIn(phone)
	release := fillDisk(t, disk, 1<<20)

	// What room the log of the database still has is used up before the first
	// refusal.
	accepted, refused := 1, 0
	for i := 0; i < 20_000 && refused < 20; i++ {
		number := fmt.Sprintf("139%08d", i)
		switch got := d.GetCode(number); got {
		case `{"status":"ok","phone_no":"` + number + `"}`:
			accepted++
		case `{"code":"-1","msg":"Unexpected system error."}`:
			refused++
		default:
			t.Fatalf("get-code: %s", got)
		}
	}
	if refused == 0 {
		t.Fatalf("%d codes and the disk is not full", accepted)
	}
	release()
	if again := d.GetCode("18612340000"); !strings.Contains(again, `"status":"ok"`) {
		t.Fatalf("there is room again: %s", again)
	}
	accepted++
	d.AwaitCode("18612340000", 0)
	t.Logf("%d accepted, %d refused", accepted, refused)

	sent := awaitMessages(t, d, accepted)
	if sent != accepted {
		t.Errorf("%d were accepted, %d arrived", accepted, sent)
	}
	var ledger struct {
		Held, Spent, Sum int
		Balanced         bool
	}
	if err := json.Unmarshal([]byte(d.Operator("/admin/ledger")), &ledger); err != nil || !ledger.Balanced || ledger.Sum != 0 {
		t.Errorf("ledger %+v, %v", ledger, err)
	}
	if ledger.Held+ledger.Spent != accepted {
		t.Errorf("%d paid, %d accepted", ledger.Held+ledger.Spent, accepted)
	}
	d.Signal(syscall.SIGINT)
	if code := d.Wait(); code != 0 {
		t.Errorf("exit code %d: %s", code, d.Err)
	}
	goesOn(t, d.Folder, uid)
}

// awaitMessages waits until n messages arrived, and gives how many there are.
// The handset remembers 500.
func awaitMessages(t *testing.T, d *process.DevServer, n int) int {
	t.Helper()
	last := 0
	awaitTrue(t, func() bool {
		all := d.Messages("")
		if len(all) > 0 {
			if _, err := fmt.Sscan(all[0].ID, &last); err != nil { // ids count from 1
				t.Fatal(err)
			}
		}
		return last >= n
	})
	return last
}

// fillDisk takes up all room but some bytes, and gives it back when it is told
// to.
func fillDisk(t *testing.T, disk string, leave int64) (release func()) {
	t.Helper()
	ballast, err := os.Create(filepath.Join(disk, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = ballast.Write(make([]byte, 4096))
	}
	info, err := ballast.Stat()
	if err != nil {
		t.Fatal(err)
	}
	if err := ballast.Truncate(info.Size() - leave); err != nil {
		t.Fatal(err)
	}
	if err := ballast.Close(); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.Remove(ballast.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestStartOnFullDisk: nothing begins that could not go on.
func TestStartOnFullDisk(t *testing.T) {
	disk := smallDisk(t, "8m")
	folder := filepath.Join(disk, "data")
	first := process.Dev(t, binary, folder)
	t.Cleanup(first.Kill)
	uid := first.LogIn(phone)
	first.Signal(syscall.SIGINT)
	first.Wait()
	release := fillDisk(t, disk, 0)
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), "the disk of the data folder "+folder+" is full")
	refused(t, process.Start(t, process.DevCommand(binary, filepath.Join(disk, "new"))), "no space left on device")
	release()
	goesOn(t, folder, uid)
}

// TestFolderReadOnly: a file system that was mounted read-only.
func TestFolderReadOnly(t *testing.T) {
	disk := smallDisk(t, "8m")
	folder := filepath.Join(disk, "data")
	first := process.Dev(t, binary, folder)
	t.Cleanup(first.Kill)
	uid := first.LogIn(phone)
	first.Signal(syscall.SIGINT)
	first.Wait()
	remount(t, disk, syscall.MS_RDONLY)
	refusedUnchanged(t, folder, process.DevCommand(binary, folder), folder, "read-only")
	refusedUnchanged(t, folder, process.ServeCommand(t, binary, "[store]\ndata = \""+folder+"\""), "the data folder "+folder+" is read-only")
	remount(t, disk, 0)
	goesOn(t, folder, uid)
}

func remount(t *testing.T, disk string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT|flags, "size=8m"); err != nil {
		t.Fatal(err)
	}
}
