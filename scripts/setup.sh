#!/usr/bin/env bash
# Installs what the tests need and is missing: Debian packages, npm packages
# (from the committed lock file), the linters and the report of the tests.
# Elsewhere than on Debian as root it names what is missing; the tests that need
# it are then named as skipped. With CI=true a missing tool is an error.
set -euo pipefail
cd "$(dirname "$0")/.."

LINT_VERSION=v2.15.0
VULN_VERSION=v1.8.0
mkdir -p .cache/bin

# Debian keeps some programs off the path.
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null; }

# tool NAME VERSION PACKAGE builds a program into .cache/bin unless that version is there.
tool() {
  local at="$PWD/.cache/bin"
  if [ ! -x "$at/$1" ] || ! go version -m "$at/$1" | grep -q "$(printf '\tmod\t.*\t%s\t' "$2")"; then
    echo "setup: building $1 $2"
    GOBIN="$at" go install "$3@$2"
  fi
}
# The linters build while Debian's packages are fetched.
(tool golangci-lint "$LINT_VERSION" github.com/golangci/golangci-lint/v2/cmd/golangci-lint
 tool govulncheck "$VULN_VERSION" golang.org/x/vuln/cmd/govulncheck) & linters=$!

declare -A package_of=([bearerbox]=kannel [smsbox]=kannel [chromium]=chromium [curl]=curl [espeak-ng]=espeak-ng [gcc]=build-essential [node]=nodejs [npm]=npm [postgres]=postgresql [sipp]=sip-tester)
absent() {
  for command in "${!package_of[@]}"; do
    has "$command" || echo "${package_of[$command]}"
  done | sort -u
}
mapfile -t missing < <(absent)
if [ ${#missing[@]} -gt 0 ] && [ "$(id -u)" = 0 ] && has apt-get; then
  echo "setup: installing ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # The tests start clusters of their own: Debian's is not wanted.
  if [[ " ${missing[*]} " == *" postgresql "* ]]; then
    mkdir -p /etc/postgresql-common/createcluster.d
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.d/yanma.conf
  fi
  apt-get update -qq >/dev/null
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
  mapfile -t missing < <(absent)
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: missing, and not installed here: ${missing[*]}"
  [ "${CI:-}" != true ] || exit 1
fi

for folder in test/interop/smpp test/browser/npm; do
  # npm writes the inner lock file last: it is newer than the one it was made from.
  if has npm && [ ! "$folder/node_modules/.package-lock.json" -nt "$folder/package-lock.json" ]; then
    (cd "$folder" && npm ci --no-audit --no-fund --silent)
  fi
done

wait "$linters"
go build -o .cache/bin/report ./test/report
