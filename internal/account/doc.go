// Package account owns users, the aliases under which dialects see them, and
// their devices. A user is a tenant and a phone number; what an app sees is an
// alias of its own, computed from tenant, app and user number by the keyring,
// so that no table and no index on random keys is needed. Ids that were issued
// elsewhere are kept verbatim in a small table.
//
// It never checks a code (verify does) and never makes a tunnel (tunnel does).
//
//	verify ──Login(batch, number)──▶ user row: found, or made
//	façade ──Resolve(text)─────────▶ alias opened ─▶ user row ─▶ User
//	façade ──Devices.Create/List───▶ device rows, tunnel peers
//	import ──Importer──────────────▶ users and devices with the ids they have
//	operator ─IndexRotation────────▶ a new key of the blind index, row by row
package account
