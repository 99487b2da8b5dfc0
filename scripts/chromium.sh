#!/usr/bin/env bash
# Makes sure that Chromium can be run, for the tests of the page. Where it is missing, the distribution's package is
# installed, with the libraries that it needs; it starts no daemon.
set -euo pipefail
cd "$(dirname "$0")/.."

command -v chromium >/dev/null && exit 0

echo "chromium: not on PATH, installing the distribution's package" >&2
command -v apt-get >/dev/null || {
    echo "chromium: this is no Debian or Ubuntu; put chromium on PATH and try again" >&2
    exit 1
}
install() { scripts/as-root.sh apt-get install -y --no-install-recommends chromium fonts-dejavu-core >&2; }
install || { scripts/as-root.sh apt-get update >&2 && install; }
command -v chromium >/dev/null || { echo "chromium: the package holds no chromium; put it on PATH and try again" >&2; exit 1; }
