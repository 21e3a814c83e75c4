//go:build interop

// Package process runs the yanma binary as a person would: built once, started
// in a process of its own, spoken to over its sockets, ended by signals. It
// knows nothing from inside the server.
//
//	Build ─▶ Start(args) ─▶ Await(line on standard output) ─▶ Interrupt | Kill ─▶ Wait: exit code
//	Dev ─▶ Start("dev", …) ─▶ dev.json ─▶ PostJSON, Get
package process
