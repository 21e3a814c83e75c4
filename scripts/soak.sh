#!/usr/bin/env bash
# make soak: what needs longer than make test. Prints its counts.
set -euo pipefail
cd "$(dirname "$0")/.."
./scripts/setup.sh
echo "== fuzzing, ${FUZZ_TIME:=60s} a target"
./scripts/fuzz.sh "$FUZZ_TIME" all
echo "== the race detector without -short"
CGO_ENABLED=1 go test -race -timeout 60m -json ./internal/... | .cache/bin/report
echo "== puzzles whose bytes are looked at, ${YANMA_PUZZLES:=5000} to learn from and as many to guess"
YANMA_PUZZLES=$YANMA_PUZZLES go test -count=1 -timeout 30m -run '^TestReq26_BytesTellNothing$' -v ./internal/captcha/solver
echo "== growth to ten million codes"
go run ./bench run -only growth
echo "== kill -9 under load, ${YANMA_KILLS:=200} times on each engine"
export YANMA_KILLS
go test -count=1 -timeout 60m -tags interop -run '^TestReq33_KillUnderLoad$' -v ./test/crash
echo "== the simulation, ${YANMA_SEEDS:=10000} seeds from ${YANMA_FIRST_SEED:=1}, in two processes"
go test -c -o .cache/bin/simulation ./test/simulation
simulate() { # FIRST SEEDS
  .cache/bin/simulation -test.run '^TestReq33_' -test.timeout 0 -test.v -first "$1" -seeds "$2" | { grep -v '^=== \|--- PASS' || true; }
}
simulate "$YANMA_FIRST_SEED" $((YANMA_SEEDS / 2)) & half=$!
simulate $((YANMA_FIRST_SEED + YANMA_SEEDS / 2)) $((YANMA_SEEDS - YANMA_SEEDS / 2))
wait "$half"
echo "== faults, the database stopped for ${YANMA_STOP:=20s}"
export YANMA_STOP
go test -count=1 -timeout 30m -tags interop -v ./test/faults
