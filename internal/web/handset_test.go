package web_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"yanma.dev/yanma/internal/web"
)

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	web.Handset().ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
	return w
}

// TestHandsetLoadsOnlyItself: every file that the page names is there, has its
// type, and a policy that allows nothing from elsewhere.
func TestHandsetLoadsOnlyItself(t *testing.T) {
	loadsOnlyItself(t, "/handset/", map[string]string{"handset.css": "text/css", "handset.js": "text/javascript", "number": "text/html", "oneaccess": "text/html"})
	loadsOnlyItself(t, "/handset/number", map[string]string{"handset.css": "text/css", "number.css": "text/css", "number.js": "text/javascript"})
	loadsOnlyItself(t, "/handset/oneaccess", map[string]string{"handset.css": "text/css", "number.css": "text/css", "oneaccess.css": "text/css", "oneaccess.js": "text/javascript"})
	if worker := get(t, "/handset/oneaccess-work.js"); worker.Code != http.StatusOK || !strings.HasPrefix(worker.Header().Get("Content-Type"), "text/javascript") {
		t.Errorf("the worker: %d %s", worker.Code, worker.Header().Get("Content-Type"))
	}
}

func loadsOnlyItself(t *testing.T, path string, types map[string]string) {
	t.Helper()
	page := get(t, path)
	if page.Code != http.StatusOK || !strings.HasPrefix(page.Body.String(), "<!doctype html>") {
		t.Fatalf("%d %s", page.Code, page.Body)
	}
	for _, found := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1) {
		name := found[1]
		if name == "data:," || name == "./" || name == "/libraries/js/vfmobile.min.js" { // the server's own script
			continue
		}
		file := get(t, "/handset/"+name)
		if file.Code != http.StatusOK || !strings.HasPrefix(file.Header().Get("Content-Type"), types[name]) || types[name] == "" {
			t.Errorf("%s: %d %s", name, file.Code, file.Header().Get("Content-Type"))
		}
		delete(types, name)
		checkPolicy(t, file)
	}
	if len(types) != 0 {
		t.Errorf("the page does not load %v", types)
	}
	checkPolicy(t, page)
}

func checkPolicy(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") ||
		!strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
	if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-store" || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("headers %v", w.Header())
	}
}

func TestHandsetPaths(t *testing.T) {
	if w := get(t, "/handset"); w.Code != http.StatusFound || w.Header().Get("Location") != "/handset/" {
		t.Errorf("%d to %q", w.Code, w.Header().Get("Location"))
	}
	for _, path := range []string{"/handset/nothing", "/handset/handset.go", "/handset/..%2fhandset.go"} {
		if w := get(t, path); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
}
