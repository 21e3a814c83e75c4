// Package config owns the one configuration struct: what every key means, its
// default and its range. It reads strict TOML: an unknown key is an error with
// its line. Secrets are written as env:NAME or file:PATH, never in the file.
//
// It opens nothing and starts nothing; internal/app does.
//
//	yanma.toml ──Load──▶ decode (strict) ──▶ secrets from environment or files ──▶ Check ──▶ Config
package config
