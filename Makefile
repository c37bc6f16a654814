# The front door. `make demo` and `make test` work from a fresh clone with nothing but python3 (3.11+) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow check check-firmware bench compile build lock clean

help: ## what you can do here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from the locked requirements (the part all others share)

$(READY): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Curb needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another with: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY) ## start the whole system on this machine; Ctrl-C stops it
	@$(BIN)/curb up

test: $(READY) ## every test but the slow ones, on real engines
	@$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(READY) ## soaks, kill storms and big replays
	@$(BIN)/python -m pytest -m slow

check: $(READY) ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(MAKE) --no-print-directory check-firmware

# mypy reads the MicroPython stubs as its standard library; those for `machine` and the like lie loose
# in site-packages, where it does not look, so they get a folder of their own.
check-firmware: $(READY)
	@site=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	mkdir -p .mypy_cache/micropython && \
	cp -r $$site/*.pyi $$site/_mpy_shed .mypy_cache/micropython/ && \
	MYPYPATH=.mypy_cache/micropython $(BIN)/mypy --config-file firmware/mypy.ini \
		--custom-typeshed-dir $$site --cache-dir .mypy_cache/firmware

bench: $(READY) ## run every benchmark against its limits
	@$(BIN)/curb bench --all

compile: $(READY) ## compile the trading engine beside the source tree; prints the folder for PYTHONPATH
	@$(BIN)/python -m launcher.compiled

build: $(READY) ## source and wheel distributions
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

lock: $(READY) ## write requirements/dev.txt anew from pyproject.toml
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --no-annotate --upgrade --quiet -o requirements/dev.txt

clean: ## remove the virtual environment and build products
	rm -rf $(VENV) dist build *.egg-info
