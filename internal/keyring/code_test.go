package keyring

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/core"
)

func TestSignThenCheck(t *testing.T) {
	r := newRing(t)
	for _, code := range []string{"0000", "042917", "9999999999"} {
		tag := sign(t, r, login, core.CodeFromDigits(code))
		if !r.CheckCode(login, tag, core.CodeFromDigits(code)) {
			t.Errorf("%s does not verify", code)
		}
		for _, wrong := range []string{"", "0", code + "0", "0" + code, code[1:], code[:len(code)-1], "042918", "00000"} {
			if r.CheckCode(login, tag, core.CodeFromDigits(wrong)) {
				t.Errorf("%q verifies for %s", wrong, code)
			}
		}
	}
	if a, b := sign(t, r, login, digits), sign(t, r, login, digits); a.Salt == b.Salt || a.MAC == b.MAC {
		t.Error("two tags of one code are alike")
	}
}

// TestReq06_ContextBinding: the same digits under another verification, app,
// purpose or number are wrong, in every combination of the four.
func TestReq06_ContextBinding(t *testing.T) {
	r := newRing(t)
	tag := sign(t, r, login, digits)
	for changed := range 16 {
		c := login
		if changed&1 != 0 {
			c.Verification++
		}
		if changed&2 != 0 {
			c.App++
		}
		if changed&4 != 0 {
			c.Purpose = core.PurposeRebind
		}
		if changed&8 != 0 {
			c.Phone = li
		}
		if got, want := r.CheckCode(c, tag, digits), changed == 0; got != want {
			t.Errorf("members changed %04b: CheckCode = %v, want %v", changed, got, want)
		}
	}
}

// TestNumberAndCodeDoNotRunTogether: moving the border between number and
// code, both digits, must not give the same MAC.
func TestNumberAndCodeDoNotRunTogether(t *testing.T) {
	r := newRing(t)
	long := login
	long.Phone = core.PhoneFromE164("+14155550123")
	short := login
	short.Phone = core.PhoneFromE164("+1415555012")
	tag := sign(t, r, long, core.CodeFromDigits("4567"))
	if r.CheckCode(short, tag, core.CodeFromDigits("34567")) {
		t.Error("a digit moved from the number to the code")
	}
}

func TestCheckCodeTampered(t *testing.T) {
	r := newRing(t)
	must(t, r.RotateCodeKey())
	tag := sign(t, r, login, digits)
	for bit := range 32 * 8 {
		bad := tag
		bad.MAC[bit/8] ^= 1 << (bit % 8)
		if r.CheckCode(login, bad, digits) {
			t.Fatalf("MAC bit %d does not matter", bit)
		}
	}
	for bit := range 8 * 8 {
		bad := tag
		bad.Salt[bit/8] ^= 1 << (bit % 8)
		if r.CheckCode(login, bad, digits) {
			t.Fatalf("salt bit %d does not matter", bit)
		}
	}
	const step = 97 // an unknown key is looked for in the file, too
	for id := 0; id < 1<<16; id += step {
		bad := tag
		bad.Key = uint16(id)
		if got := r.CheckCode(login, bad, digits); got != (bad.Key == tag.Key) {
			t.Fatalf("key %d: CheckCode = %v", id, got)
		}
	}
	if r.CheckCode(login, CodeTag{}, digits) || r.CheckAbsent(login, digits) || r.CheckAbsent(CodeContext{}, core.Code{}) {
		t.Error("an absent code verifies")
	}
	if newRing(t).CheckCode(login, tag, digits) {
		t.Error("another installation's code verifies")
	}
}

func TestOldPeppersVerifyUntilRetired(t *testing.T) {
	r := newRing(t)
	tags := []CodeTag{sign(t, r, login, digits)}
	for range 3 {
		must(t, r.RotateCodeKey())
		tags = append(tags, sign(t, r, login, digits))
	}
	for i, tag := range tags {
		if !r.CheckCode(login, tag, digits) || !reopen(t, r).CheckCode(login, tag, digits) {
			t.Errorf("the code of pepper %d does not verify", i)
		}
		if i > 0 && tag.Key == tags[i-1].Key {
			t.Error("a rotation did not change the signing key")
		}
	}
	must(t, r.RetireCodeKeys(2))
	for i, tag := range tags {
		want := i >= 2
		if got := r.CheckCode(login, tag, digits); got != want {
			t.Errorf("after retiring: pepper %d verifies = %v, want %v", i, got, want)
		}
		if got := reopen(t, r).CheckCode(login, tag, digits); got != want {
			t.Errorf("after retiring and a restart: pepper %d verifies = %v, want %v", i, got, want)
		}
	}
	must(t, r.RetireCodeKeys(5)) // fewer than that are there
	must(t, r.RotateCodeKey())
	if fresh := sign(t, r, login, digits); fresh.Key <= tags[3].Key {
		t.Errorf("key number %d is given a second time", fresh.Key)
	}
	if err := r.RetireCodeKeys(0); err == nil {
		t.Error("the signing key was retired")
	}
}

// TestReq08_DigitsNeverInTag, at the level of the keyring: what is stored of a
// ten-digit code, and the keyring itself, hold its digits in no usual form.
func TestReq08_DigitsNeverInTag(t *testing.T) {
	r := newRing(t)
	for range 2000 {
		text := fmt.Sprintf("%010d", rand.Int64N(1e10))
		tag := sign(t, r, login, core.CodeFromDigits(text))
		stored := append(tag.Salt[:], tag.MAC[:]...)
		printed := fmt.Sprintf("%v %+v %#v %x %d", tag, tag, tag, tag, tag)
		bcd := make([]byte, 5)
		for i := range bcd {
			bcd[i] = (text[2*i]-'0')<<4 | text[2*i+1] - '0'
		}
		if bytes.Contains(stored, []byte(text)) || bytes.Contains(stored, bcd) || strings.Contains(printed, text) {
			t.Fatalf("the tag of %s holds its digits", text)
		}
		if !r.CheckCode(login, tag, core.CodeFromDigits(text)) {
			t.Fatal("the code does not verify")
		}
		file, err := os.ReadFile(r.path)
		must(t, err)
		if bytes.Contains(file, []byte(text)) {
			t.Fatalf("the keyring holds the code %s", text)
		}
	}
	// The pepper is what keeps a stolen tag from being tried out: it is in no tag.
	tag := sign(t, r, login, digits)
	if pepper := r.current.Load().contents.CodeKeys[0].Key; bytes.Contains(tag.MAC[:], pepper[:4]) {
		t.Error("the tag holds the pepper")
	}
}
