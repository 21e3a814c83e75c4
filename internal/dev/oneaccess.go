package dev

import (
	"context"
	"fmt"

	"yanma.dev/yanma/internal/app"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/tenant"
)

// oneAccessCard is the demo app's client of the oneaccess dialect in dev.json.
type oneAccessCard struct {
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	TenantID     string `json:"tenant_id"`
	RedirectURI  string `json:"redirect_uri"`
}

// ensureOneAccess gives the demo app its client, whose passes need no client,
// device or receiver: stock front ends of the puzzle name none
// (contracts/oneaccess.md §7).
func ensureOneAccess(ctx context.Context, server *app.App, demo tenant.Demo, s secrets) (oneAccessCard, error) {
	redirect, on := server.PublicURL()+"/handset/callback", true
	redirects := []string{redirect}
	tenantID, err := server.EnsureOneAccess(ctx, demo, core.NewSecret(s.OneAccessSecret),
		tenant.OneAccessPatch{ClientID: &s.OneAccessClient, RedirectURIs: &redirects, AcceptUnbound: &on})
	return oneAccessCard{ClientID: s.OneAccessClient, ClientSecret: s.OneAccessSecret, TenantID: tenantID, RedirectURI: redirect}, err
}

// lines are commands to paste, in order. The puzzle wants eyes: it has a page.
func (c oneAccessCard) lines(base string) []line {
	headers := fmt.Sprintf(`-H 'X-client-id: %s' -H 'X-operating-sys-version: Linux' -H 'X-device-fingerprint: curl' -H 'X-agent: curl' -H 'X-L: en'`, c.ClientID)
	const json = `-H 'Content-Type: application/json;charset=utf8'`
	return []line{
		{"The SDK's dialect (oneaccess): its clock, with the headers of every call; the page /handset/oneaccess solves the puzzle with you",
			fmt.Sprintf(`curl -s %s/api/v2/sdk/server-date %s`, base, headers)},
		{"The test number needs neither puzzle nor message: logged in", fmt.Sprintf(
			`SESSION=$(curl -s %s/api/v2/sdk/login/mobile-verify-code %s %s -d '{"mobile":"12345678901","verify_code":"232326"}' | sed 's/.*"session_token":"\([^"]*\)".*/\1/'); echo $SESSION`, base, headers, json)},
		{"Its backend: get an access token", fmt.Sprintf(
			`ACCESS=$(curl -s %s/api/v2/tenant/token -d grant_type=client_credentials -d client_id=%s -d client_secret=%s | sed 's/.*"access_token":"\([^"]*\)".*/\1/'); echo $ACCESS`, base, c.ClientID, c.ClientSecret)},
		{"A ticket for another of your sites", fmt.Sprintf(
			`curl -s %s/api/v2/tenant/sso/session-token/sso-ticket -H "Authorization: Bearer $ACCESS" %s -d "{\"session_token\":\"$SESSION\",\"operating_sys_version\":\"Linux\",\"device_ip\":\"127.0.0.1\",\"device_fingerprint\":\"curl\"}"`, base, json)},
		{"The keys of its id tokens", fmt.Sprintf(`curl -s %s/api/v1/oauth2/keys`, base)},
	}
}
