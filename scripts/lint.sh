#!/usr/bin/env bash
# Format, the linters of .golangci.yml (go vet is one of them), and known
# vulnerabilities where the database can be reached.
set -euo pipefail
cd "$(dirname "$0")/.."

unformatted=$(git ls-files '*.go' | xargs gofmt -l)
if [ -n "$unformatted" ]; then
  echo "lint: gofmt would change:"; echo "$unformatted"; exit 1
fi
.cache/bin/golangci-lint config verify
.cache/bin/golangci-lint run --timeout 10m ./...

out=$(mktemp)
trap 'rm -f "$out"' EXIT
if .cache/bin/govulncheck ./... >"$out" 2>&1; then
  echo "lint: no known vulnerability"
elif grep -q 'fetching vulnerabilities' "$out"; then
  echo "lint: skipped: govulncheck, its database can not be reached from here"
else
  cat "$out"; exit 1
fi
