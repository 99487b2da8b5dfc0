#!/usr/bin/env bash
# Runs a command as root, directly or through sudo; apt-get once more after fetching the package lists if it fails
# without, as a fresh machine has none.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

if [ "$(id -u)" = 0 ]; then
    root=()
elif command -v sudo >/dev/null; then
    root=(sudo env DEBIAN_FRONTEND=noninteractive) # sudo drops the environment
else
    echo "as-root: neither root nor sudo; please run as root: $*" >&2
    exit 1
fi
"${root[@]}" "$@" || { [ "$1" = apt-get ] && "${root[@]}" apt-get update && "${root[@]}" "$@"; }
