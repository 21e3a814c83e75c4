package message

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/message/text"
)

func words(t testing.TB, lines ...string) *Words {
	t.Helper()
	w, err := ParseWords([]byte(strings.Join(lines, "\n")))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestTemplateCheck is the table of contracts/jsms.md §11.
func TestTemplateCheck(t *testing.T) {
	list := words(t, "博彩", "Free Money")
	notice := func(text string) Template { return Template{Kind: KindNotice, Text: text} }
	code := func(text string, ttl time.Duration) Template { return Template{Kind: KindCode, Text: text, TTL: ttl} }
	for name, c := range map[string]struct {
		template Template
		kind     core.Kind
		field    string // "-": nothing is wrong
	}{
		"plain":                    {notice("您好"), 0, "-"},
		"with parameters":          {notice("{{a}}{{b2}}和{{a}}{{in_ner}}"), 0, "-"},
		"a code":                   {code("您的验证码是{{code}}，5分钟内有效，请勿泄露。", 300*time.Second), 0, "-"},
		"empty":                    {notice(""), core.KindMissingField, "text"},
		"blank":                    {notice(" \n　"), core.KindMissingField, "text"},
		"as long as may be":        {notice(strings.Repeat("字", 350-6)), 0, "-"},
		"too long":                 {notice(strings.Repeat("字", 350-5)), core.KindContentTooLong, "text"},
		"a bracket":                {notice("【验码】您好"), core.KindForbiddenSymbol, "text"},
		"half a bracket":           {notice("您好】"), core.KindForbiddenSymbol, "text"},
		"no kind":                  {Template{Text: "x"}, core.KindTemplateType, ""},
		"another kind":             {Template{Kind: 4, Text: "x"}, core.KindTemplateType, ""},
		"unbalanced open":          {notice("您好{{name"), core.KindBadField, "placeholders"},
		"unbalanced close":         {notice("您好name}}"), core.KindBadField, "placeholders"},
		"nested":                   {notice("{{a{{b}}}}"), core.KindBadField, "placeholders"},
		"no name":                  {notice("{{}}"), core.KindBadField, "placeholders"},
		"a name of letters":        {notice("{{名字}}"), core.KindBadField, "placeholders"},
		"an outer underscore":      {notice("{{_a}}"), core.KindBadField, "placeholders"},
		"a code without code":      {code("您好", time.Minute), core.KindBadField, "placeholders"},
		"a code with another name": {code("{{number}}", time.Minute), core.KindBadField, "placeholders"},
		"a code with two":          {code("{{code}}{{name}}", time.Minute), core.KindBadField, "placeholders"},
		"a code without ttl":       {code("{{code}}", 0), core.KindBadField, "ttl"},
		"a negative ttl":           {code("{{code}}", -time.Second), core.KindBadField, "ttl"},
		"the longest ttl":          {code("{{code}}", 86400*time.Second), 0, "-"},
		"a longer ttl":             {code("{{code}}", 86401*time.Second), core.KindBadField, "ttl"},
		"a code that markets":      {code("{{code}}，回T退订", time.Minute), core.KindBadField, "text"},
		"a long remark":            {Template{Kind: KindNotice, Text: "x", Remark: strings.Repeat("字", 501)}, core.KindBadField, "remark"},
		"a link without remark":    {notice("点击{{url}}"), core.KindBadField, "link"},
		"a link with a remark":     {Template{Kind: KindNotice, Text: "点击{{url}}", Remark: "https://example.com/x"}, 0, "-"},
		"a word":                   {notice("线上博彩"), core.KindForbiddenWord, "text"},
		"a word in disguise":       {notice("ＦＲＥＥ  m oney"), core.KindForbiddenWord, "text"},
	} {
		err := c.template.Check("极光推送", LongestText, list)
		if c.field == "-" && err != nil || c.field != "-" && (err == nil || core.KindOf(err) != c.kind || core.AsError(err).Field != c.field) {
			t.Errorf("%s: %v, want %s %s", name, err, c.kind, c.field)
		}
	}
}

// TestReq38_RenderedTexts: whatever a template and its parameters say, 【signature】
// comes first, every parameter stands in its place, marketing has a way out,
// codes have none, and the segments reassemble (contracts/delivery.md §7).
func TestReq38_RenderedTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := Kind(rapid.IntRange(1, 3).Draw(t, "kind"))
		names := rapid.SliceOfNDistinct(rapid.StringMatching(`[A-Za-z0-9]{1,6}`), 1, 4, rapid.ID).Draw(t, "names")
		if kind == KindCode {
			names = []string{ParamCode}
		}
		var wording, want strings.Builder
		params := map[string]string{}
		for _, name := range names {
			literal := rapid.StringMatching(`[您好，a-z€^🙂]{0,30}`).Draw(t, "literal")
			params[name] = rapid.StringMatching(`[0-9张三~🙂]{1,20}`).Draw(t, "value")
			wording.WriteString(literal + "{{" + name + "}}")
			want.WriteString(literal + params[name])
		}
		template := Template{Kind: kind, Text: wording.String()}
		if kind == KindCode {
			template.TTL = time.Minute
		}
		if err := template.Check("验码", LongestText, nil); err != nil {
			if core.AsError(err).Field == "link" {
				return
			}
			t.Fatal(err)
		}
		template.Prepare()
		got, err := template.Render("验码", params, LongestText, nil)
		if err != nil {
			t.Fatal(err)
		}
		expected := "【验码】" + want.String()
		if kind == KindMarket {
			expected += OptOutSuffix
		}
		if got != expected {
			t.Fatalf("%q, want %q", got, expected)
		}
		to := core.PhoneFromE164(rapid.SampledFrom([]string{"+8613800138000", "+14155550123"}).Draw(t, "to"))
		_, parts := text.Segments(got, ForceUCS2(to))
		if strings.Join(parts, "") != got || len(parts) != SegmentCount(to, got) {
			t.Fatalf("%d parts of %q", len(parts), got)
		}
	})
}

