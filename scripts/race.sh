#!/usr/bin/env bash
# The race detector on every package. -short keeps what is slow under it within
# bounds. SQLite, C translated to Go, runs one thread at a time on memory of its
# own: watching it costs half of the whole and can find nothing of ours. The longest
# packages begin first, so that no processor idles at the end.
set -euo pipefail
cd "$(dirname "$0")/.."
CGO_ENABLED=1 go test -race -short -vet=off -timeout 10m -json \
  -gcflags='modernc.org/sqlite/lib=-race=false' -gcflags='modernc.org/libc=-race=false' ./internal/store/postgres ./internal/app ./internal/... | .cache/bin/report
