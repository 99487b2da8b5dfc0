#!/usr/bin/env bash
# scripts/unpack.sh PACKAGE PROGRAM...: makes sure that the programs can be run, for the tests. Where they are missing,
# Debian's package is unpacked into .tools: these need no library that a bare system lacks, and unlike an installed
# package start no daemon.
set -euo pipefail
cd "$(dirname "$0")/.."

package=$1
shift
programs=("$@")
export PATH=$PWD/.tools/usr/bin:$PATH

have() { for program in "${programs[@]}"; do command -v "$program" >/dev/null || return 1; done; }
have && exit 0

cure="put ${programs[*]} on PATH and try again"
echo "$package: not on PATH, unpacking the distribution's package into .tools" >&2
command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || {
    echo "$package: this is no Debian or Ubuntu; $cure" >&2
    exit 1
}
here=$PWD
download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
chmod 755 "$download"
cd "$download"
fetch() { apt-get download "$package" >&2; }
fetch || { "$here/scripts/as-root.sh" apt-get update >&2 && fetch; } || {
    echo "$package: the package cannot be downloaded; $cure" >&2
    exit 1
}
# Unpacked beside and moved, so that an interrupted run leaves no half-written binary behind.
mkdir -p "$here/.tools/usr/bin"
new=$(mktemp -d "$here/.tools/new.XXXXXX")
trap 'rm -rf "$download" "$new"' EXIT
dpkg-deb -x "$package"_*.deb "$new"
for program in "${programs[@]}"; do
    mv "$new/usr/bin/$program" "$here/.tools/usr/bin/" || { echo "$package: holds no $program; $cure" >&2; exit 1; }
done
