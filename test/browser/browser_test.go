//go:build interop

package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	logdomain "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"yanma.dev/yanma/test/process"
)

var binary string

func TestMain(m *testing.M) { os.Exit(process.Main(m, &binary)) }

// page is a browser tab that remembers what went wrong in it and what it
// asked for.
type page struct {
	ctx context.Context

	mu       sync.Mutex
	problems []string
	requests []string
}

// open starts a browser with a profile of its own.
func open(t *testing.T) *page {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		process.Missing(t, "chromium is not installed; scripts/setup.sh installs it on Debian")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.UserDataDir(t.TempDir()), chromedp.Env("TMPDIR="+t.TempDir()), chromedp.WindowSize(1200, 760), chromedp.WSURLReadTimeout(process.Patience),
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("hide-scrollbars", true))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 3*process.Patience)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits until it wrote its profile
			t.Errorf("close the browser: %v", err)
		}
	})
	return listen(t, ctx)
}

// listen begins to hear what a tab reports.
func listen(t *testing.T, ctx context.Context) *page {
	t.Helper()
	p := &page{ctx: ctx}
	if err := chromedp.Listen(ctx, p.hear); err != nil {
		t.Fatalf("start the browser: %v", err)
	}
	call(t, ctx, network.Enable, network.EnableParams{})
	call(t, ctx, logdomain.Enable, cdp.Empty{})
	call(t, ctx, runtime.Enable, cdp.Empty{})
	return p
}

// beside opens another tab of the same browser.
func (p *page) beside(t *testing.T) *page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(p.ctx)
	t.Cleanup(cancel)
	return listen(t, ctx)
}

func call[P any](t *testing.T, ctx context.Context, command cdp.Command[P, cdp.Empty], params P) {
	t.Helper()
	if _, err := chromedp.Call(ctx, command, params); err != nil {
		t.Fatal(err)
	}
}

// hear takes what the browser reports.
func (p *page) hear(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.problems = append(p.problems, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			p.problems = append(p.problems, fmt.Sprintf("console: %s", e.Args[0].Value))
		}
	case *logdomain.EventEntryAdded:
		if e.Entry.Level == logdomain.EntryLevelError || e.Entry.Level == logdomain.EntryLevelWarning {
			p.problems = append(p.problems, "log: "+e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, e.Request.URL)
	}
}

// do runs actions that give nothing.
func (p *page) do(t *testing.T, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(p.ctx, actions...); err != nil {
		t.Fatalf("browser: %v; it reported %q", err, p.reported())
	}
}

// await polls a JavaScript expression until it is true.
func (p *page) await(t *testing.T, expression string) {
	t.Helper()
	_, err := chromedp.Run(p.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(process.Patience)))
	if err != nil {
		t.Fatalf("browser: %s: %v; it reported %q", expression, err, p.reported())
	}
}

// eval gives the value of a JavaScript expression.
func eval[T any](t *testing.T, p *page, expression string) T {
	t.Helper()
	value, err := chromedp.Run(p.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatalf("browser: %s: %v; it reported %q", expression, err, p.reported())
	}
	return value
}

func (p *page) reported() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.problems...)
}

// clean fails the test when the page complained, or asked anyone but origin.
func (p *page) clean(t *testing.T, origin string) {
	t.Helper()
	if problems := p.reported(); len(problems) > 0 {
		t.Errorf("the page complained: %q", problems)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.requests) == 0 {
		t.Error("no request was seen: the test can not see what the page asks for")
	}
	for _, url := range p.requests {
		if !strings.HasPrefix(url, origin+"/") && !strings.HasPrefix(url, "data:") && !strings.HasPrefix(url, "blob:"+origin+"/") {
			t.Errorf("the page asked %s", url)
		}
	}
}

// screenshot gives the visible part of the page as PNG, and keeps it in the
// folder of YANMA_SCREENSHOTS when that is set.
func (p *page) screenshot(t *testing.T, name string) []byte {
	t.Helper()
	png, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if len(png) < 5000 || string(png[1:4]) != "PNG" {
		t.Fatalf("the screenshot has %d bytes", len(png))
	}
	if folder := os.Getenv("YANMA_SCREENSHOTS"); folder != "" {
		if err := os.WriteFile(folder+"/"+name+".png", png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return png
}

// show gives the page a size in CSS pixels and a colour scheme.
func (p *page) show(t *testing.T, width, height int64, scheme string) {
	t.Helper()
	p.do(t, chromedp.EmulateViewport(width, height))
	call(t, p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
}