// TestOptOutOffered: a marketing text that offers a way out gets no second one.
func TestReq38_OptOutOffered(t *testing.T) {
	for text, want := range map[string]string{
		"全场五折":        "【验码】全场五折 拒收请回复R",
		"全场五折，回T退订":   "【验码】全场五折，回T退订",
		"全场五折 拒收请回复R": "【验码】全场五折 拒收请回复R",
	} {
		got, err := (&Template{Kind: KindMarket, Text: text}).Render("验码", nil, LongestText, nil)
		if err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
}

// TestReq38_MarketingHours: 08:00 to 21:00 in the app's zone, to the nanosecond,
// over a change of the clocks as well.
func TestReq38_MarketingHours(t *testing.T) {
	berlin, err := Zone("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		zone       *time.Location
		at         string
		wait, left time.Duration
	}{
		{China(), "2026-03-02T07:59:59.999999999+08:00", 1, 0},
		{China(), "2026-03-02T08:00:00+08:00", 0, 13 * time.Hour},
		{China(), "2026-03-02T20:59:59.999999999+08:00", 0, 1},
		{China(), "2026-03-02T21:00:00+08:00", 11 * time.Hour, 0},
		{China(), "2026-03-02T13:00:00Z", 11 * time.Hour, 0},
		{China(), "2026-12-31T23:00:00+08:00", 9 * time.Hour, 0},
		{berlin, "2026-03-28T21:00:00+01:00", 10 * time.Hour, 0}, // the night of summer time has an hour less
		{berlin, "2026-10-24T21:00:00+02:00", 12 * time.Hour, 0},
		{berlin, "2026-03-02T08:00:00+01:00", 0, 13 * time.Hour},
	} {
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if wait, left := MarketingWait(at, c.zone), MarketingLeft(at, c.zone); wait != c.wait || left != c.left {
			t.Errorf("%s: wait %v, left %v; want %v, %v", c.at, wait, left, c.wait, c.left)
		}
	}
	for _, name := range []string{"", "Local", "Mars", "../etc/passwd"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("%q is a zone", name)
		}
	}
}

