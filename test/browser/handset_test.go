//go:build interop

package browser

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/test/process"
)

const phone = "13800138000"

// TestHandset is the promise of the README: a code that was asked for with
// curl arrives on the phone in the browser, and whoever reads it there logs in.
func TestHandset(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	p := open(t)
	p.do(t, chromedp.Navigate(dev.HandsetURL))
	p.await(t, `document.querySelector("#state.up") !== null && !document.querySelector("#empty").hidden`)
	for _, other := range []string{"13912345678", "18612340000"} { // something to tell apart
		dev.GetCode(other)
		dev.AwaitCode(other, 0)
	}
	if got, want := dev.GetCode(phone), fmt.Sprintf(`{"status":"ok","phone_no":%q}`, phone); got != want {
		t.Fatalf("get-code: %s, want %s", got, want)
	}

	const newest = `document.querySelector("#messages li")`
	p.await(t, newest+`?.querySelector(".meta").innerText.includes("`+phone+`")`)
	code := eval[string](t, p, newest+`.querySelector(".code").innerText`)
	text := eval[string](t, p, newest+`.querySelector(".text").innerText`)
	meta := eval[string](t, p, newest+`.querySelector(".meta").innerText`)
	told := dev.Messages(phone)
	if len(told) != 1 || told[0].Code != code || told[0].Text != text || !strings.Contains(meta, told[0].Phone) {
		t.Fatalf("the page shows %q, %q, %q; the API tells %+v", meta, text, code, told)
	}
	if !strings.HasPrefix(text, "【") || !strings.Contains(text, code) || len(code) != 6 {
		t.Errorf("text %q, code %q", text, code)
	}
	uid := process.UID(t, dev.CheckCode(phone, code))
	if !strings.HasPrefix(uid, "yb") {
		t.Errorf("yb_uid %q", uid)
	}

	p.show(t, 1200, 760, "light")
	light := p.screenshot(t, "handset")
	p.show(t, 1200, 760, "dark")
	dark := p.screenshot(t, "handset-dark")
	if l, d := corner(t, light), corner(t, dark); l < 0xc000 || d > 0x4000 {
		t.Errorf("the page's ground has brightness %#x in light and %#x in dark mode", l, d)
	}
	p.filter(t)
	p.clean(t, dev.BaseURL)
	p.stop(t, dev)
}

// filter shows one number's messages only.
func (p *page) filter(t *testing.T) {
	t.Helper()
	p.do(t, chromedp.SendKeys(chromedp.CSS("#number"), "18612340000"))
	p.await(t, `(() => {
		const shown = document.querySelectorAll("#messages li");
		return shown.length === 1 && shown[0].innerText.includes("18612340000");
	})()`)
}

// stop ends the server: the page says so and does not break.
func (p *page) stop(t *testing.T, dev *process.DevServer) {
	t.Helper()
	dev.Kill()
	p.await(t, `document.querySelector("#state").innerText === "offline"`)
	for _, problem := range p.reported() {
		if strings.HasPrefix(problem, "exception") {
			t.Error(problem)
		}
	}
}

// TestHandsetNarrow: on a screen 390 pixels wide nothing is cut off, and the
// commands wrap.
func TestHandsetNarrow(t *testing.T) {
	dev := process.Dev(t, binary, t.TempDir())
	p := open(t)
	p.show(t, 390, 844, "light")
	dev.GetCode(phone)
	dev.AwaitCode(phone, 0)
	p.do(t, chromedp.Navigate(dev.HandsetURL))
	p.await(t, `["#messages .code", "#lines li", "#rules tr"].every((s) => document.querySelector(s) !== null)`)
	wide := eval[int](t, p, `document.documentElement.scrollWidth`)
	overflowing := eval[[]string](t, p, `[...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > 390.5 ||
		e.matches("pre, p, li, td, .text, .what, header") && e.scrollWidth > e.clientWidth + 1).map((e) => e.tagName + "." + e.className)`)
	commands := eval[int](t, p, `document.querySelectorAll("#lines pre").length`)
	rules := eval[int](t, p, `document.querySelectorAll("#rules tr").length`)
	if wide > 390 || len(overflowing) > 0 {
		t.Errorf("the page is %d pixels wide, %v overflow", wide, overflowing)
	}
	if printed := strings.Count(dev.Out.String(), "\n# "); commands != printed {
		t.Errorf("%d commands on the page, %d printed", commands, printed)
	}
	if rules == 0 {
		t.Error("the numbers that misbehave are not shown")
	}
	p.screenshot(t, "handset-narrow")
	p.clean(t, dev.BaseURL)
}

// corner is the brightness of the picture's lower left pixel, 0 to 0xffff.
func corner(t *testing.T, picture []byte) uint32 {
	t.Helper()
	decoded, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	at := image.Pt(decoded.Bounds().Min.X, decoded.Bounds().Max.Y-1)
	r, g, b, _ := decoded.At(at.X, at.Y).RGBA()
	return (r + g + b) / 3
}
