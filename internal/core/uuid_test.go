package core

import (
	"strings"
	"testing"
)

func TestUUIDText(t *testing.T) {
	text := "ea0840f3-3663-4149-bd10-c7c6b8912105" // contracts/camara.md §3.1
	raw, ok := ParseUUIDText(text)
	if !ok || raw[0] != 0xea || raw[15] != 0x05 || UUIDText(raw) != text {
		t.Errorf("%x %v %s", raw, ok, UUIDText(raw))
	}
	if upper, ok := ParseUUIDText(strings.ToUpper(text)); !ok || upper != raw {
		t.Error("capital letters")
	}
	for _, bad := range []string{"", "ea0840f336634149bd10c7c6b8912105", text + "0", "ga0840f3-3663-4149-bd10-c7c6b8912105", "ea0840f3-3663-4149-bd10xc7c6b8912105",
		"ea0840f3-3663-4149-bd10-c7c6b891210é"} {
		if _, ok := ParseUUIDText(bad); ok {
			t.Errorf("%q is taken", bad)
		}
	}
	fresh, err := NewUUID(strings.NewReader(strings.Repeat("\xff", 16)))
	if err != nil || fresh != "ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Errorf("%s %v", fresh, err)
	}
	if _, err := NewUUID(strings.NewReader("short")); err == nil {
		t.Error("a source that ends")
	}
}