// TestReq38_CodesCarryNoMarketing: neither kind of code template offers an
// opt-out, which is what marketing does.
func TestReq38_CodesCarryNoMarketing(t *testing.T) {
	for _, offer := range []string{"拒收请回复R", "回T退订"} {
		if (CodeTemplate{Signature: "验码", Text: "{code}" + offer}).Validate() == nil {
			t.Errorf("an app's code text with %s", offer)
		}
		if (&Template{Kind: KindCode, Text: "{{code}}" + offer, TTL: time.Minute}).Check("验码", LongestText, nil) == nil {
			t.Errorf("a code template with %s", offer)
		}
	}
}

// TestSignatureCheck is contracts/jsms.md §12.
func TestSignatureCheck(t *testing.T) {
	for _, s := range []string{"极光", "一二三四五六七八", "Yanma", "A1", "验码2026"} {
		if err := (&Signature{Text: s, Kind: 1}).Check(); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	for _, s := range []string{"", "极", "一二三四五六七八九", "【极光】", "a b", "极光!", "Ａ１", "é1"} {
		if err := (&Signature{Text: s, Kind: 1}).Check(); err == nil || core.AsError(err).Field != "signature" {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []Signature{{Text: "极光", Kind: 0}, {Text: "极光", Kind: 8}, {Text: "极光", Kind: 1, Remark: strings.Repeat("字", 101)}} {
		if s.Check() == nil {
			t.Errorf("%+v", s)
		}
	}
}

// TestImageMedia: recognised by content, whatever it is called
// (contracts/jsms.md §12).
func TestImageMedia(t *testing.T) {
	png := "\x89PNG\r\n\x1a\n"
	for data, want := range map[string]string{png: "image/png", "\xff\xd8\xff\xe0": "image/jpeg", "GIF89a": "image/gif", "GIF87a": "image/gif",
		"RIFF\x00\x00\x00\x00WEBPVP8 ": "image/webp", png + strings.Repeat("x", MostImage-8): "image/png",
		png + strings.Repeat("x", MostImage-7): "", "": "", "RIFF\x00\x00\x00\x00WAVE": "", "<svg>": "", "%PDF-": "", "\x89PNG": ""} {
		if got, err := ImageMedia([]byte(data)); got != want || (err == nil) != (want != "") {
			t.Errorf("%.12q of %d bytes: %q, %v", data, len(data), got, err)
		}
	}
}

// TestWords: a clear error with the line; blanks, case and width hide nothing.
func TestWords(t *testing.T) {
	w := words(t, "# a list", "", "  博彩  # gambling", "free money")
	for text, want := range map[string]string{"网上博\u200b彩": "博彩", "FREE\nMONEY": "freemoney", "ｆｒｅｅmoney": "freemoney", "博 客": "", "fre emone": ""} {
		got, found := w.Find(text)
		if got != want || found != (want != "") {
			t.Errorf("%q: %q, %v", text, got, found)
		}
	}
	if _, found := (*Words)(nil).Find("博彩"); found {
		t.Error("an empty list finds a word")
	}
	for file, want := range map[string]string{
		"ok\n\xff\xfe":               "line 2: it is not valid UTF-8",
		strings.Repeat("字", 65):      "line 1: a word has at most 64 characters",
		"a\nb\n\u200b":               "line 3: it has nothing but blanks",
		strings.Repeat("x", 1<<17):   "it can not be read as lines: bufio.Scanner: token too long",
		strings.Repeat("x\n", 2e5+1): "line 200001: a list has at most 200000 lines",
	} {
		if _, err := ParseWords([]byte(file)); err == nil || err.Error() != want {
			t.Errorf("%.10q: %v, want %s", file, err, want)
		}
	}
}

// FuzzCut: no text makes the cutting panic, and what it accepts it puts together
// again.
func FuzzCut(f *testing.F) {
	for _, s := range []string{"您好{{name}}", "{{", "}}", "{{{{}}}}", "{{a}}{{b_c}}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		pieces, err := cut(s)
		if err != nil {
			return
		}
		var back strings.Builder
		for _, p := range pieces {
			if p.name != "" {
				back.WriteString("{{" + p.name + "}}")
			}
			back.WriteString(p.literal)
		}
		if back.String() != s {
			t.Fatalf("%q became %q", s, back.String())
		}
	})
}
