#!/usr/bin/env bash
# make soak: what needs longer than make test. Prints its counts.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
echo "== fuzzing, 60 s a target"
./scripts/fuzz.sh "${FUZZ_TIME:-60s}"
echo "== the race detector without -short"
CGO_ENABLED=1 go test -race -timeout 60m ./internal/...
echo "== kill -9 under load, 200 times"
YANMA_KILLS="${YANMA_KILLS:-200}" go test -timeout 60m -tags interop -run 'TestKill' -v ./test/...
