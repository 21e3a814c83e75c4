package simulation

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/config"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/obs"
	"yanma.dev/yanma/internal/store"
)

// Addresses of the simulated world.
const (
	publicAddr   = "10.0.0.1:80"
	operatorAddr = "10.0.0.1:81"
	gatewayAddr  = "10.0.3.1:80"
)

// The bubble's clock begins in 2000; ids count from 2024.
const clockAhead = 26 * 366 * 24 * time.Hour

// world is one run.
type world struct {
	t       *testing.T
	fate    fate
	net     *network
	folder  string // of all lives' data folders
	site    *site  // what every run begins with
	planted planted
	trace   trace
	ledger  ledger // what was answered, and what left
	hits    *hits

	carriers [2]*carrier
	gateway  *gateway

	calm    atomic.Bool
	offset  atomic.Int64 // of the servers' clock, besides clockAhead
	jumped  atomic.Bool  // the clock was set
	faults  int          // ‰ of the disk's calls that fail
	crashes int          // ‰ that end the life
	left    atomic.Int64 // crashes
	target  *target

	crashed chan *life
	next    string // the folder of the next life
	lives   int
	current *life
	ending  sync.WaitGroup // of lives that are over
	doomed  sync.WaitGroup // lives that will be, soon
}

// planted are known bugs, for the proof that they are found, and moods.
type planted struct {
	early   bool               // a flush is answered before it was done
	lies    bool               // the disk says that it committed and did not
	forgets time.Duration      // between two times that resends are forgotten
	write   func(*store.Batch) // changes what is written
	setBack time.Duration      // the clock, at the end of the storm, while the lines die
	mood    int                // of carriers, in the storm; 0 is by fate
	routes  []config.Route     // besides the one of all carriers
	window  int                // of the links to carriers; 0 is defaultWindow
}

func (w *world) now() time.Time {
	return setBy(w.trace.began, clockAhead+time.Duration(w.offset.Load()))
}

func (w *world) stormy() bool { return !w.calm.Load() }

// life is one process of the server.
type life struct {
	world  *world
	name   string
	folder string
	over   atomic.Bool
	disk   *disk
	app    *app.App
	log    *obs.Writer
}

func (l *life) ended() bool { return l.over.Load() }

// trouble decides at a failpoint.
func (w *world) trouble(who, point string, possible []verdict) verdict {
	if !w.stormy() {
		return well
	}
	now := time.Now().UnixNano()
	v, aimed := well, w.target.hit(point)
	switch {
	case aimed:
		v = w.target.verdict
	case w.fate.chance(w.crashes, "crash at "+who+point, now):
		v = []verdict{crashed, crashedKept}[w.fate.below(2, "which crash at "+point, now)]
	case w.fate.chance(w.faults, "trouble at "+who+point, now):
		v = []verdict{failed, failedKept}[w.fate.below(2, "which trouble at "+point, now)]
	}
	if !slices.Contains(possible, v) || v >= crashed && !aimed && w.left.Add(-1) < 0 {
		return well
	}
	w.hits.count(point, v)
	w.trace.add("disk", "%s: %s", point, v)
	return v
}

// crash ends a life: its disk is kept as it is, its connections are gone, and
// whatever it still does has no effect.
func (l *life) crash(d *disk, why string) {
	if l.over.Swap(true) {
		return
	}
	w := l.world
	unsynced := int(d.commits.Load() - d.durable.Load())
	lose := 0
	if unsynced > 0 {
		lose = w.fate.below(unsynced+1, "commits that were not on disk", time.Now().UnixNano())
	}
	w.next = filepath.Join(w.folder, fmt.Sprint("life", w.lives+1))
	if err := keepDisk(l.folder, w.next, lose); err != nil {
		w.t.Errorf("keep the disk: %v", err)
	}
	w.trace.add("life", "%s ends at %s, %d commits lost", l.name, why, lose)
	w.ledger.crash(time.Now())
	w.net.cut(l.name)
	w.crashed <- l
}

