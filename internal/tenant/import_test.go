package tenant

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"yanma.dev/yanma/internal/core"
)

const goodImport = "\uFEFF" + `{"type":"key","key":"old-key-of-the-shop"}
{"type":"user","phone":"13800138000","yb_uid":"yb014d2pf2dbsqqzxq5tk1v58cgg"}

{"type":"user","phone":"+8613900139000","yb_uid":"User_7.a-b"}
{"type":"device","yb_uid":"User_7.a-b","device_id":"dv2","created":"2023-05-02T08:00:00+08:00"}
{"type":"device","yb_uid":"User_7.a-b","device_id":"dv1","created":"2023-05-01T00:00:00Z"}
{"type":"user","phone":"8613800138000","yb_uid":"yb014d2pf2dbsqqzxq5tk1v58cgg"}
`

func TestImport(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	view, _ := w.app(t, "shop")

	report, err := w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), true)
	must(t, err)
	if report.Applied || !report.DryRun || report.Keys != 1 || report.Users != 2 || report.Failed != 0 || len(w.users.ids) != 0 {
		t.Fatalf("dry run = %+v", report)
	}
	for run := range 2 {
		report, err = w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), false)
		must(t, err)
		if !report.Applied || report.Keys != 1 || report.Users != 2 || report.Devices != 2 || report.Failed != 0 || len(report.Errors) != 0 {
			t.Fatalf("run %d = %+v", run, report)
		}
	}
	app, ok := w.directory.AppByKey(DialectYunbox, "old-key-of-the-shop")
	if !ok || app.ID != view.ID || !app.ImportedUsers {
		t.Errorf("app = %+v, %v", app, ok)
	}
	if got := w.users.uids[core.PhoneFromE164("+8613800138000")]; got != "yb014d2pf2dbsqqzxq5tk1v58cgg" {
		t.Errorf("uid = %q", got)
	}
	if got := w.users.order[w.users.ids["User_7.a-b"]]; !slices.Equal(got, []string{"dv1", "dv2"}) {
		t.Errorf("devices in the order of their creation = %v", got)
	}
	show, err := w.admin.ShowApp(ctx, view.ID)
	must(t, err)
	if len(show.Keys) != 2 {
		t.Errorf("keys = %+v", show.Keys)
	}
	audits, err := w.admin.Audits(ctx, 0, 2)
	must(t, err)
	if audits[0].Action != "app.import.end" || string(audits[0].After) != `{"keys":1,"users":2,"devices":2,"failed":0}` {
		t.Errorf("audit = %+v %s", audits[0], audits[0].After)
	}
}

// A file with one bad line changes nothing, and every bad line is named.
func TestImportIsCheckedFirst(t *testing.T) {
	for problem, line := range map[string]string{
		"not a JSON object":              `{"type":"key","key":"12345678"} x`,
		"not a JSON object with":         `{"type":"key","key":"12345678","note":1}`,
		"not a JSON object with the":     `["key"]`,
		"type: want":                     `{"type":"session"}`,
		"key: want":                      `{"type":"key","key":"short"}`,
		"a key record has":               `{"type":"key","key":"12345678","phone":"1"}`,
		"a user record has":              `{"type":"user","phone":"13800138001","yb_uid":"a","created":"x"}`,
		"a device record has":            `{"type":"device","phone":"1","yb_uid":"a"}`,
		"phone: no mobile number":        `{"type":"user","phone":"12345678910","yb_uid":"a"}`,
		"phone: no mobile number of a":   `{"type":"user","phone":"+14155550123","yb_uid":"a"}`,
		"yb_uid: want":                   `{"type":"user","phone":"13800138001","yb_uid":"a b"}`,
		"yb_uid: want 1 to 64":           `{"type":"user","phone":"13800138001","yb_uid":"` + strings.Repeat("a", 65) + `"}`,
		"yb_uid: stands in the file":     `{"type":"user","phone":"13800138001","yb_uid":"u1"}`,
		"phone: stands in the file":      `{"type":"user","phone":"13800138000","yb_uid":"u2"}`,
		"yb_uid: no user record":         `{"type":"device","yb_uid":"u9","device_id":"d","created":"2023-05-01T00:00:00Z"}`,
		"created: want":                  `{"type":"device","yb_uid":"u1","device_id":"d","created":"2023-05-01"}`,
		"device_id: want":                `{"type":"device","yb_uid":"u1","device_id":"","created":"2023-05-01T00:00:00Z"}`,
		"device_id: stands in the file":  `{"type":"device","yb_uid":"u3","device_id":"d1","created":"2023-05-01T00:00:00Z"}`,
		"the line is longer than 4 KiB;": `{"type":"key","key":"` + strings.Repeat("k", 5000) + `"}`,
	} {
		t.Run(problem, func(t *testing.T) {
			w := newWorld(t)
			view, _ := w.app(t, "shop")
			file := `{"type":"user","phone":"13800138000","yb_uid":"u1"}
{"type":"user","phone":"13800138003","yb_uid":"u3"}
{"type":"device","yb_uid":"u1","device_id":"d1","created":"2023-05-01T00:00:00Z"}
` + line + "\n"
			report, err := w.admin.ImportYunbox(context.Background(), by, view.ID, strings.NewReader(file), false)
			must(t, err)
			if report.Applied || report.Failed != 1 || report.Errors[0].Line != 4 || !strings.HasPrefix(report.Errors[0].Message, problem) {
				t.Fatalf("report = %+v", report)
			}
			if len(w.users.ids) != 0 {
				t.Error("users were imported")
			}
			if strings.Contains(fmt.Sprint(report)+w.log.String(), "13800138001") {
				t.Error("a number is readable")
			}
		})
	}
}

