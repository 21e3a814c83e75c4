package facadetest

import (
	"net/http"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// Env is a running installation with one app, for one file of exchanges.
type Env interface {
	// Addr is the host and port of the public listener.
	Addr() string
	// Value is what a placeholder of a request stands for: {{code 13800138000}}
	// asks for "code" of one argument. False when there is no such value.
	Value(name string, args []string) (string, bool)
	// Do carries out a directive such as "advance 60s"; it fails the test when
	// there is no such directive.
	Do(t *testing.T, directive string, args []string)
}

// Suite is how a dialect's exchanges are run.
type Suite struct {
	Files    string // a pattern as in testdata/*.txtar
	Start    func(t *testing.T) Env
	Always   []string          // header lines of every response that does not name them itself
	Patterns map[string]string // what placeholders of responses match, beside the common ones

	// Check looks at every request and its answer, as they went over the wire;
	// nil: nobody does.
	Check func(t *testing.T, request string, status int, header http.Header, body string)
}

// patterns are the placeholders that every dialect has.
var patterns = map[string]string{
	"request_id": `[0-7][0-9a-hjkmnp-tv-z]{25}`, // contracts/README.md §3.2
	"seconds":    `[1-9][0-9]*`,
	"key_base64": `[A-Za-z0-9+/]{43}=`,
}

// Run runs every file as a subtest with an Env of its own.
func Run(t *testing.T, s Suite) {
	files, err := filepath.Glob(s.Files)
	if err != nil || len(files) == 0 {
		t.Fatalf("no exchanges in %s (%v)", s.Files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r := runner{suite: s, env: s.Start(t), values: map[string]string{}}
			r.run(t, archive.Files)
		})
	}
}

// runner runs one file.
type runner struct {
	suite  Suite
	env    Env
	values map[string]string // captured so far
	asked  string            // name of the request whose responses are awaited
	got    []response        // answers that no response section has matched yet
}

var sectionName = regexp.MustCompile(`^(setup|(\S+) (step|request|response)(?: x(\d+))?)$`)

func (r *runner) run(t *testing.T, sections []txtar.File) {
	t.Helper()
	for _, section := range sections {
		parts := sectionName.FindStringSubmatch(section.Name)
		if parts == nil {
			t.Fatalf("section %q: want setup, NN step, NN request or NN response", section.Name)
		}
		times := 1
		if parts[4] != "" {
			times, _ = strconv.Atoi(parts[4])
		}
		if parts[3] != "response" {
			r.allMatched(t)
		}
		switch parts[3] {
		case "request":
			r.asked = parts[2]
			r.got = r.send(t, string(section.Data), times)
		case "response":
			if parts[2] != r.asked {
				t.Fatalf("section %q: the request before it is %q", section.Name, r.asked)
			}
			r.match(t, section, times)
		default:
			r.steps(t, string(section.Data))
		}
	}
	r.allMatched(t)
}

// steps carries out directives, one a line.
func (r *runner) steps(t *testing.T, text string) {
	t.Helper()
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(r.fill(t, line))
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		if words[0] == "remember" && len(words) == 3 {
			r.values[words[1]] = words[2]
			continue
		}
		r.env.Do(t, words[0], words[1:])
	}
}

// match finds as many answers as the section says.
func (r *runner) match(t *testing.T, section txtar.File, times int) {
	t.Helper()
	want := r.parseWant(t, string(section.Data))
	var rest []response
	var why string
	for _, got := range r.got {
		if times > 0 {
			if why = r.difference(want, got); why == "" {
				times--
				continue
			}
		}
		rest = append(rest, got)
	}
	if times > 0 {
		if len(rest) == 0 {
			t.Fatalf("%s: %d answers missing", section.Name, times)
		}
		t.Fatalf("%s: %s\n--- want\n%s\n--- got\n%s", section.Name, why, r.show(want), rest[0])
	}
	r.got = rest
}

func (r *runner) allMatched(t *testing.T) {
	t.Helper()
	if len(r.got) > 0 {
		t.Fatalf("%s response: %d answers match no section, the first is\n%s", r.asked, len(r.got), r.got[0])
	}
}
