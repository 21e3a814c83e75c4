package app

import (
	"context"
	"net"
	"time"

	"yanma.dev/yanma/internal/store"
)

// World is what lies outside of the process, for a simulation that makes it
// fail. What is nil is the machine's own.
type World struct {
	// Listen opens the two HTTP listeners.
	Listen func(ctx context.Context, network, address string) (net.Listener, error)
	// Dial opens connections to carriers and to the tunnel webhook.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Disk stands between the server and its database: everything that reads or
	// writes rows once the schema is there goes through what it returns.
	Disk func(store.Engine) store.Engine
	// VoiceFrame is the time between two packets of a call's 20 ms, for a callee
	// that does not listen in real time; 0 is 20 ms.
	VoiceFrame time.Duration
}

func (w World) listen(ctx context.Context, address string) (net.Listener, error) {
	if w.Listen != nil {
		return w.Listen(ctx, "tcp", address)
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", address)
}

// disk puts the World's disk before a database.
func (w World) disk(d database) database {
	if w.Disk == nil {
		return d
	}
	return behind{database: d, disk: w.Disk(d)}
}

// behind is a database whose rows are reached through something else.
type behind struct {
	database
	disk store.Engine
}

func (b behind) Begin(ctx context.Context) (store.Tx, error) { return b.disk.Begin(ctx) }

func (b behind) View(ctx context.Context, f func(store.SQL) error) error { return b.disk.View(ctx, f) }

func (b behind) Update(ctx context.Context, f func(store.SQL) error) error {
	return b.disk.Update(ctx, f)
}

func (b behind) Flush() error {
	if f, ok := b.disk.(interface{ Flush() error }); ok {
		return f.Flush()
	}
	return nil
}

// startDatabase starts what a database does by itself: SQLite's checkpoints.
func (a *App) startDatabase() {
	d := a.database
	if b, ok := d.(behind); ok {
		d = b.database
	}
	if s, ok := d.(interface{ Start() }); ok {
		s.Start()
	}
}
