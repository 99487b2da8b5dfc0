#!/usr/bin/env bash
# The service on 127.0.0.1 with the example objectives, on SQLite, until Ctrl-C. Reads SLO_PROMETHEUS_URL and keeps its
# counts in .data; without it, starts the demo shop and reads its /metrics, and all is gone at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=
pids=()
finish() {
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    [ -z "$folder" ] || rm -rf "$folder"
}
trap finish EXIT
trap 'exit 0' INT TERM

port=${SLO_PORT:-8080}
# A port that is taken is not worth an error, unless it was asked for.
if [ -z "${SLO_PORT:-}" ] && (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then port=0; fi

arguments=(--host 127.0.0.1 --port "$port")
if [ -n "${SLO_PROMETHEUS_URL:-}" ]; then
    mkdir -p .data
    export SLO_OBJECTIVES=${SLO_OBJECTIVES:-examples/cloudshop.yaml} SLO_LEDGER=${SLO_LEDGER:-.data/slo.db}
else
    folder=$(mktemp -d)
    .venv/bin/python -m slo.demo.shop --port 0 >"$folder/targets" &
    pids+=($!)
    # The shop says where its three pods are once they answer.
    for _ in $(seq 300); do
        [ "$(wc -l <"$folder/targets")" -ge 3 ] && break
        kill -0 "${pids[0]}" || { echo "run: the demo shop did not start" >&2; exit 1; }
        sleep 0.1
    done
    mapfile -t scrape < <(sed 's/^/--scrape=shop=/' "$folder/targets")
    arguments+=("${scrape[@]}" --scrape-interval 5s)
    export SLO_OBJECTIVES=examples/demo.yaml SLO_LEDGER=$folder/slo.db SLO_RETENTION=1h
    echo "run: collecting from a demo shop (SLO_PROMETHEUS_URL is not set); figures come after two minutes" >&2
fi
echo "run: the page is at the address below; Ctrl-C ends it" >&2
.venv/bin/slo serve "${arguments[@]}" &
pids+=($!)
wait "${pids[-1]}"
