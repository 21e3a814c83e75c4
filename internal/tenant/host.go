package tenant

import (
	"context"
	"io"
	"regexp"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// newTenantID draws 32 lower hex, as the vendor's are (contracts/oneaccess.md
// §1.1).
func newTenantID(random io.Reader) (string, error) {
	return drawText(random, 32, "0123456789abcdef")
}

// Bounds of a tenant's hosts.
const (
	mostHosts   = 100
	longestHost = 253
)

// aHost is a host name or an address as a request names it, lower case, without
// port.
var aHost = regexp.MustCompile(`^(\[[0-9a-f:.]+\]|[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*)$`)

// hostsOf is a row's list; never nil.
func hostsOf(row records.Tenant) []string {
	if row.Hosts == "" {
		return []string{}
	}
	return strings.Split(row.Hosts, ",")
}

// setHosts puts a list into a row; nil leaves what there is.
func setHosts(ctx context.Context, q store.SQL, row *records.Tenant, hosts *[]string) error {
	if hosts == nil {
		return nil
	}
	if len(*hosts) > mostHosts {
		return bad("hosts", "want at most %d", mostHosts)
	}
	for i, host := range *hosts {
		if len(host) > longestHost || !aHost.MatchString(host) || slices.Contains((*hosts)[:i], host) {
			return bad("hosts", "entry %d: want each at most once, a host name in lower case without port", i+1)
		}
	}
	all, err := records.Tenants(ctx, q)
	if err != nil {
		return err
	}
	for _, other := range all {
		if other.ID != row.ID && slices.ContainsFunc(hostsOf(other), func(h string) bool { return slices.Contains(*hosts, h) }) {
			return core.E(core.KindConflict, "another tenant has the host")
		}
	}
	row.Hosts = strings.Join(*hosts, ",")
	return nil
}
