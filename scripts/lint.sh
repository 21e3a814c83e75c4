#!/usr/bin/env bash
# Format, vet, the linters of .golangci.yml, and known vulnerabilities where
# the database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  echo "lint: gofmt would change:"; echo "$unformatted"; exit 1
fi
go vet ./...
.cache/bin/golangci-lint run --timeout 10m ./...

out=$(mktemp)
if .cache/bin/govulncheck ./... >"$out" 2>&1; then
  echo "lint: no known vulnerability"
elif grep -qiE 'dial tcp|no such host|connection refused|timeout|403 Forbidden|i/o|fetching|reading' "$out" && ! grep -q '^Vulnerability #' "$out"; then
  echo "lint: skipped: govulncheck, its database can not be reached from here"
else
  cat "$out"; rm -f "$out"; exit 1
fi
rm -f "$out"
