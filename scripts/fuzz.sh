#!/usr/bin/env bash
# Runs every fuzz target of the tree for a while: scripts/fuzz.sh 2s
set -euo pipefail
cd "$(dirname "$0")/.."
span=${1:-2s}
count=0
for file in $(git grep -lE '^func Fuzz[A-Za-z0-9_]+\(' -- '*_test.go' | sort); do
  dir=./$(dirname "$file")
  for target in $(grep -oE '^func Fuzz[A-Za-z0-9_]+' "$file" | sed 's/^func //'); do
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$span" -parallel 2 "$dir" >/tmp/yanma-fuzz.$$ 2>&1 || { cat /tmp/yanma-fuzz.$$; rm -f /tmp/yanma-fuzz.$$; exit 1; }
    count=$((count + 1))
  done
done
rm -f /tmp/yanma-fuzz.$$
[ "$count" -gt 0 ] || { echo "fuzz: no target found"; exit 1; }
echo "fuzz: $count targets, $span each, no finding"