func TestImportReportsConflicts(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	_, otherKey := w.app(t, "other")
	view, _ := w.app(t, "shop")
	w.users.uids[core.PhoneFromE164("+8613800138000")] = "somebody"
	w.users.devices["d3"] = 77
	file := `{"type":"user","phone":"13800138000","yb_uid":"u1"}
{"type":"device","yb_uid":"u1","device_id":"d1","created":"2023-05-01T00:00:00Z"}
{"type":"user","phone":"13900139000","yb_uid":"u2"}
{"type":"device","yb_uid":"u2","device_id":"d2","created":"2023-05-01T00:00:00Z"}
{"type":"device","yb_uid":"u2","device_id":"d3","created":"2023-05-01T00:00:00Z"}
{"type":"key","key":"` + otherKey + `"}
{"type":"key","key":"a-key-of-ours"}
`
	report, err := w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(file), false)
	must(t, err)
	if !report.Applied || report.Keys != 1 || report.Users != 1 || report.Devices != 1 || report.Failed != 4 {
		t.Fatalf("report = %+v", report)
	}
	var lines []int
	for _, e := range report.Errors {
		lines = append(lines, e.Line)
	}
	slices.Sort(lines)
	if !slices.Equal(lines, []int{1, 2, 5, 6}) {
		t.Errorf("lines = %v", lines)
	}
	if app, ok := w.directory.AppByKey(DialectYunbox, otherKey); !ok || app.ID == view.ID {
		t.Error("the other app lost its key")
	}
}

func TestImportThatBreaksOff(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	view, _ := w.app(t, "shop")
	w.users.fail = errors.New("the store failed")
	_, err := w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), false)
	wantKind(t, err, core.KindInternal)
	w.users.fail = nil
	report, err := w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), false)
	must(t, err)
	if report.Users != 2 || report.Devices != 2 {
		t.Errorf("report = %+v", report)
	}
	_, err = w.admin.ImportYunbox(ctx, by, view.ID, iotest.ErrReader(errors.New("connection lost")), false)
	if err == nil {
		t.Error("a reader that fails is no error")
	}
	_, err = w.admin.ImportYunbox(ctx, by, 99, strings.NewReader(goodImport), false)
	wantKind(t, err, core.KindNotFound)
}

// A key that was rotated away does not come back by running the import again.
func TestImportDoesNotReviveKeys(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	view, _ := w.app(t, "shop")
	_, err := w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), false)
	must(t, err)
	_, _, err = w.admin.RotateKey(ctx, by, view.ID, Rotation{})
	must(t, err)
	_, err = w.admin.ImportYunbox(ctx, by, view.ID, strings.NewReader(goodImport), false)
	must(t, err)
	if _, ok := w.directory.AppByKey(DialectYunbox, "old-key-of-the-shop"); ok {
		t.Error("the key is back")
	}
}

func TestImportBounds(t *testing.T) {
	w := newWorld(t)
	view, _ := w.app(t, "shop")
	app, _ := w.directory.App(view.ID)
	var report ImportReport
	_, err := readImport(bytes.NewReader(bytes.Repeat([]byte("x\n"), mostRecords+1)), app.Phones, &report)
	wantKind(t, err, core.KindBodyTooLarge)
	report = ImportReport{}
	_, err = readImport(bytes.NewReader(bytes.Repeat([]byte("{}\n"), 300)), app.Phones, &report)
	if err != nil || report.Failed != 300 || len(report.Errors) != 100 {
		t.Errorf("failed %d, listed %d, %v", report.Failed, len(report.Errors), err)
	}
}

// FuzzReadImport: no line panics, and no problem quotes the line.
func FuzzReadImport(f *testing.F) {
	f.Add([]byte(goodImport))
	f.Fuzz(func(t *testing.T, file []byte) {
		var report ImportReport
		read, err := readImport(bytes.NewReader(file), (&App{}).Phones, &report)
		if err != nil {
			t.Fatal(err)
		}
		if len(read.keys)+len(read.users)+len(read.devices)+report.Failed > read.records+1 {
			t.Fatal("more outcomes than records")
		}
	})
}
