# The targets people need; everything they install goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
ROWS ?= 1000000

.PHONY: help install demo test test-long lint bench screenshots lock clean

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED)  ## install Tocsin and what it needs into .venv

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tocsin needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## run the server with live sample data
	@$(BIN)/tocsin demo

test: install lint  ## check the code and run the tests
	$(BIN)/python -m pytest -m "not long"

test-long: install  ## run the tests that take minutes, too
	$(BIN)/python -m pytest

lint: install  ## check style, types, imports and words
	$(BIN)/ruff check src tests benchmarks tools
	$(BIN)/ruff format --check src tests benchmarks tools
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tools/check_words.py

bench: install  ## measure against PostgreSQL and the bare engine: make bench ROWS=10000000 KEEP=folder
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement benchmarks/requirements.lock
	$(BIN)/python -m benchmarks --rows $(ROWS) $(if $(KEEP),--keep $(KEEP))

screenshots: install  ## take docs/screenshots of the main pages, with Debian's chromium
	$(BIN)/python tests/web/screenshots.py docs/screenshots

lock:  ## renew the pinned dependencies
	$(BIN)/python -m pip install --quiet pip-tools
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --no-annotate --extra dev --extra build --output-file requirements.lock pyproject.toml
	$(BIN)/pip-compile --quiet --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options --no-header --no-annotate --extra bench --output-file benchmarks/requirements.lock pyproject.toml

clean:  ## remove what was installed and built
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
