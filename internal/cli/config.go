package cli

import (
	"fmt"

	"yanma.dev/yanma/internal/config"
)

// configCommands are yanma config ….
type configCommands struct {
	Check configCheckCommand `cmd:"" help:"Check a configuration file: prints ok, or the first mistake with its line and key."`
}

// configFile is the flag that names a configuration file.
type configFile struct {
	Config string `help:"The configuration file." placeholder:"FILE" required:"" short:"c"`
}

func (f configFile) load(w World) (config.Config, error) {
	return config.Load(f.Config, w.Getenv, config.ReadFile)
}

type configCheckCommand struct{ configFile }

// Run checks the file, secrets included.
func (c configCheckCommand) Run(w World) error {
	if _, err := c.load(w); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w.Stdout, "ok")
	return err
}
