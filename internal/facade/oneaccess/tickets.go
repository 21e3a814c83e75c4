package oneaccess

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"yanma.dev/yanma/internal/account"
	"yanma.dev/yanma/internal/core"
	"yanma.dev/yanma/internal/facade"
	"yanma.dev/yanma/internal/tenant"
)

// BackendSessions are what backends do with their users' sessions
// (account.Sessions).
type BackendSessions interface {
	Refresh(ctx context.Context, app *tenant.App, token, fingerprint string) (core.Secret, account.Session, error)
	Ticket(ctx context.Context, of account.Session) (core.Secret, error)
	TakeTicket(ctx context.Context, app *tenant.App, ticket, fingerprint string) (account.Session, error)
}

// The endpoints' names, as events show them.
const (
	ssoTicket       = "sso-ticket"
	ssoTicketVerify = "sso-ticket-verify"
	sessionRefresh  = "session-refresh"
)

// ticketRoutes are the calls of contracts/oneaccess.md §8.2.
func (d *dialect) ticketRoutes() []facade.Route {
	const sso = "/api/v2/tenant/sso/"
	return []facade.Route{
		{Name: ssoTicket, Method: http.MethodPost, Path: sso + "session-token/sso-ticket", BodyCap: facade.BodyCap, Handle: d.backend(d.makeTicket)},
		{Name: ssoTicketVerify, Method: http.MethodPost, Path: sso + "sso-ticket/verify", BodyCap: facade.BodyCap, Handle: d.backend(d.verifyTicket)},
		{Name: sessionRefresh, Method: http.MethodPost, Path: sso + "session-token/refresh", BodyCap: facade.BodyCap, Handle: d.backend(d.refreshSession)},
	}
}

// passedOn is what an app's backend tells of its user's device.
type passedOn struct {
	secret      string // the session token, or the ticket
	fingerprint string
}

// ticketBody reads the members of a call, in the contract's order.
func ticketBody(x *facade.Exchange, app *tenant.App, secret string) (passedOn, error) {
	names := []string{secret, "operating_sys_version", "device_ip", "device_fingerprint"}
	values, err := required(x, names...)
	if err != nil {
		return passedOn{}, err
	}
	for i, most := range []int{256, 128, 64, 256} { // contracts/oneaccess.md §1.1
		if values[i] = strings.TrimSpace(values[i]); len(values[i]) > most {
			return passedOn{}, core.Field(core.KindBadField, names[i])
		}
	}
	agent, err := text(x, "agent")
	if err == nil && len(agent) > 1024 {
		err = core.Field(core.KindBadField, "agent")
	}
	if err != nil {
		return passedOn{}, err
	}
	client, err := text(x, "client_id")
	if err == nil && client != "" && client != app.OneAccess.ClientID {
		err = core.Field(core.KindForbidden, "client_id")
	}
	return passedOn{secret: values[0], fingerprint: values[3]}, err
}

// makeTicket gives a ticket of a session.
func (d *dialect) makeTicket(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	told, err := ticketBody(x, app, "session_token")
	if err != nil {
		return err
	}
	session, err := d.Sessions.Find(ctx, app, told.secret, told.fingerprint)
	if err != nil {
		return err
	}
	ticket, err := d.Backend.Sessions.Ticket(ctx, session)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"expire":`...)
	x.Out = strconv.AppendInt(x.Out, int64(account.TicketLife/time.Second), 10)
	x.Out = append(x.Out, `,"sso_ticket":`...)
	x.Out = facade.AppendString(x.Out, ticket.Reveal())
	x.Out = append(x.Out, '}')
	return nil
}

// verifyTicket takes a ticket and tells whose it is.
func (d *dialect) verifyTicket(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	told, err := ticketBody(x, app, "sso_ticket")
	if err != nil {
		return err
	}
	session, err := d.Backend.Sessions.TakeTicket(ctx, app, told.secret, told.fingerprint)
	if err != nil {
		return err
	}
	person, err := d.Sessions.Person(ctx, app, session.User)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"code":"200","message":"success","data":{"user":{"userName":`...)
	x.Out = facade.AppendString(x.Out, person.UserName())
	x.Out = append(x.Out, `,"id":`...)
	x.Out = facade.AppendString(x.Out, person.ID)
	x.Out = append(x.Out, `,"name":`...)
	x.Out = facade.AppendString(x.Out, person.Name())
	x.Out = append(x.Out, `,"mobile":`...)
	x.Out = facade.AppendString(x.Out, person.Mobile())
	x.Out = append(x.Out, `,"email":`...)
	if person.Profile.Email == "" {
		x.Out = append(x.Out, `null`...)
	} else {
		x.Out = facade.AppendString(x.Out, person.Profile.Email)
	}
	x.Out = append(x.Out, `}}}`...)
	return nil
}

// refreshSession replaces a session's token.
func (d *dialect) refreshSession(ctx context.Context, x *facade.Exchange, app *tenant.App) error {
	told, err := ticketBody(x, app, "session_token")
	if err != nil {
		return err
	}
	token, session, err := d.Backend.Sessions.Refresh(ctx, app, told.secret, told.fingerprint)
	if err != nil {
		return err
	}
	x.Out = append(x.Out, `{"session_token":`...)
	x.Out = facade.AppendString(x.Out, token.Reveal())
	if app.OneAccess.IDToken {
		person, err := d.Sessions.Person(ctx, app, session.User)
		if err != nil {
			return err
		}
		signed, err := d.idToken(ctx, app, person, session.AuthTime)
		if err != nil {
			return err
		}
		x.Out = append(x.Out, `,"id_token":`...)
		x.Out = facade.AppendString(x.Out, signed)
	}
	left := max(session.Expires.Sub(d.Now()).Round(time.Second), 0)
	x.Out = append(x.Out, `,"expire":`...)
	x.Out = strconv.AppendInt(x.Out, int64(left/time.Second), 10)
	x.Out = append(x.Out, '}')
	return nil
}
