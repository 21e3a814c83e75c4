#!/usr/bin/env bash
# The race detector on every package that starts goroutines. -short keeps the
# pure-Go database, ten times slower under the detector, within bounds.
set -euo pipefail
cd "$(dirname "$0")/.."
CGO_ENABLED=1 go test -race -short -timeout 10m -json ./internal/... | .cache/bin/report
