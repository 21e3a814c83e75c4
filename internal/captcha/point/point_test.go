package point

import (
	"strings"
	"testing"
)

// The tolerance vectors of contracts/oneaccess.md §2.2.
func TestToleranceVectors(t *testing.T) {
	const x = 237
	for text, want := range map[string]bool{
		`{"x":232,"y":5}`: true, `{"x":242,"y":5}`: true, `{"x":242.9,"y":5}`: true, `{"x":237.0,"y":5}`: true,
		`{"x":231.9,"y":5}`: false, `{"x":243,"y":5}`: false,
		`{"x":237,"y":5.0}`: true, `{"x":237,"y":5.9}`: true, `{"x":237,"y":4.9}`: false, `{"x":237,"y":6}`: false,
		`{"x":237.0,"y":5.0}`: true, `{"x":2.37e2,"y":50E-1}`: true, `{"x":242.99999999999999999,"y":5}`: true,
		` {"y" : 5 , "x" : 237 , "z" : [1] } `: true, `{"x":1,"x":237,"y":5}`: true,
	} {
		p, ok := Parse(text)
		if !ok || p.Fits(x) != want {
			t.Errorf("%s: %v, fits %v, want %v", text, ok, p.Fits(x), want)
		}
	}
}

func TestWhatIsNoPoint(t *testing.T) {
	for _, text := range []string{"", "null", "[]", `"x"`, "{}", `{"x":237}`, `{"y":5}`, `{"X":237,"y":5}`, `{"x":"237","y":5}`, `{"x":null,"y":5}`,
		`{"x":237,"y":true}`, `{"x":-1,"y":5}`, `{"x":-0.5,"y":5}`, `{"x":310.1,"y":5}`, `{"x":311,"y":5}`, `{"x":310.00000000000000000001,"y":5}`, `{"x":237,"y":155.5}`,
		`{"x":1e400,"y":5}`, `{"x":NaN,"y":5}`, `{"x":Infinity,"y":5}`, `{"x":0x10,"y":5}`, `{"x":237,"y":5}{}`, `{"x":237,"y":5`,
		`{"x":237,"y":5,"z":"` + strings.Repeat("z", Longest) + `"}`} {
		if p, ok := Parse(text); ok {
			t.Errorf("%s is %v", text, p)
		}
	}
	for text, want := range map[string]Point{`{"x":0,"y":0}`: {0, 0}, `{"x":310,"y":155}`: {310, 155}, `{"x":310.000,"y":155.0}`: {310, 155}, `{"x":-0,"y":-0.0}`: {0, 0}} {
		if p, ok := Parse(text); !ok || p != want {
			t.Errorf("%s: %v, %v", text, p, ok)
		}
	}
}

// The AES vectors of contracts/oneaccess.md §2.2.
func TestAESVectors(t *testing.T) {
	const key = "yMXC583dP4R7uhmq"
	for plain, sealed := range map[string]string{
		`{"x":237.0,"y":5.0}`: "5nxXyl0w9Fl24/GYj1H37jB+m/oibvcEvGNrLDO+Rj8=",
		`{"x":237,"y":5}`:     "1qOiawVgsZK/Lm2jhb4yDw==",
	} {
		if got := Encrypt(key, plain); got != sealed {
			t.Errorf("%s becomes %s, want %s", plain, got, sealed)
		}
		if got, ok := Decrypt(key, sealed); !ok || got != plain {
			t.Errorf("%s becomes %q, %v", sealed, got, ok)
		}
		if got, ok := Decrypt("yMXC583dP4R7uhmQ", sealed); ok {
			t.Errorf("another key opens it: %q", got)
		}
	}
	for _, text := range []string{"", "=", "1qOiawVgsZK/Lm2jhb4yDw=", "1qOiawVgsZK/Lm2jhb4yDw", "1qOiawVgsZK/Lm2jhb4y", "1qOiawVgsZK_Lm2jhb4yDw==",
		"1qOiawVgsZK/Lm2jhb4yDx==", strings.Repeat("AAAA", 101)} {
		if got, ok := Decrypt(key, text); ok || IsSealed(text) {
			t.Errorf("%q becomes %q, sealed %v", text, got, IsSealed(text))
		}
	}
	if _, ok := Decrypt("short", "1qOiawVgsZK/Lm2jhb4yDw=="); ok || Encrypt("short", "x") != "" {
		t.Error("a key of five bytes")
	}
}

// FuzzParse: what is taken is within the picture, whatever came.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{"x":237.0,"y":5.0}`, `{"x":2.37e2,"y":5}`, `{"x":-0,"y":1e-400}`, `{"x":0.00e0,"y":5}`, "{}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := Parse(text)
		if ok && (p.X < 0 || p.X > 310 || p.Y < 0 || p.Y > 155 || len(text) > 200) {
			t.Errorf("%q is %v", text, p)
		}
		if again, same := Parse(" " + text); ok && same && again != p {
			t.Errorf("%q is %v and %v", text, p, again)
		}
	})
}

// FuzzDecrypt: what opens was sealed so and in no other way.
func FuzzDecrypt(f *testing.F) {
	const key = "yMXC583dP4R7uhmq"
	f.Add("1qOiawVgsZK/Lm2jhb4yDw==")
	f.Add("5nxXyl0w9Fl24/GYj1H37jB+m/oibvcEvGNrLDO+Rj8=")
	f.Fuzz(func(t *testing.T, text string) {
		if plain, ok := Decrypt(key, text); ok && Encrypt(key, plain) != text {
			t.Errorf("%q opens to %q, which becomes %q", text, plain, Encrypt(key, plain))
		}
		if sealed := Encrypt(key, text); len(text) < 200 {
			if plain, ok := Decrypt(key, sealed); !ok || plain != text {
				t.Errorf("%q is lost", text)
			}
		}
	})
}
