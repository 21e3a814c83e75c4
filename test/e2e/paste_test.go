//go:build interop

package e2e

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"yanma.dev/yanma/test/process"
)

// printedLine is one command that dev prints, under its title.
type printedLine struct{ what, command string }

func printedLines(t *testing.T, out string) []printedLine {
	t.Helper()
	var lines []printedLine
	for _, block := range strings.Split(out, "\n\n") {
		if what, command, ok := strings.Cut(strings.TrimSuffix(block, "\n"), "\n"); ok && strings.HasPrefix(what, "# ") {
			lines = append(lines, printedLine{what[2:], command})
		}
	}
	return lines
}

// paste runs commands in one bash, in order, and gives what each one said.
// Nothing waits between two of them: they may be pasted all at once.
func paste(t *testing.T, lines []printedLine) []string {
	t.Helper()
	const mark = "\x1e"
	var script strings.Builder
	for _, l := range lines {
		script.WriteString(l.command + "\nprintf '\\036'\n")
	}
	bash := exec.Command("bash")
	bash.Stdin = strings.NewReader(script.String())
	var errors bytes.Buffer
	bash.Stderr = &errors
	out, err := bash.Output()
	if err != nil || errors.Len() > 0 {
		t.Fatalf("bash: %v\n%s\n%s", err, out, errors.String())
	}
	said := strings.Split(strings.TrimSuffix(string(out), mark), mark)
	for i := range said {
		said[i] = strings.TrimSpace(said[i])
	}
	return said
}

// TestPrintedCommands pastes every command that dev prints, verbatim.
func TestPrintedCommands(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir())
	lines := printedLines(t, d.Out.String())
	wants := []struct{ what, answer string }{
		{"Ask for a code", `^\{"status":"ok","phone_no":"13800138000"\}$`},
		{"Read it from the handset, as a script would", `^[0-9]{6}$`},
		{"Answer it: logged in", `^yb[0-7][0-9a-hjkmnp-tv-z]{25}$`},
		{"Add a device", `^dv[0-7][0-9a-hjkmnp-tv-z]{25}$`},
		{"List the devices", `^\{"status":"ok","device_ids":\["dv[0-9a-z]{26}"\]\}$`},
		{"Get its tunnel configuration", `(?s)^\[Interface\]\nPrivateKey = [A-Za-z0-9+/]{43}=\nAddress = .*\[Peer\]\nPublicKey = .*Endpoint = vpn\.example\.com:51820\n`},
		{"The test number needs no message", `^\{"status":"ok","yb_uid":"yb[0-7][0-9a-hjkmnp-tv-z]{25}"\}$`},
		{"jsms: send a code", `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
		{"Read it from the handset and check it", `^\{"is_valid":true\}$`},
		{"What is left of the balance", `^\{"app_balance":\d+.*\}$`},
		{"Is this the number of this SIM? Get a proof from the simulated carrier, as the phone would", `^STsid[0-9]{10}[0-9A-Za-z]{22}$`},
		{"Ask, with a signature over time and proof: identical is true", `^\{"status":"success","msg_id":"[0-9a-f]{32}","result":\{"identical":true,"msg":"认证通过"\}\}$`},
		{"The SDK's dialect (oneaccess): its clock, with the headers of every call; the page /handset/oneaccess solves the puzzle with you", `^\{"timestamp":"[0-9]{13}"\}$`},
		{"The test number needs neither puzzle nor message: logged in", `^[A-Za-z0-9]{32}$`},
		{"Its backend: get an access token", `^[0-9a-f]{32}$`},
		{"A ticket for another of your sites", `^\{"expire":300,"sso_ticket":"ssoTicket-[A-Za-z0-9]{32}"\}$`},
		{"The keys of its id tokens", `^\{"keys":\[\{.*"kty":"RSA","kid":"[A-Za-z0-9_-]{16,43}","alg":"RS256".*\}\]\}$`},
		{"The open API (CAMARA): get an access token", `^[A-Za-z0-9_-]{43}$`},
		{"Send a code in your own words", `^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
		{"Validate it: 204", `^204$`},
	}
	if len(lines) != len(wants) {
		t.Fatalf("%d commands are printed, %d are known here:\n%s", len(lines), len(wants), d.Out)
	}
	said := paste(t, lines)
	for i, want := range wants {
		if lines[i].what != want.what {
			t.Errorf("command %d is %q, want %q", i+1, lines[i].what, want.what)
		}
		if !regexp.MustCompile(want.answer).MatchString(said[i]) {
			t.Errorf("%s\n%s\nanswered %q, want %s", lines[i].what, lines[i].command, said[i], want.answer)
		}
	}
	// The page shows the same commands.
	var page struct {
		Lines []struct{ What, Command string } `json:"lines"`
	}
	if err := json.Unmarshal([]byte(process.Get(t, d.BaseURL+"/handset/api/about")), &page); err != nil || len(page.Lines) != len(lines) {
		t.Fatalf("%d lines on the page, %v", len(page.Lines), err)
	}
	for i, l := range page.Lines {
		if l.What != lines[i].what || l.Command != lines[i].command {
			t.Errorf("the page says %q, the terminal %q", l, lines[i])
		}
	}
}

// TestNewestCode: the command that reads the code takes the newest of several.
func TestNewestCode(t *testing.T) {
	d := process.Dev(t, binary, t.TempDir(), "--limits", "off")
	lines := printedLines(t, d.Out.String())
	for range 3 {
		said := paste(t, lines[:3])
		if !strings.HasPrefix(said[2], "yb") {
			t.Errorf("%q", said)
		}
	}
}
