//go:build interop

package process

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// OperatorToken is the token of servers that ServeCommand starts.
const OperatorToken = "token-of-the-operator-0123456789"

// ServeCommand is `yanma serve` on ports that are free, with the rest of its
// configuration as given. Its log goes to standard error.
func ServeCommand(t testing.TB, binary, rest string) *exec.Cmd {
	t.Helper()
	path := filepath.Join(t.TempDir(), "yanma.toml")
	// The fraud guard only records: tests send thousands of codes that nobody enters.
	text := "[server]\nlisten = \"127.0.0.1:0\"\n[operator]\nlisten = \"127.0.0.1:0\"\ntoken = \"env:YANMA_OPERATOR_TOKEN\"\n[guard]\nmode = \"record\"\n" + rest + "\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(binary, "serve", "--config", path)
	command.Env = append(os.Environ(), "YANMA_OPERATOR_TOKEN="+OperatorToken)
	return command
}

// Server is a `yanma serve` that answers.
type Server struct {
	*Process
	Public, Operator string // base URLs
}

// Serve starts what ServeCommand gives and waits until it is ready.
func Serve(t testing.TB, command *exec.Cmd) *Server {
	t.Helper()
	s := &Server{Process: Start(t, command)}
	s.Await(s.Err, `"yanma: ready"`)
	for line := range strings.Lines(s.Err.String()) {
		var ready struct{ Msg, Public, Operator string }
		if json.Unmarshal([]byte(line), &ready) == nil && ready.Msg == "yanma: ready" {
			s.Public, s.Operator = ready.Public, ready.Operator
		}
	}
	if s.Public == "" || s.Operator == "" {
		t.Fatalf("the log does not say where the server answers: %s", s.Err)
	}
	return s
}
