package fsck

import (
	"context"
	"fmt"
)

// link is a column that names a row of another table.
type link struct {
	table, column string
	to, key       string
	where         string // which rows must: "" is all
}

// allLinks are those that nothing may break. Rows of verification and message
// outlive nothing that they name here.
func allLinks() []link {
	return []link{
		{"app", "tenant", "tenant", "id", ""},
		{"credential", "app", "app", "id", ""},
		{"users", "tenant", "tenant", "id", ""},
		{"users", "network", "tunnel_network", "number", "c.network <> 0"},
		{"alias", "user_id", "users", "id", ""},
		{"alias", "app", "app", "id", ""},
		{"known", "user_id", "users", "id", ""},
		{"known", "app", "app", "id", ""},
		{"device", "user_id", "users", "id", "c.deleted = 0"},
		{"device", "app", "app", "id", ""},
		{"device_alias", "device", "device", "id", ""},
		{"tunnel_peer", "device", "device", "id", ""},
		{"tunnel_peer", "network", "tunnel_network", "number", ""},
		{"verification", "app", "app", "id", ""},
		{"message", "app", "app", "id", ""},
		{"failure", "app", "app", "id", ""},
		{"number_check", "app", "app", "id", ""},
		{"number_proof", "app", "app", "id", "c.app <> 0"},
		{"event", "app", "app", "id", ""},
		{"reply", "app", "app", "id", "c.app <> 0"},
		{"template", "app", "app", "id", "c.app <> 0"},
		{"signature", "app", "app", "id", ""},
		{"signature_image", "signature", "signature", "id", ""},
		{"schedule", "app", "app", "id", ""},
		{"schedule", "template", "template", "id", ""},
		{"schedule_recipient", "schedule", "schedule", "id", ""},
		{"opt_out", "app", "app", "id", ""},
		{"session", "user_id", "users", "id", ""},
		{"session", "app", "app", "id", ""},
		{"login_event", "app", "app", "id", ""},
		{"profile", "user_id", "users", "id", ""},
	}
}

// sameTenant are tables whose rows have the tenant of their app.
func sameTenant() []string {
	return []string{"verification", "failure", "message", "number_check", "device", "schedule", "opt_out", "login_event"}
}

const (
	// An id that names nothing is told once, however many rows have it.
	brokenLink = `SELECT '%[2]s ' || c.%[2]s || ' of ' || COUNT(*) || ' rows does not exist in %[3]s' FROM %[1]s c
		LEFT JOIN %[3]s t ON t.%[4]s = c.%[2]s WHERE t.%[4]s IS NULL AND (%[5]s) GROUP BY c.%[2]s ORDER BY c.%[2]s`

	otherTenant = `SELECT 'row ' || c.id || ' is of tenant ' || c.tenant || ', its app ' || c.app || ' of tenant ' || p.tenant
		FROM %s c JOIN app p ON p.id = c.app WHERE p.tenant <> c.tenant ORDER BY c.id`

	otherTenantsUser = `SELECT 'user ' || c.user_id || ' of tenant ' || u.tenant || ' is known to app ' || c.app || ' of tenant ' || p.tenant
		FROM %s c JOIN users u ON u.id = c.user_id JOIN app p ON p.id = c.app WHERE u.tenant <> p.tenant ORDER BY c.user_id, c.app`

	otherNetwork = `SELECT 'device ' || d.id || ' is in network ' || p.network || ', its user in ' || u.network
		FROM tunnel_peer p JOIN device d ON d.id = p.device JOIN users u ON u.id = d.user_id WHERE p.network <> u.network ORDER BY d.id`
)

// links checks that what rows name is there, and of the same tenant.
func (r *run) links(ctx context.Context) error {
	for _, l := range allLinks() {
		where := l.where
		if where == "" {
			where = "1 = 1"
		}
		if err := r.ask(ctx, l.table, fmt.Sprintf(brokenLink, l.table, l.column, l.to, l.key, where)); err != nil {
			return err
		}
	}
	for _, table := range sameTenant() {
		if err := r.ask(ctx, table, fmt.Sprintf(otherTenant, table)); err != nil {
			return err
		}
	}
	for _, table := range []string{"alias", "known", "device", "session"} {
		if err := r.ask(ctx, table, fmt.Sprintf(otherTenantsUser, table)); err != nil {
			return err
		}
	}
	return r.ask(ctx, "tunnel_peer", otherNetwork)
}
