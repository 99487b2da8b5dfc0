#!/usr/bin/env bash
# Makes sure that prometheus and promtool can be run, for the tests. Where they are missing, Debian's package is
# unpacked into .tools: its binaries need nothing but libc, and unlike an installed package start no daemon.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v prometheus >/dev/null && command -v promtool >/dev/null; }
have && exit 0

echo "prometheus: not on PATH, unpacking the distribution's package into .tools" >&2
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    echo "prometheus: this is no Debian or Ubuntu; put prometheus and promtool on PATH and try again" >&2
    exit 1
}
here=$PWD
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
chmod 755 "$download"
cd "$download"
fetch() { apt-get download prometheus >&2; }
fetch || { "$here/scripts/as-root.sh" apt-get update >&2 && fetch; } || {
    echo "prometheus: the package cannot be downloaded; put prometheus and promtool on PATH and try again" >&2
    exit 1
}
# Unpacked beside and moved, so that an interrupted run leaves no half-written binary behind.
rm -rf "$here/.tools.new"
dpkg-deb -x prometheus_*.deb "$here/.tools.new"
rm -rf "$here/.tools"
mv "$here/.tools.new" "$here/.tools"
export PATH=$here/.tools/usr/bin:$PATH
have || { echo "prometheus: the package holds no prometheus and promtool; put them on PATH and try again" >&2; exit 1; }
