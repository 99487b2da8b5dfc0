#!/usr/bin/env bash
# Makes sure that the image can be built and run on this machine, for the platform tests, without any registry: installs
# the distribution's buildah and crun where they are missing, and makes the base image's files once with debootstrap,
# into the cache of scripts/platform-tools.sh. Prints where the archive of these files is.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "image-tools: $*" >&2; exit 1; }
suite=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
base=${SLO_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/slo-tools}/base-$suite.tar
export PATH=$PATH:/usr/sbin # where debootstrap is

missing=()
for program in buildah crun debootstrap; do
    command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -gt 0 ]; then
    command -v apt-get >/dev/null || fail "this is no Debian or Ubuntu; put ${missing[*]} on PATH and try again"
    echo "image-tools: installing ${missing[*]}" >&2
    scripts/as-root.sh apt-get install -y --no-install-recommends "${missing[@]}" >&2
fi

mkdir -p "${base%/*}"
exec 9>"$base.lock" && flock 9 # two checkouts take turns
if [ ! -f "$base" ]; then
    new=$(mktemp -d)
    trap 'scripts/as-root.sh rm -rf "$new"' EXIT
    echo "image-tools: making the files of the base image into $base (once, a minute)" >&2
    scripts/as-root.sh debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates "$suite" \
        "$new/root" >"$new/log" 2>&1 || { tail -n 20 "$new/log" >&2; fail "debootstrap could not make $suite"; }
    scripts/as-root.sh tar -C "$new/root" --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
        --exclude='./dev/*' -cf "$new/base.tar" .
    cp "$new/base.tar" "$base.new"
    mv "$base.new" "$base"
fi
echo "$base"
