#!/usr/bin/env bash
# make test: set up, lint, unit and contract tests, the race detector, short
# fuzzing, interoperability and the browser. Stops at the first failure.
set -euo pipefail
cd "$(dirname "$0")/.."

FUZZ_TIME=${FUZZ_TIME:-2s}
began=$SECONDS
step() { echo "== $1 ($((SECONDS - began)) s)"; }

step "setup"
./scripts/setup.sh

step "build"
go build ./...

step "lint"
./scripts/lint.sh

step "unit and contract tests"
go test -timeout 5m ./...

step "race detector"
./scripts/race.sh

step "short fuzzing, $FUZZ_TIME a target"
./scripts/fuzz.sh "$FUZZ_TIME"

step "interoperability: npm smpp, Kannel; the browser; the binary as a user starts it"
go test -timeout 5m -tags interop ./test/...

step "done"
