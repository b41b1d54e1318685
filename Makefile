.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# Hundreds of processes are started: where bytecode is not kept, each would compile all anew.
export PYTHONDONTWRITEBYTECODE :=

help: ## show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: .venv/ready .venv/peer/ready ## create the virtual environment with the locked packages

.venv/ready: requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if v >= (3, 11) else f"Python 3.11 or newer is needed, $(PYTHON) is {v.major}.{v.minor}: name another with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# Segment's own client wants another python-dateutil than the kubernetes client: it lives apart.
.venv/peer/ready: requirements-peer.txt .venv/ready
	$(PYTHON) -m venv .venv/peer
	.venv/peer/bin/pip install --disable-pip-version-check --progress-bar on --require-hashes -r requirements-peer.txt
	@touch $@

demo: .venv/ready ## a shop's day, end to end, on this machine
	$(BIN)/python -m tests.system.demo

test: .venv/ready .venv/peer/ready ## run the whole test suite
	@$(BIN)/python -m tests.cluster.plane.build --if-possible
	$(BIN)/python -m pytest $(ARGS)

control-plane: .venv/ready ## build the control plane of the cluster tests, once
	$(BIN)/python -m tests.cluster.plane.build

lint: .venv/ready ## ruff, mypy, import laws, layout
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.agreement.layout

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

lock: .venv/ready ## write the lock files anew from pyproject.toml
	$(COMPILE) --upgrade --output-file requirements.txt pyproject.toml
	$(COMPILE) --upgrade --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml requirements-build.in
	$(COMPILE) --upgrade --output-file requirements-peer.txt requirements-peer.in
	$(COMPILE) --constraint requirements-dev.txt --output-file requirements-build.txt requirements-build.in

bench: .venv/ready .venv/peer/ready ## measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench $(ARGS)

soak: .venv/ready ## run the faults at length, and write docs/soak.md
	$(BIN)/python -m tests.fault.soak $(ARGS)

.PHONY: help venv demo test control-plane lint lock bench soak
