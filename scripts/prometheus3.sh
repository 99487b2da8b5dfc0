#!/usr/bin/env bash
# Builds Prometheus 3 into .tools/prometheus3, for `make test-platform`: Debian's package is of version 2. Takes four
# minutes once; without service discovery and web pages, which the tests do not use.
set -euo pipefail
cd "$(dirname "$0")/.."

version=v0.316.0 # of the module; it is release 3.16
folder=$PWD/.tools/prometheus3
[ -x "$folder/prometheus" ] && [ "$(cat "$folder/version" 2>/dev/null)" = "$version" ] && exit 0

command -v go >/dev/null || {
    echo "prometheus3: the go command is missing; put Go 1.25 or newer on PATH to build Prometheus 3" >&2
    exit 1
}
mkdir -p "$folder"
new=$(mktemp -d "$folder/new.XXXXXX")
trap 'rm -rf "$new"' EXIT
echo "prometheus3: building it into .tools/prometheus3 (once, some minutes)" >&2
GOBIN=$new go install -tags netgo,remove_all_sd "github.com/prometheus/prometheus/cmd/prometheus@$version" || {
    echo "prometheus3: $(go version) could not build it; Go 1.25 or newer is needed, and the module proxy" >&2
    exit 1
}
mv "$new/prometheus" "$folder/"
echo "$version" > "$folder/version"
