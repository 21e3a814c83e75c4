package cli

import (
	"strings"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	var out strings.Builder
	err := table{{"ID", "NAME", "STATE"}, {"1", "云盒", "on"}, {"12", "a\x1b[31m\n", "off"}}.print(&out)
	want := "" +
		"ID  NAME     STATE\n" + // the widest name has seven columns
		"1   云盒     on\n" +
		"12  a�[31m�  off\n"
	if err != nil || out.String() != want {
		t.Errorf("%v\n%swant\n%s", err, out.String(), want)
	}
}

func TestFacts(t *testing.T) {
	var out strings.Builder
	err := facts{{"name", "demo"}, {"tenant", "1"}}.print(&out)
	if want := "name:    demo\ntenant:  1\n"; err != nil || out.String() != want {
		t.Errorf("%v\n%swant\n%s", err, out.String(), want)
	}
}

func TestInstant(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 999, time.FixedZone("", 8*3600))
	if got := instant(at); got != "2026-03-01 00:00:00Z" {
		t.Error(got)
	}
	if got := instant(time.Time{}); got != "–" {
		t.Error(got)
	}
}
