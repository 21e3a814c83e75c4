package cli

import (
	"context"
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"time"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/obs"
)

type serveCommand struct{ configFile }

// Run serves until ctx ends, then drains.
func (c serveCommand) Run(ctx context.Context, w World) error {
	conf, err := c.load(w)
	if err != nil {
		return err
	}
	log, err := obs.OpenWriter(conf.Log.File, time.Now)
	if err != nil {
		return err
	}
	return errors.Join(serve(ctx, conf, w.Version, log), log.Close())
}

func serve(ctx context.Context, conf config.Config, version string, log *obs.Writer) error {
	server, err := app.Open(ctx, conf, app.Deps{Now: time.Now, Random: rand.Reader, Jitter: mathrand.Float64, Log: log, Version: version})
	if err != nil {
		return err
	}
	err = server.Start(ctx)
	if err == nil {
		select {
		case <-ctx.Done():
		case err = <-server.Failed():
		}
	}
	return errors.Join(err, server.Stop(context.WithoutCancel(ctx)))
}
