package client

import (
	"crypto/rand"
	"net/http"
	"time"
)

// defaults fills in what a program of its own takes from its machine.
func (o *Options) defaults() {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	if o.Purpose == "" {
		o.Purpose = DefaultPurpose
	}
}
