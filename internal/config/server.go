package config

import (
	"errors"
	"strings"
)

// baseURL takes a URL to which paths are appended.
func baseURL(s string) error {
	if err := webAddress(s); err != nil {
		return err
	}
	if strings.HasSuffix(s, "/") {
		return errors.New("paths are appended to it: leave the slash at its end out")
	}
	return nil
}

// enrichment tells whether both settings of header enrichment are there, or none.
func (s Server) enrichment() error {
	if (s.EnrichmentHeader == "") != (len(s.EnrichmentProxies) == 0) {
		return errors.New("enrichment_header and enrichment_proxies go together")
	}
	return nil
}
