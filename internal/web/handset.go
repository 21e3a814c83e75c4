package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed handset
var files embed.FS

// policy lets the page load its own files and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; media-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// named are the pages beside the handset: number verification, and the login of
// contracts/oneaccess.md §2 as an app's page does it.
var named = map[string]string{"/handset/number": "number.html", "/handset/oneaccess": "oneaccess.html"}

// Handset serves the handset page below /handset.
func Handset() http.Handler {
	pages, err := fs.Sub(files, "handset")
	if err != nil {
		panic(err) // the folder is embedded: this can not happen in a built binary
	}
	static := http.StripPrefix("/handset/", http.FileServerFS(pages))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		if r.URL.Path == "/handset" {
			http.Redirect(w, r, "/handset/", http.StatusFound)
			return
		}
		if page, ok := named[r.URL.Path]; ok {
			http.ServeFileFS(w, r, pages, page)
			return
		}
		static.ServeHTTP(w, r)
	})
}
