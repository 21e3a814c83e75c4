package keyring

import "testing"

// The goal of the hot path is 0.7 µs and at most two allocations each.

func BenchmarkIndex(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.Index(zhang)
	}
}

func BenchmarkSignCode(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.SignCode(login, digits); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckCode(b *testing.B) {
	r := newRing(b)
	tag := sign(b, r, login, digits)
	b.ReportAllocs()
	for b.Loop() {
		if !r.CheckCode(login, tag, digits) {
			b.Fatal("wrong")
		}
	}
}

func BenchmarkCheckAbsent(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.CheckAbsent(login, digits)
	}
}

func BenchmarkSealPhone(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.SealPhone(zhang); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendSeal(b *testing.B) {
	r := newRing(b)
	buf, text := make([]byte, 0, 256), []byte("【验码】您的验证码是 042917，5 分钟内有效。")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.AppendSeal(buf[:0], "message.text", text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkOpenPhone(b *testing.B) {
	r := newRing(b)
	sealed, err := r.SealPhone(zhang)
	must(b, err)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.OpenPhone(sealed); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkTokenHashes(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.TokenHashes("kQ2m8sT0vYxW4bN6pR1cD3fG5hJ7kL9z")
	}
}

func BenchmarkAlias(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.Alias(AliasUser, 1, 2, 3)
	}
}

func BenchmarkOpenAlias(b *testing.B) {
	r := newRing(b)
	id := r.Alias(AliasUser, 1, 2, 3)
	b.ReportAllocs()
	for b.Loop() {
		r.OpenAlias(AliasUser, id)
	}
}

func BenchmarkPhoneBase(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.PhoneBase(zhang)
	}
}

func BenchmarkLimitMix(b *testing.B) {
	r := newRing(b)
	b.ReportAllocs()
	for b.Loop() {
		r.LimitMix(1, 2, 3)
	}
}
