# Two commands do everything on a fresh machine: `make run` and `make test`.
SHELL := /bin/bash
BIN := .venv/bin
export PATH := $(CURDIR)/.tools/usr/bin:$(PATH)

.PHONY: help run generate test test-platform setup lint check-tools bench mutants lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

run: setup ## the service with its page, over SLO_PROMETHEUS_URL or over a demo shop that is started, until Ctrl-C
	@scripts/run.sh

generate: setup ## rules/, dashboards/ and the outputs of notebooks/ anew
	$(BIN)/slo rules examples/cloudshop.yaml -o rules --namespace cloudshop-prod
	$(BIN)/slo rules examples/cloudshop.yaml -o rules/prometheus --format prometheus --tests
	$(BIN)/slo dashboard examples/cloudshop.yaml -o dashboards
	$(BIN)/slo dashboard examples/cloudshop.yaml -o dashboards/configmap --format configmap --namespace monitoring
	$(BIN)/slo dashboard examples/cloudshop.yaml -o dashboards/grafana-operator --format grafana-operator \
	    --namespace monitoring
	$(BIN)/python -m tests.notebook.running

test: setup check-tools lint ## everything: set-up, lint, types, import direction, tests
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(PYTEST_ARGS)

setup: ## the locked packages in .venv
	@scripts/setup.sh

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test-platform: setup check-tools ## tests that take minutes, or programs that are built from source (needs Go)
	@scripts/platform-tools.sh
	@scripts/unpack.sh etcd-server etcd
	@scripts/image-tools.sh >/dev/null
	SLO_KILLS=$${SLO_KILLS:-200} $(BIN)/pytest -m platform -n 3 --dist loadfile --no-loadscope-reorder --durations 15 \
	    $(PYTEST_ARGS)

check-tools:
	@scripts/unpack.sh prometheus prometheus promtool
	@scripts/unpack.sh victoria-metrics victoria-metrics
	@scripts/alertmanager.sh
	@scripts/unpack.sh openssl openssl
	@scripts/postgresql.sh
	@scripts/chromium.sh

bench: setup check-tools ## speed, memory and accuracy, as in docs/benchmarks.md
	$(BIN)/python -m bench.speed
	$(BIN)/python -m bench.accuracy
	$(BIN)/python -m bench.cost
	$(BIN)/python -m bench.rules
	$(BIN)/python -m bench.rule_files
	$(BIN)/python -m bench.scale --plot docs/scale.svg
	$(BIN)/python -m bench.cycle
	$(BIN)/python -m bench.page
	$(BIN)/python -m bench.http
	$(BIN)/python -m bench.ledger_accuracy --jobs 2

mutants: setup ## mutation testing of the arithmetic
	$(BIN)/mutmut run
	$(BIN)/mutmut results

lock: setup ## resolve requirements.lock anew
	@scripts/lock.sh

clean: ## remove what set-up made
	rm -rf .venv .tools
