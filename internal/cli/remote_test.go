package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestServer(t *testing.T) {
	folder := t.TempDir()
	card := `{"base_url":"http://127.0.0.1:1","operator_url":"http://127.0.0.1:2","operator_token":"dev-token"}`
	if err := os.WriteFile(filepath.Join(folder, "dev.json"), []byte(card), 0o600); err != nil {
		t.Fatal(err)
	}
	tokenFile := file(t, "token", "file-token\n")
	both := map[string]string{"YANMA_OPERATOR_URL": "http://env:1", "YANMA_OPERATOR_TOKEN": "env-token"}
	t.Chdir(t.TempDir())
	for _, c := range []struct {
		name     string
		flags    remote
		env      map[string]string
		url, tok string
		err      string
	}{
		{"flags", remote{Operator: "http://flag:1", TokenFile: tokenFile}, both, "http://flag:1", "file-token", ""},
		{"URL by flag, token by environment", remote{Operator: "http://flag:1"}, both, "http://flag:1", "env-token", ""},
		{"environment", remote{}, both, "http://env:1", "env-token", ""},
		{"dev", remote{Dev: folder}, both, "http://127.0.0.1:2", "dev-token", ""},
		{"dev and more", remote{Dev: folder, Operator: "http://flag:1"}, nil, "", "", "--dev already names the server: leave --operator and --token-file out"},
		{"dev that does not run", remote{Dev: "nowhere"}, nil, "", "", "there is no nowhere/dev.json: is yanma dev running on this folder?"},
		{"nothing", remote{}, nil, "", "", "which server? Say --operator URL, YANMA_OPERATOR_URL, or --dev DIR of a running yanma dev"},
		{"a token without a URL", remote{TokenFile: tokenFile}, nil, "", "", "which server? Say --operator URL, YANMA_OPERATOR_URL, or --dev DIR of a running yanma dev"},
		{"no token", remote{Operator: "http://flag:1"}, nil, "", "", "the operator API wants a token: say --token-file FILE or set YANMA_OPERATOR_TOKEN"},
		{"no token file", remote{Operator: "http://flag:1", TokenFile: "nope"}, nil, "", "", "read the token: open nope: no such file or directory"},
		{"no card", remote{Dev: filepath.Dir(file(t, "dev.json", "{}"))}, nil, "", "", ""},
	} {
		got, err := c.flags.server(func(name string) string { return c.env[name] })
		if c.name == "no card" {
			if err == nil {
				t.Error("an empty dev.json was taken")
			}
			continue
		}
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if err != nil || got.url != c.url || got.token.Reveal() != c.tok {
			t.Errorf("%s: %s %q, %v", c.name, got.url, got.token.Reveal(), err)
		}
	}
}

func TestServerOfTheFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.Mkdir(devFolder, 0o700); err != nil {
		t.Fatal(err)
	}
	card := `{"operator_url":"http://127.0.0.1:2","operator_token":"dev-token"}`
	if err := os.WriteFile(filepath.Join(devFolder, "dev.json"), []byte(card), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := remote{}.server(func(string) string { return "" })
	if err != nil || got.url != "http://127.0.0.1:2" || got.token.Reveal() != "dev-token" {
		t.Errorf("%+v, %v", got, err)
	}
	// A token of another server is not sent there, nor this one's elsewhere.
	got, err = remote{}.server(func(name string) string {
		return map[string]string{"YANMA_OPERATOR_URL": "http://env:1", "YANMA_OPERATOR_TOKEN": "env-token"}[name]
	})
	if err != nil || got.url != "http://env:1" || got.token.Reveal() != "env-token" {
		t.Errorf("%+v, %v", got, err)
	}
}
