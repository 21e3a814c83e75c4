package keyring

import (
	"encoding/hex"
	"testing"
)

// TestVectors pins every derivation to values that another implementation
// computed from the layouts in the comments (Python's hmac, OpenSSL's AES,
// RFC 5869 by hand). Ids, indexes and hashes are in customers' hands and in
// databases: a change here loses them.
//
// The random bytes are 00, 01, 02, …: the installation id is 00…0f, the index
// key 10…2f, the pepper 30…4f, the field key 50…6f, the token key 70…8f, the
// id key 90…af, the limit key b0…cf, and what is drawn next begins with d0.
func TestVectors(t *testing.T) {
	r := fixedRing(t)
	phone, label := r.Index(zhang), r.IndexLabel("+8613800138000")
	token := r.TokenHash("kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z")
	tag := sign(t, r, login, digits)
	user, device := r.Alias(AliasUser, 1, 2, 3), r.Alias(AliasDevice, 1, 2, 3)
	sealed, err := fixedRing(t).SealPhone(zhang)
	must(t, err)

	for _, v := range []struct {
		what string
		got  []byte
		want string
	}{
		{"index of a number", phone.A[:], "c35a8110be610150fa692b5c8dda8df0"},
		{"index of a label", label.A[:], "4b6444c32680ebe4a26d198a19ea99de"},
		{"token hash", token[:], "e6ab860203b609bcd1309c1d08103bc925a081a98de8cc3a6aee729af70108a6"},
		{"code salt", tag.Salt[:], "d0d1d2d3d4d5d6d7"},
		{"code MAC", tag.MAC[:], "f0a1edeadb10550f8a9c6b0012f69dc36d81a7dd5fb4e377560fd280c5a95fbd"},
		{"user alias", user[:], "13a673009a1815804d01c8049ec8e35a"},
		{"device alias", device[:], "d2f56366ca1a06e2b5c55ede8e589005"},
		{"sealed number", sealed, "01" + "0003" + "d0d1d2d3d4d5d6d7d8d9dadb" + "4d39cdee6515e9472817a4941e91070b311f5eac70ca36c7a779463e10b0"},
	} {
		if got := hex.EncodeToString(v.got); got != v.want {
			t.Errorf("%s = %s, want %s", v.what, got, v.want)
		}
	}
	if got := r.InstallationID(); got != "00041061050r3gg28a1c60t3gf" { // contracts/yunbox.md §1.1, third vector
		t.Errorf("installation id = %s", got)
	}
	if got := r.PhoneBase(zhang); got != 0xc1ffdeb1fbc73d95 {
		t.Errorf("PhoneBase = %#x", got)
	}
	if got := r.LimitSubject(3, 9, zhang); got != 0x5bd02b1cb93a3f86 {
		t.Errorf("LimitSubject = %#x", got)
	}
	if got := r.LimitSubjectBytes(4, 0, []byte{203, 0, 113, 7}); got != 0xb961d78987431f0f {
		t.Errorf("LimitSubjectBytes = %#x", got)
	}
	if !phone.B.IsZero() || phone.ByB || phone.Lookup() != phone.A {
		t.Errorf("a new keyring must have side A only: %+v", phone)
	}
	if again := reopen(t, r); again.Index(zhang) != phone || again.Alias(AliasUser, 1, 2, 3) != user ||
		again.TokenHash("kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z") != token || again.PhoneBase(zhang) != r.PhoneBase(zhang) ||
		!again.CheckCode(login, tag, digits) {
		t.Error("a restart changed a derivation")
	}
}
