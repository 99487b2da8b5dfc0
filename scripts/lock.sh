#!/usr/bin/env bash
# Resolves requirements.lock from pyproject.toml: versions and hashes for every platform, no address. Of these,
# requirements-runtime.lock has what the image runs on.
set -euo pipefail
cd "$(dirname "$0")/.."

resolve() { # FILE OPTION...
    .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --output-file "$@" pyproject.toml
    if grep -n "://" "$1"; then
        echo "lock: $1 names an address" >&2
        exit 1
    fi
}

resolve requirements.lock --upgrade --extra dev
resolve requirements-runtime.lock --upgrade --constraint requirements.lock --extra postgresql --extra chaos --extra telemetry
