package camaratest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
)

// API is the OpenAPI files.
type API struct {
	routers map[string]routers.Router // by the base path
	Checked int                       // exchanges that were held to a file
}

// New reads the files of a folder.
func New(t testing.TB, folder string) *API {
	t.Helper()
	a := &API{routers: map[string]routers.Router{}}
	for base, file := range map[string]string{
		"/number-verification/v2":   "number-verification-r3.2.yaml",
		"/one-time-password-sms/v1": "one-time-password-sms-r3.2.yaml",
	} {
		doc, err := openapi3.NewLoader().LoadFromFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		doc.Servers = openapi3.Servers{{URL: base}}
		if a.routers[base], err = legacy.NewRouter(doc); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

// Check holds one exchange to its file: a request that was served is as
// described, and so is every answer. One that the file does not describe, such
// as 405 or 503, has the error's shape.
func (a *API) Check(t *testing.T, request string, status int, header http.Header, body string) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(request)))
	if err != nil {
		return // no HTTP request: nothing is described for it
	}
	sent, _ := io.ReadAll(r.Body)
	sent = bytes.TrimPrefix(sent, []byte("\xef\xbb\xbf")) // contracts/README.md §3.1: it is skipped
	for base, router := range a.routers {
		if strings.HasPrefix(r.URL.Path, base+"/") {
			a.check(t, router, r, sent, status, header, body)
		}
	}
}

func (a *API) check(t *testing.T, router routers.Router, r *http.Request, sent []byte, status int, header http.Header, body string) {
	t.Helper()
	a.Checked++
	if status >= http.StatusBadRequest {
		checkShape(t, r, status, body)
	}
	r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
	route, params, err := router.FindRoute(r)
	if err != nil {
		if status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: %d for what is not described: %v", r.Method, r.URL, status, err)
		}
		return
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}}
	if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil && status < http.StatusBadRequest {
		t.Errorf("%s %s: %d for a request that is not as described: %v\n%s", r.Method, r.URL, status, err, sent)
	}
	if route.Operation.Responses.Status(status) == nil {
		return // its shape was looked at
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{RequestValidationInput: in,
		Status: status, Header: header, Body: io.NopCloser(strings.NewReader(body)), Options: in.Options})
	if err != nil {
		t.Errorf("%s %s: the answer %d is not as described: %v\n%s", r.Method, r.URL, status, err, body)
	}
}

// checkShape is ErrorInfo: status, which is the HTTP status, code and message.
func checkShape(t *testing.T, r *http.Request, status int, body string) {
	t.Helper()
	if r.Method == http.MethodHead {
		return
	}
	var info struct {
		Status  int
		Code    string
		Message string
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&info); err != nil || info.Status != status || info.Code == "" || info.Message == "" {
		t.Errorf("%s %s: %d with %s (%v)", r.Method, r.URL, status, body, err)
	}
}
