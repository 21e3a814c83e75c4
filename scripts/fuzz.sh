#!/usr/bin/env bash
# Runs fuzz targets for a while, two at a time:
#   scripts/fuzz.sh 2s         those whose code is quick to build
#   scripts/fuzz.sh 60s all    every one
# SQLite, built anew to count its branches, takes a minute: targets that need a
# store are left to make soak. Their seeds run with the unit tests.
set -euo pipefail
cd "$(dirname "$0")/.."
span=${1:-2s} which=${2:-quick}

# fuzz FILE:TARGET tries twice when the first try ended with nothing but the Go
# command's own deadline (golang.org/issue/75804), which is no finding.
fuzz() {
  local dir target out try
  dir=./$(dirname "${1%%:*}") target=${1##*:} out=$(mktemp)
  for try in 1 2; do
    if go test -vet=off -run '^$' -fuzz "^$target\$" -fuzztime "$span" -parallel 1 "$dir" >"$out" 2>&1; then
      rm -f "$out"
      return
    fi
    if [ "$try" = 2 ] || grep -q 'Failing input' "$out" || ! grep -q 'context deadline exceeded' "$out"; then break; fi
  done
  echo "fuzz: $target in $dir"; cat "$out"; rm -f "$out"
  return 1
}
export -f fuzz
export span

# slow DIR tells whether a test of the folder needs SQLite.
slow() { [ "$(go list -deps -test "./$1" | grep -cx 'modernc.org/sqlite/lib')" -gt 0 ]; }

targets=$(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/' | sort)
if [ "$which" != all ]; then
  for dir in $(sed 's|/[^/]*$||' <<<"$targets" | sort -u); do
    if slow "$dir"; then targets=$(grep -v "^$dir/[^/]*:" <<<"$targets"); fi
  done
fi
[ -n "$targets" ] || { echo "fuzz: no target found"; exit 1; }
xargs -P 2 -I{} bash -c 'set -euo pipefail; fuzz {} || exit 255' <<<"$targets"
echo "fuzz: $(wc -l <<<"$targets") targets, $span each, no finding"
