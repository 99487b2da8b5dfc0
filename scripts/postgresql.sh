#!/usr/bin/env bash
# Makes sure that a PostgreSQL server can be run, for the tests of the ledger. Where its binaries are missing, the
# distribution's package is installed, told beforehand to make no database of its own and so to start no daemon.
set -euo pipefail
cd "$(dirname "$0")/.."

# Debian keeps the binaries of each version apart and off PATH.
have() { command -v initdb postgres >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null; }
have && exit 0

echo "postgresql: no server found, installing the distribution's package" >&2
command -v apt-get >/dev/null || {
    echo "postgresql: this is no Debian or Ubuntu; put initdb and postgres on PATH and try again" >&2
    exit 1
}
config=/etc/postgresql-common/createcluster.conf
if [ ! -e "$config" ]; then
    wanted=$(mktemp)
    trap 'rm -f "$wanted"' EXIT
    echo "create_main_cluster = false" > "$wanted"
    scripts/as-root.sh install -D -m 644 "$wanted" "$config"
fi
scripts/as-root.sh apt-get install -y --no-install-recommends postgresql >&2
have || { echo "postgresql: the package holds no initdb; put initdb and postgres on PATH and try again" >&2; exit 1; }
