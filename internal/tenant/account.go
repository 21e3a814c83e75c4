package tenant

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/store"
	"yanma.dev/yanma/internal/store/records"
)

// TenantPatch changes what a tenant may do: what is nil stays as it is.
type TenantPatch struct {
	Disabled *bool     `json:"disabled,omitempty"`
	Denied   *[]string `json:"denied,omitempty"` // of Products
	Hosts    *[]string `json:"hosts,omitempty"`  // host names that are the tenant's own, without port
}

// UpdateTenant disables or enables an account, or takes products away from it
// (contracts/submail.md §6, 1310 and 1317), or says which hosts are its own
// (contracts/oneaccess.md §8.6). KindBadField for a product or a host,
// KindNotFound for the tenant, KindConflict for another tenant's host.
func (a *Admin) UpdateTenant(ctx context.Context, by By, id core.TenantID, p TenantPatch) (TenantView, error) {
	var view TenantView
	if p.Denied != nil {
		for i, product := range *p.Denied {
			if !slices.Contains(Products(), product) || slices.Contains((*p.Denied)[:i], product) {
				return view, bad("denied", "want each at most once: %s", strings.Join(Products(), ", "))
			}
		}
	}
	err := a.change(ctx, func(q store.SQL) error {
		row, err := tenantByID(ctx, q, id)
		if err != nil {
			return err
		}
		before := viewTenant(row)
		set(&row.Disabled, p.Disabled)
		if p.Denied != nil {
			row.Denied = strings.Join(*p.Denied, ",")
		}
		if err := setHosts(ctx, q, &row, p.Hosts); err != nil {
			return err
		}
		if ok, err := records.UpdateTenant(ctx, q, row); err != nil || !ok {
			return changedOr(err)
		}
		view = viewTenant(row)
		return a.audit(ctx, q, by, "tenant.update", fmt.Sprintf("tenant %d", id), before, view)
	})
	return view, err
}

// deniedOf is a row's list; never nil.
func deniedOf(row records.Tenant) []string {
	if row.Denied == "" {
		return []string{}
	}
	return strings.Split(row.Denied, ",")
}

func tenantsByID(ctx context.Context, q store.SQL) (map[core.TenantID]records.Tenant, error) {
	rows, err := records.Tenants(ctx, q)
	byID := make(map[core.TenantID]records.Tenant, len(rows))
	for _, row := range rows {
		byID[row.ID] = row
	}
	return byID, err
}
