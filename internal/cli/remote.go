package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/operator/client"
)

// remote are the flags of every command that asks a running server.
type remote struct {
	Operator  string `help:"URL of the server's operator API; or YANMA_OPERATOR_URL." placeholder:"URL"`
	TokenFile string `help:"File with the operator token; or YANMA_OPERATOR_TOKEN." placeholder:"FILE"`
	Dev       string `help:"Data folder of a running yanma dev, whose dev.json has both. Default: ./yanma-data when nothing else is said." placeholder:"DIR"`
	JSON      bool   `help:"Print JSON." name:"json"`
}

// devFolder is where yanma dev keeps its data unless told otherwise.
const devFolder = "yanma-data"

// server is where the operator API is and what it wants to be shown.
type server struct {
	url   string
	token core.Secret
}

// connect returns a client of the server.
func (r remote) connect(w World) (*client.Client, error) {
	s, err := r.server(w.Getenv)
	if err != nil {
		return nil, err
	}
	return client.New(s.url, s.token, &http.Client{}), nil
}

// print writes v as JSON where that was asked for, and as text otherwise.
func (r remote) print(w World, v any, text func() error) error {
	if r.JSON {
		return printJSON(w.Stdout, v)
	}
	return text()
}

// server finds the server, in this order: flags, environment, a dev server in
// the current folder. A token is only ever sent to the URL that it came with.
func (r remote) server(getenv func(string) string) (server, error) {
	if r.Dev != "" {
		if r.Operator != "" || r.TokenFile != "" {
			return server{}, errors.New("--dev already names the server: leave --operator and --token-file out")
		}
		return devServer(r.Dev)
	}
	found := server{url: r.Operator}
	if found.url == "" {
		found.url = getenv("YANMA_OPERATOR_URL")
	}
	if found.url == "" {
		if _, err := os.Stat(filepath.Join(devFolder, "dev.json")); err == nil && r.TokenFile == "" {
			return devServer(devFolder)
		}
		return server{}, errors.New("which server? Say --operator URL, YANMA_OPERATOR_URL, or --dev DIR of a running yanma dev")
	}
	token, err := r.token(getenv)
	if err != nil {
		return server{}, err
	}
	found.token = core.NewSecret(token)
	return found, nil
}

func (r remote) token(getenv func(string) string) (string, error) {
	token := getenv("YANMA_OPERATOR_TOKEN")
	if r.TokenFile != "" {
		data, err := os.ReadFile(r.TokenFile)
		if err != nil {
			return "", fmt.Errorf("read the token: %w", err)
		}
		token = string(data)
	}
	if token = strings.TrimSpace(token); token == "" {
		return "", errors.New("the operator API wants a token: say --token-file FILE or set YANMA_OPERATOR_TOKEN")
	}
	return token, nil
}

// devServer reads the dev.json that yanma dev writes while it runs (design.md
// "Running it").
func devServer(folder string) (server, error) {
	path := filepath.Join(folder, "dev.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return server{}, fmt.Errorf("there is no %s: is yanma dev running on this folder?", path)
	}
	if err != nil {
		return server{}, err
	}
	var card struct {
		URL   string `json:"operator_url"`
		Token string `json:"operator_token"`
	}
	if json.Unmarshal(data, &card) != nil || card.URL == "" || card.Token == "" {
		return server{}, fmt.Errorf("%s does not name an operator URL and token", path)
	}
	return server{url: card.URL, token: core.NewSecret(card.Token)}, nil
}
