#!/usr/bin/env bash
# Resolves requirements.lock from pyproject.toml: versions and hashes for every platform, no address.
set -euo pipefail
cd "$(dirname "$0")/.."
.venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --extra dev --upgrade --output-file requirements.lock pyproject.toml
if grep -n "://" requirements.lock; then
    echo "lock: requirements.lock names an address" >&2
    exit 1
fi
