package cli

import (
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"crypto/rand"

	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/keyring"
	"yanma.dev/yanma/internal/store/postgres"
	"yanma.dev/yanma/internal/store/sqlite"
)

// place are the flags that name a database without a server: that of a
// configuration file, or a data folder with or without a database URL.
type place struct {
	Config   string `help:"The configuration file." placeholder:"FILE" short:"c"`
	Data     string `help:"In place of a configuration file: the data folder, such as that of yanma dev." placeholder:"DIR"`
	Database string `help:"With --data: database URL; none is SQLite in the data folder." placeholder:"URL"`
}

// conf is the configuration that the flags mean.
func (p place) conf(w World) (config.Config, error) {
	switch {
	case p.Config != "" && (p.Data != "" || p.Database != ""):
		return config.Config{}, errors.New("--config already names the database: leave --data and --database out")
	case p.Config != "":
		return configFile{p.Config}.load(w)
	case p.Data == "":
		return config.Config{}, errors.New("name the database: --config FILE, or --data DIR")
	}
	c := config.Defaults()
	c.Store.Data, c.Store.Database.Secret = p.Data, core.NewSecret(p.Database)
	return c, nil
}

// longWork lets a statement or commit that goes over all rows take its time.
const longWork = 24 * time.Hour

// openPostgres connects as one session.
func openPostgres(url string) postgres.Options {
	return postgres.Options{URL: url, Now: time.Now, Log: slog.New(slog.DiscardHandler), Readers: 1, Timeout: longWork, StatementLimit: longWork}
}

func openFolder(folder string) sqlite.Options {
	return sqlite.Options{Folder: folder, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// openKeyring opens the keyring that lies where the server would look for it.
func openKeyring(c config.Config) (*keyring.Ring, error) {
	path := c.Store.Keyring
	if path == "" {
		path = filepath.Join(c.Store.Data, "keyring.json")
	}
	return keyring.Open(path, rand.Reader)
}
