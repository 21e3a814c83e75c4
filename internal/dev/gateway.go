package dev

import (
	"context"
	"net"
	"net/http"
	"time"
)

// gateway stands in for a WireGuard back end: a real webhook on loopback that
// agrees to every record.
type gateway struct {
	listener net.Listener
	server   *http.Server
}

func openGateway(ctx context.Context) (*gateway, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /sim/tunnel", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	g := &gateway{listener: l, server: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = g.server.Serve(l) }() // ends with close
	return g, nil
}

func (g *gateway) url() string { return "http://" + g.listener.Addr().String() + "/sim/tunnel" }

func (g *gateway) close() error { return g.server.Close() }
