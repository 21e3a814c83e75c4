#!/usr/bin/env bash
# make test: set up, lint, unit and contract tests, the race detector, short
# fuzzing, interoperability, the browser, kill -9. Stops at the first failure.
# What was skipped is named; with CI=true nothing may be.
set -euo pipefail
cd "$(dirname "$0")/.."

FUZZ_TIME=${FUZZ_TIME:-1s} # vet runs with the linters, once
skips=list
[ "${CI:-}" != true ] || skips=fail
step() { echo "== $1 ($SECONDS s)"; }

step "setup"
./scripts/setup.sh

step "build"
go build ./...

step "lint"
./scripts/lint.sh

step "unit and contract tests"
go test -vet=off -timeout 5m -json ./internal/store/postgres ./test/simulation ./internal/app ./... | .cache/bin/report -skips "$skips"

step "race detector"
./scripts/race.sh

step "short fuzzing, $FUZZ_TIME a target"
./scripts/fuzz.sh "$FUZZ_TIME"

step "the binary as a user starts it; kill -9; the browser; npm smpp and Kannel"
go test -count=1 -vet=off -timeout 5m -tags interop -json ./test/... | .cache/bin/report -skips "$skips"

step "done"
