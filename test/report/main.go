// Command report reads `go test -json` from standard input and prints what a
// person wants to know: a line for each package, the whole output of what
// failed, how many tests ran, and each test that was skipped, by name; of tests
// that passed, what they logged behind "counts: ". It ends with 1 when something
// failed, or when something was skipped and -skips=fail.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string // of a package that does not build
	Test       string
	Output     string
	Elapsed    float64
}

func main() {
	skips := flag.String("skips", "list", "list or fail")
	flag.Parse()
	r := report{out: os.Stdout, output: map[string]*strings.Builder{}}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
	if !r.summary(*skips == "fail") {
		os.Exit(1)
	}
}

// report is what was read so far.
type report struct {
	out             io.Writer
	output          map[string]*strings.Builder // of each test and package that runs
	passed          int
	failed, skipped []string
	broken          []string // packages that failed or did not build
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil { // what the go command says itself
				fmt.Fprintf(r.out, "%s", line)
			} else {
				r.take(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (r *report) take(e event) {
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if r.output[key] == nil {
			r.output[key] = &strings.Builder{}
		}
		r.output[key].WriteString(e.Output)
		return
	case "pass", "skip", "fail", "build-fail":
		r.end(e, key)
		delete(r.output, key)
	}
}

// end counts what ended and prints what a person must see of it.
func (r *report) end(e event, key string) {
	said := ""
	if b := r.output[key]; b != nil {
		said = b.String()
	}
	name := strings.TrimPrefix(e.Package, "yanma.dev/yanma/") + " " + e.Test
	switch {
	case e.Action == "build-fail":
		r.broken = append(r.broken, e.ImportPath)
		fmt.Fprint(r.out, said)
	case e.Test == "" && e.Action == "fail":
		r.broken = append(r.broken, e.Package)
		fmt.Fprint(r.out, said)
	case e.Test == "" && e.Action == "pass":
		fmt.Fprintf(r.out, "ok    %-42s %6.1f s\n", strings.TrimSpace(name), e.Elapsed)
	case e.Test == "":
	case e.Action == "fail":
		r.failed = append(r.failed, name)
		fmt.Fprint(r.out, said)
	case e.Action == "skip":
		r.skipped = append(r.skipped, name+": "+reason(said))
	default:
		r.passed++
		r.counts(name, said)
	}
}

// counts prints what a test counted.
func (r *report) counts(name, said string) {
	for line := range strings.Lines(said) {
		if _, counts, found := strings.Cut(line, ": counts: "); found {
			fmt.Fprintf(r.out, "      %s: %s", name, counts)
		}
	}
}

// reason is what a test said when it was skipped.
func reason(said string) string {
	var lines []string
	for line := range strings.Lines(said) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "=== ") && !strings.HasPrefix(line, "--- ") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

// summary prints the counts and tells whether all is well.
func (r *report) summary(noSkips bool) bool {
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, len(r.failed), len(r.skipped))
	for _, name := range r.skipped {
		fmt.Fprintln(r.out, "skipped:", name)
	}
	for _, name := range r.failed {
		fmt.Fprintln(r.out, "FAILED:", name)
	}
	for _, name := range r.broken {
		fmt.Fprintln(r.out, "FAILED:", name)
	}
	well := len(r.failed)+len(r.broken) == 0 && r.passed > 0
	if noSkips && len(r.skipped) > 0 {
		fmt.Fprintln(r.out, "FAILED: nothing may be skipped here")
		well = false
	}
	return well
}
