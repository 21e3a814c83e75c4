package simulation

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// gateway is the tunnel's back end: it makes networks and devices, fails before
// and after it did, or does not answer.
type gateway struct {
	world  *world
	server *http.Server

	mu       sync.Mutex
	networks map[string]map[int64]bool // by user
	devices  map[string]bool
}

func newGateway(w *world) *gateway {
	g := &gateway{world: w, networks: map[string]map[int64]bool{}, devices: map[string]bool{}}
	listener, err := w.net.listen("gateway", gatewayAddr)
	if err != nil {
		w.t.Fatal(err)
	}
	g.server = &http.Server{Handler: g, ReadHeaderTimeout: time.Minute}
	go func() { _ = g.server.Serve(listener) }() // until Close
	return g
}

func (g *gateway) close() {
	_ = g.server.Shutdown(context.Background())
	g.world.net.cut("gateway")
}

// ServeHTTP takes one record.
func (g *gateway) ServeHTTP(answer http.ResponseWriter, request *http.Request) {
	w, now := g.world, time.Now().UnixNano()
	var record struct {
		Event, User string
		Network     *struct{ Number int64 }
		Device      *struct{ ID string }
	}
	if err := json.NewDecoder(request.Body).Decode(&record); err != nil {
		return // its sender is gone
	}
	mood := 0
	if w.stormy() {
		mood = w.fate.below(100, "gateway", now)
	}
	did, says := "well", http.StatusOK
	switch {
	case mood < 55:
	case mood < 66:
		did = "line lost"
	case mood < 78:
		did = "done, line lost"
	case mood < 86:
		did, says = "refused", http.StatusConflict
	case mood < 93:
		did = "done, too late"
	default:
		did = "slow"
	}
	w.hits.count("webhook "+did, well)
	w.trace.add("gateway", "%s %s", record.Event, did)
	switch did {
	case "well", "done, line lost", "done, too late", "slow":
		g.done(record.Event, record.User, record.Network, record.Device)
	}
	switch did {
	case "line lost", "done, line lost":
		if c, _, err := answer.(http.Hijacker).Hijack(); err == nil {
			c.(*conn).reset()
		}
	case "done, too late":
		time.Sleep(7 * time.Second)
	case "slow":
		time.Sleep(w.fate.between(50*time.Millisecond, 4*time.Second, "gateway slow", now))
		answer.WriteHeader(says)
	default:
		answer.WriteHeader(says)
	}
}

func (g *gateway) done(event, user string, network *struct{ Number int64 }, device *struct{ ID string }) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if network != nil {
		if g.networks[user] == nil {
			g.networks[user] = map[int64]bool{}
		}
		g.networks[user][network.Number] = true
	}
	if device != nil {
		g.devices[device.ID] = event == "device"
	}
}

// knows tells whether the back end was told of a user.
func (g *gateway) knows(user string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.networks[user]) > 0
}

// has tells whether the back end has a device.
func (g *gateway) has(device string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.devices[device]
}
