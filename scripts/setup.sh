#!/usr/bin/env bash
# Makes .venv with exactly the packages of requirements.lock, and this project in it. Does nothing when it is up to
# date; what an interrupted run left behind is made anew.
set -euo pipefail
cd "$(dirname "$0")/.."

exec 9<requirements.lock && flock 9 # two runs in one checkout take turns

stamp=.venv/.made-from
wanted=$(pwd; cat requirements.lock pyproject.toml scripts/setup.sh | sha256sum) # a moved .venv is of no use
[ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && exit 0

python=
for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        python=$candidate
        break
    fi
done
[ -n "$python" ] || { echo "setup: Python 3.11 or newer is needed; install it, for example: apt-get install python3" >&2; exit 1; }

if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    echo "setup: $python lacks its venv module, installing $version" >&2
    scripts/as-root.sh apt-get install -y --no-install-recommends "$version" >&2
fi

echo "setup: making .venv (once, and when requirements.lock changes)" >&2
rm -rf .venv
"$python" -m venv .venv
quiet=(--quiet --disable-pip-version-check --no-input)
# uv comes from the lock file like everything else; it installs the rest several times faster than pip does.
.venv/bin/pip install "${quiet[@]}" --require-hashes -r <(awk '/^[^ #]/ {keep = /^uv==/} keep' requirements.lock)
# Compiled now, as tests start hundreds of processes, and a machine may forbid writing bytecode later.
.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --require-hashes -r requirements.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
echo "$wanted" > "$stamp"
