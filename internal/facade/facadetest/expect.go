package facadetest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// wanted is a response section.
type wanted struct {
	status string
	header [][2]string // name and value, in their order
	absent []string
	body   string
}

func (r *runner) parseWant(t *testing.T, text string) wanted {
	t.Helper()
	head, body, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	w := wanted{status: lines[0], body: compact(strings.TrimSuffix(body, "\n"))}
	named := map[string]bool{}
	for _, line := range append(lines[1:len(lines):len(lines)], r.suite.Always...) {
		if name, absent := strings.CutPrefix(line, "!"); absent {
			w.absent = append(w.absent, name)
			named[http.CanonicalHeaderKey(name)] = true
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			t.Fatalf("response header %q: want a name and a value", line)
		}
		if key := http.CanonicalHeaderKey(name); !named[key] {
			named[key] = true
			w.header = append(w.header, [2]string{key, strings.TrimSpace(value)})
		}
	}
	return w
}

// compact is the compact form of JSON written in several lines.
func compact(body string) string {
	if !strings.Contains(body, "\n") {
		return body
	}
	var out bytes.Buffer
	if json.Compact(&out, []byte(body)) != nil {
		return body
	}
	return out.String()
}

// difference says how got is not what is wanted; "" when it is. Values are
// captured only from an answer that matches.
func (r *runner) difference(w wanted, got response) string {
	if got.status != w.status {
		return fmt.Sprintf("status %q", got.status)
	}
	for _, name := range w.absent {
		if _, there := got.header[http.CanonicalHeaderKey(name)]; there {
			return name + " must not be there"
		}
	}
	captured := map[string]string{}
	for _, h := range w.header {
		values, there := got.header[h[0]]
		if !there || !r.matches(captured, h[1], strings.Join(values, ", ")) {
			return fmt.Sprintf("%s is %q", h[0], values)
		}
	}
	if !r.matches(captured, w.body, strings.TrimSuffix(got.body, "\n")) {
		return "the body differs"
	}
	maps.Copy(r.values, captured)
	return ""
}

var placeholder = regexp.MustCompile(`\{\{([^{}]+)\}\}`)

// matches compares text with one that has placeholders.
func (r *runner) matches(captured map[string]string, want, got string) bool {
	var expression strings.Builder
	var names []string
	expression.WriteString(`(?s)\A`)
	at := 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(want, -1) {
		expression.WriteString(regexp.QuoteMeta(want[at:m[0]]))
		name := want[m[2]:m[3]]
		if value, known := r.known(captured, name); known {
			expression.WriteString(regexp.QuoteMeta(value))
		} else if base, any := strings.CutPrefix(name, "any_"); any {
			expression.WriteString(r.pattern(base))
		} else {
			expression.WriteString("(" + r.pattern(name) + ")")
			names = append(names, name)
		}
		at = m[1]
	}
	expression.WriteString(regexp.QuoteMeta(want[at:]) + `\z`)
	found := regexp.MustCompile(expression.String()).FindStringSubmatch(got)
	if found == nil {
		return false
	}
	for i, name := range names {
		if value, again := captured[name]; again && value != found[i+1] {
			return false
		}
		captured[name] = found[i+1]
	}
	return true
}

func (r *runner) known(captured map[string]string, name string) (string, bool) {
	if value, ok := captured[name]; ok {
		return value, true
	}
	if value, ok := r.values[name]; ok {
		return value, true
	}
	words := strings.Fields(name)
	return r.env.Value(words[0], words[1:])
}

// pattern is what a placeholder matches; an unknown one matches nothing.
func (r *runner) pattern(name string) string {
	base, _, _ := strings.Cut(name, ".")
	if p, ok := r.suite.Patterns[base]; ok {
		return p
	}
	if p, ok := patterns[base]; ok {
		return p
	}
	return `\z\A` // and the message shows the placeholder
}

// show writes what is wanted with the values that are known.
func (r *runner) show(w wanted) string {
	lines := []string{w.status}
	for _, h := range w.header {
		lines = append(lines, h[0]+": "+h[1])
	}
	for _, name := range w.absent {
		lines = append(lines, "!"+name)
	}
	text := strings.Join(lines, "\n") + "\n\n" + w.body
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		if value, ok := r.known(nil, m[2:len(m)-2]); ok {
			return value
		}
		return m
	})
}

var repeated = regexp.MustCompile(`\A(.+)\*(\d+)\z`)

// fill replaces the placeholders of a request.
func (r *runner) fill(t *testing.T, text string) string {
	t.Helper()
	return placeholder.ReplaceAllStringFunc(text, func(m string) string {
		name := m[2 : len(m)-2]
		if parts := repeated.FindStringSubmatch(name); parts != nil {
			n, _ := strconv.Atoi(parts[2])
			return strings.Repeat(parts[1], n)
		}
		if digits, ok := strings.CutPrefix(name, "hex "); ok {
			raw, err := hex.DecodeString(digits)
			if err != nil {
				t.Fatalf("%s: %v", m, err)
			}
			return string(raw)
		}
		value, ok := r.known(nil, name)
		if !ok {
			t.Fatalf("%s: there is no such value", m)
		}
		return value
	})
}
