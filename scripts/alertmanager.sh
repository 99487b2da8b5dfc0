#!/usr/bin/env bash
# Makes sure that an Alertmanager can be run, for the tests. Debian's binary reads its templates at a fixed place of the
# system: where the package is not installed, they alone are put there, so that no daemon is started.
set -euo pipefail
cd "$(dirname "$0")/.."

templates=/usr/share/prometheus/alertmanager
scripts/unpack.sh prometheus-alertmanager prometheus-alertmanager amtool
[ -e "$templates/default.tmpl" ] && exit 0
# Another build than Debian's carries them within.
[ -x .tools/usr/bin/prometheus-alertmanager ] || exit 0

download=$(mktemp -d)
trap 'rm -rf "$download"' EXIT
chmod 755 "$download"
fetch() { (cd "$download" && apt-get download prometheus-alertmanager >&2); }
fetch || { scripts/as-root.sh apt-get update >&2 && fetch; }
dpkg-deb -x "$download"/prometheus-alertmanager_*.deb "$download"
scripts/as-root.sh install -D -m 644 -t "$templates" "$download/$templates"/*.tmpl
