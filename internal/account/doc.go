// Package account owns users, the aliases under which dialects see them, their
// devices, and the sessions of those who are logged in. A user is a tenant and a
// phone number; what an app sees is an alias of its own, computed from tenant,
// app and user number by the keyring, so that no table and no index on random
// keys is needed. Ids that were issued elsewhere are kept verbatim in a small
// table.
//
// It never checks a code (verify does), never makes a tunnel (tunnel does), and
// never remembers a session: each call reads its row, so that a logout counts on
// every node at once.
//
//	verify ──Login(batch, number)──▶ user row: found, or made; session row beside it
//	façade ──Resolve(text)─────────▶ alias opened ─▶ user row ─▶ User
//	façade ──Sessions.Find─────────▶ hash of the token ─▶ row: app, device, time ─▶ Session
//	       ──Refresh───────────────▶ next row; the old one 60 s more, then its coming back ends all
//	       ──Ticket / TakeTicket───▶ once, 300 s, while the session lasts
//	façade ──Devices.Create/List───▶ device rows, tunnel peers
//	import ──Importer──────────────▶ users and devices with the ids they have
//	operator ─Standing, Logins, SetDisabled, EndAll
//	operator ─IndexRotation────────▶ a new key of the blind index, row by row
package account
