//go:build interop

package browser

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"yanma.dev/yanma/test/process"
)

// TestOneAccessLogin is the login of contracts/oneaccess.md §2 as a person does
// it: the piece is dragged to the gap that the screen shows, the code is read on
// the handset.
func TestOneAccessLogin(t *testing.T) {
	t.Parallel()
	dev := process.Dev(t, binary, t.TempDir())
	p := open(t)
	p.show(t, 1200, 900, "light")
	p.signIn(t, dev, "zh", "13800138000", func() {
		p.pull(t, p.rect(t, "#picture"), knob(p.rect(t, "#slider")), "oneaccess-puzzle")
	})
	if title := eval[string](t, p, `document.querySelector(".phone h2").innerText`); title != "登录" {
		t.Errorf("the page's title is %q", title)
	}
	p.screenshot(t, "oneaccess")
	p.do(t, chromedp.Click(chromedp.CSS("#logout")))
	p.await(t, `document.body.dataset.step === "number" && document.querySelector("#answer").innerText === "已退出登录。"`)

	// In English, and without looking at the picture: the device works instead.
	p.show(t, 390, 844, "dark")
	p.signIn(t, dev, "en", "13900139000", func() { p.do(t, chromedp.Click(chromedp.CSS("#work"))) })
	if title := eval[string](t, p, `document.querySelector(".phone h2").innerText`); title != "Sign in" {
		t.Errorf("the page's title is %q", title)
	}
	if wide := eval[int](t, p, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d pixels wide on a narrow screen", wide)
	}
	p.screenshot(t, "oneaccess-narrow")
	p.clean(t, dev.BaseURL)
	p.miss(t)
	for _, secret := range []string{"13800138000", "13900139000"} {
		if strings.Contains(dev.Log(), secret) {
			t.Errorf("%q is in the log", secret)
		}
	}
}

// miss lets go of the piece where it does not belong, with the keyboard: there
// is another picture, and no code.
func (p *page) miss(t *testing.T) {
	t.Helper()
	p.do(t, chromedp.Navigate(eval[string](t, p, `location.href`)))
	p.await(t, `document.body.dataset.ready === "yes"`)
	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `document.activeElement.id === "slider"`)
	first := eval[string](t, p, `document.body.dataset.picture`)
	p.do(t, chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
	if left := eval[string](t, p, `document.querySelector("#jigsaw").style.left`); left != "2px" {
		t.Errorf("two arrows move the piece to %q", left)
	}
	p.do(t, chromedp.KeyEvent(kb.Enter))
	p.await(t, fmt.Sprintf(`document.body.dataset.step === "puzzle" && document.body.dataset.picture !== %q && document.querySelector("#answer").innerText === "It does not fit. Here is another picture."`, first))
}

// knob is where the knob of the page's slider is: as wide as the piece, at the
// left end.
func knob(slider rect) rect {
	slider.Width = pieceWidth
	return slider
}

// signIn goes the whole way; solve does what the puzzle asks for.
func (p *page) signIn(t *testing.T, dev *process.DevServer, language, number string, solve func()) {
	t.Helper()
	p.do(t, chromedp.Navigate(dev.HandsetURL+"/oneaccess?lang="+language))
	p.await(t, `document.body.dataset.ready === "yes"`)
	eval[string](t, p, fmt.Sprintf(`document.querySelector("#number").value = %q`, number))
	p.do(t, chromedp.Click(chromedp.CSS("#go")))
	p.await(t, `document.body.dataset.step === "puzzle" && document.querySelector("#original").naturalWidth === 310 && document.querySelector("#jigsaw").naturalWidth === 47`)
	solve()
	p.await(t, `document.body.dataset.step === "code"`)
	p.do(t, chromedp.SendKeys(chromedp.CSS("#code"), p.readCode(t, dev, number)), chromedp.Click(chromedp.CSS("#check")))
	p.await(t, `document.body.dataset.step === "done"`)
	p.await(t, `document.querySelector("#verdict").className === "good"`)
	var claims struct {
		Aud   string   `json:"aud"`
		Phone string   `json:"phone_number"`
		AMR   []string `json:"amr"`
	}
	text := eval[string](t, p, `document.querySelector("#claims").textContent`)
	if err := json.Unmarshal([]byte(text), &claims); err != nil || claims.Phone != "+86"+number || claims.Aud != dev.OneAccess.ClientID || fmt.Sprint(claims.AMR) != "[sms]" {
		t.Errorf("the id_token says %s (%v)", text, err)
	}
}

// readCode reads a number's code on the handset, in another tab.
func (p *page) readCode(t *testing.T, dev *process.DevServer, number string) string {
	t.Helper()
	handset := p.beside(t)
	handset.do(t, chromedp.Navigate(dev.HandsetURL))
	const newest = `document.querySelector("#messages li")`
	handset.await(t, newest+`?.querySelector(".meta").innerText.includes("`+number+`")`)
	return eval[string](t, handset, newest+`.querySelector(".code").innerText`)
}
