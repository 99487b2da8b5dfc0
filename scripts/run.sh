#!/usr/bin/env bash
# The error budgets of the Prometheus of SLO_PROMETHEUS_URL. Without one: starts the demo shop, collects from its
# /metrics for a minute and more, and reports from the ledger; both are gone at the end.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${SLO_PROMETHEUS_URL:-}" ]; then
    SLO_OBJECTIVES=${SLO_OBJECTIVES:-examples/cloudshop.yaml} exec .venv/bin/slo report
fi

folder=$(mktemp -d)
shop=
finish() {
    [ -z "$shop" ] || { kill "$shop" && wait "$shop"; } 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT

.venv/bin/python -m slo.demo.shop --port 0 >"$folder/targets" &
shop=$!
# The shop says where its three pods are once they answer.
for _ in $(seq 300); do
    [ "$(wc -l <"$folder/targets")" -ge 3 ] && break
    kill -0 "$shop" || { echo "run: the demo shop did not start" >&2; exit 1; }
    sleep 0.1
done
mapfile -t scrape < <(sed 's/^/--scrape=shop=/' "$folder/targets")
export SLO_OBJECTIVES=examples/demo.yaml SLO_LEDGER=$folder/slo.db SLO_RETENTION=1h
echo "run: collecting from a demo shop (SLO_PROMETHEUS_URL is not set); this takes about two minutes" >&2
.venv/bin/slo collect "${scrape[@]}" --scrape-interval 5s --cycles 3
.venv/bin/slo report
