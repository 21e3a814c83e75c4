#!/usr/bin/env bash
# Installs what the tests need and is missing: Debian packages, npm packages
# (from the committed lock file) and the linter. Elsewhere than on Debian as
# root it names what is missing; the tests that need it are then named as
# skipped by test.sh.
set -euo pipefail
cd "$(dirname "$0")/.."

LINT_VERSION=v2.15.0
VULN_VERSION=v1.9.0
mkdir -p .cache/bin

declare -A package_of=([bearerbox]=kannel [smsbox]=kannel [chromium]=chromium)
missing=()
for command in "${!package_of[@]}"; do
  command -v "$command" >/dev/null 2>&1 || [ -x "/usr/sbin/$command" ] || missing+=("${package_of[$command]}")
done
if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "setup: installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >/dev/null
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  else
    echo "setup: missing, and not installed here: ${missing[*]}"
  fi
fi

if command -v npm >/dev/null 2>&1; then
  (cd test/interop/smpp && [ -d node_modules/smpp ] || npm ci --no-audit --no-fund --silent)
else
  echo "setup: missing, and not installed here: node and npm"
fi

if ! .cache/bin/golangci-lint version 2>/dev/null | grep -q "${LINT_VERSION#v}"; then
  echo "setup: building golangci-lint $LINT_VERSION"
  GOBIN="$PWD/.cache/bin" go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$LINT_VERSION"
fi
if [ ! -x .cache/bin/govulncheck ]; then
  GOBIN="$PWD/.cache/bin" go install "golang.org/x/vuln/cmd/govulncheck@$VULN_VERSION"
fi