// keepDisk copies what a power cut leaves: the database, and its WAL without
// the last commits that were not flushed.
func keepDisk(from, to string, lose int) error {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	for _, name := range []string{"yanma.db", "yanma.db-wal", "keyring.json"} {
		b, err := os.ReadFile(filepath.Join(from, name))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return err
		}
		if name == "yanma.db-wal" {
			index, _ := os.ReadFile(filepath.Join(from, "yanma.db-shm")) // none: nothing was copied
			b = withoutCommits(b, copiedFrames(index), lose)
		}
		if err := os.WriteFile(filepath.Join(to, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// copiedFrames is how many frames of the WAL a checkpoint has copied into the
// database (nBackfill of SQLite's WAL index). It synced them before.
func copiedFrames(index []byte) int {
	if len(index) < 100 {
		return 0
	}
	return int(binary.NativeEndian.Uint32(index[96:]))
}

// withoutCommits ends a WAL before its last commits, except those that were
// copied. A commit of an earlier turn of the WAL has been copied.
func withoutCommits(wal []byte, copied, lose int) []byte {
	const header, frameHeader = 32, 24
	if lose == 0 || len(wal) < header {
		return wal
	}
	size := int(binary.BigEndian.Uint32(wal[8:])) + frameHeader
	salt := wal[16:24]
	begins, start := []int{}, header // where each commit begins
	for at := header; at+size <= len(wal) && bytes.Equal(wal[at+8:at+16], salt); at += size {
		if binary.BigEndian.Uint32(wal[at+4:]) == 0 { // not the last frame of a commit
			continue
		}
		if start >= header+copied*size {
			begins = append(begins, start)
		}
		start = at + size
	}
	if lose = min(lose, len(begins)); lose == 0 {
		return wal
	}
	return wal[:begins[len(begins)-lose]]
}

// start begins a life on what the one before left. A start that fails is tried
// again, as a supervisor would.
func (w *world) start() {
	for {
		w.lives++
		if w.lives > 60 {
			w.t.Error("the server does not start any more")
			w.calm.Store(true)
			w.t.FailNow()
		}
		l := &life{world: w, name: fmt.Sprint("life", w.lives), folder: w.next}
		w.current = l
		ctx := context.Background()
		log := obs.NewWriter(w.log(), time.Now, obs.WriterOptions{})
		a, err := app.Open(ctx, w.config(l), app.Deps{Now: w.now, Random: w.random(), Jitter: func() float64 {
			return float64(w.fate.below(1000, "jitter", time.Now().UnixNano())) / 1000
		}, Log: log, Version: "simulation", World: w.outside(l)})
		if err == nil {
			l.app, l.log = a, log
			if err = a.Start(ctx); err != nil {
				w.t.Errorf("start: %v", err)
			}
			w.trace.add("life", "%s begins", l.name)
			return
		}
		_ = log.Close()
		w.trace.add("life", "%s could not begin", l.name)
		if w.calm.Load() {
			w.t.Errorf("a start in peace: %v", err)
			return
		}
		if l.over.Load() {
			<-w.crashed
		}
		w.net.cut(l.name)
		time.Sleep(w.fate.between(time.Millisecond, 300*time.Millisecond, "tried again", time.Now().UnixNano()))
	}
}

// bury lets what is left of a life end by itself.
func (w *world) bury(l *life) {
	if l.app == nil {
		return
	}
	w.ending.Go(func() { _ = l.stop() }) // its disk and its network are gone: of course it fails
}

// stop ends a life in order.
func (l *life) stop() error {
	return errors.Join(l.app.Stop(context.Background()), l.log.Close())
}

func (w *world) log() io.Writer {
	if *showLog {
		return os.Stderr
	}
	return io.Discard
}

func (w *world) outside(l *life) app.World {
	dials := 0
	return app.World{
		Listen: func(_ context.Context, _, address string) (net.Listener, error) {
			if l.ended() {
				return nil, errGone
			}
			return w.net.listen(l.name, address)
		},
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			dials++
			if l.ended() || w.refuses(address) {
				time.Sleep(time.Millisecond)
				return nil, errRefused
			}
			c, err := w.net.dial(ctx, l.name, l.name+" to "+address+" for "+who(ctx), fmt.Sprintf("10.0.1.1:%d", 10000+dials%50000), address)
			if err != nil {
				return nil, err
			}
			c.clock = w.now
			if address == gatewayAddr {
				c.clock = nil
			}
			if l.ended() {
				c.reset()
			}
			return c, nil
		},
		Disk: func(e store.Engine) store.Engine {
			l.disk = &disk{Engine: e, life: l}
			w.checkBooks(e, "when "+l.name+" begins")
			return l.disk
		},
	}
}

// config is the production configuration, but for what makes runs short.
func (w *world) config(l *life) config.Config {
	c := config.Defaults()
	c.Server.Listen, c.Operator.Listen = publicAddr, operatorAddr
	c.Server.DrainTimeout = config.Duration(4 * time.Second)
	c.Operator.Token = config.Secret{Secret: core.NewSecret(operatorToken)}
	c.Store.Data, c.Store.Queue = l.folder, 64
	c.Prices.SMS, c.Prices.Login = smsPrice, loginPrice
	c.Limits.Rules = map[string][]string{"number_app": {"1/" + resendAfter.String(), "100/1h"}, "number_tenant": {}, "content": {}}
	c.Guard.Mode = "record" // it is asked and writes; but hundreds of codes a second that nobody enters are what it refuses
	for i, address := range carrierAddrs {
		c.Providers = append(c.Providers, config.Provider{Name: carrierName(i), Type: "smpp", Address: address, SystemID: "yanma",
			Password: config.Secret{Secret: core.NewSecret("password")}, Source: "YANMA", Window: w.planted.windowOf()})
	}
	c.Routes = w.planted.routes
	c.Tunnel.Provisioner, c.Tunnel.Endpoint = "webhook", "vpn.example.com:51820"
	c.Tunnel.GatewayPublicKey = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8="
	c.Tunnel.Webhook.URL, c.Tunnel.Webhook.Secret = "http://"+gatewayAddr+"/", config.Secret{Secret: core.NewSecret("a secret of the webhook")}
	c, err := c.Complete()
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// random is a source that several goroutines may read.
func (w *world) random() io.Reader {
	var seed [32]byte
	for i := range 4 {
		binary.LittleEndian.PutUint64(seed[8*i:], w.fate.draw("random", time.Now().UnixNano(), int64(i)))
	}
	return &lockedReader{from: rand.NewChaCha8(seed)}
}

type lockedReader struct {
	mu   sync.Mutex
	from io.Reader
}

func (r *lockedReader) Read(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(b)
}

// bubble runs f in a bubble of its own.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
