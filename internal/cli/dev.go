package cli

import (
	"context"

	"yanma.dev/yanma/internal/dev"
)

type devCommand struct {
	Data     string `help:"Data folder; made when it is missing." default:"./yanma-data" placeholder:"DIR"`
	Database string `help:"Database URL; none is SQLite in the data folder." placeholder:"URL"`
	Listen   string `help:"Public listener; port 0 picks one." default:"127.0.0.1:8080" placeholder:"ADDR"`
	Operator string `help:"Operator listener; port 0 picks one." default:"127.0.0.1:8081" placeholder:"ADDR"`
	Limits   string `help:"default, or off: lifts the frequency limits; the locks after wrong tries stay." enum:"default,off" default:"default"`
	CMPP     bool   `name:"cmpp" help:"Simulate a CMPP gateway too; mainland numbers go through it."`
}

// Run serves until ctx ends, then drains.
func (c devCommand) Run(ctx context.Context, w World) error {
	return dev.Run(ctx, dev.Options{Data: c.Data, Database: c.Database, Listen: c.Listen, Operator: c.Operator,
		LimitsOff: c.Limits == "off", CMPP: c.CMPP, Version: w.Version, Out: w.Stdout})
}
