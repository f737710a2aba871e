# The targets people need; everything they install goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.developed
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' $(UPGRADE)
ROWS ?= 1000000
# Three processes on two cores, a file of tests in one of them: many tests wait for real processes.
WORKERS ?= 3
# Tests start the server a hundred times: without bytecode each start compiles all modules.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
SOURCES := src tests benchmarks tools clients examples
# The suites that run on servers, too; those that are left out are about the data folder.
SERVER_TESTS ?= $(addprefix tests/,golden differential api notifications store storage alerting rollups ingestion metrics clickhouse servers web) $(wildcard tests/nodes tests/cluster)
# A few minutes of them, with a crash of nodes.
SERVER_SAMPLE := $(addprefix tests/,servers golden/test_golden.py differential/test_metrics.py api/test_interactions.py api/test_alerts_api.py notifications/test_outbox.py store/test_postgres.py) $(wildcard tests/nodes/test_killed_nodes.py)

# A few minutes of them on a cluster, with the loss of a replica and of a shard.
CLUSTER_SAMPLE := $(addprefix tests/,cluster clickhouse/test_materialized_columns.py)

.PHONY: help install develop demo test test-long test-server test-cluster coverage lint bench bench-server bench-cluster screenshots dist lock clean

help:  ## show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(INSTALLED)  ## install Tocsin and the packages it runs with into .venv

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Tocsin needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

develop: $(DEVELOPED)  ## install what lint and tests need, too

$(DEVELOPED): $(INSTALLED) requirements-dev.lock
	$(PIP_INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

demo: install  ## run the server with live sample data
	@$(BIN)/tocsin demo

test: develop lint  ## check the code and run the tests
	$(PYTEST) -m "not long"

test-long: develop  ## run the tests that take minutes, too
	$(PYTEST)

test-server: develop  ## run the same tests on a ClickHouse server and PostgreSQL
	tools/with-servers $(PYTEST) -m "not long" $(SERVER_TESTS)

# Replication in the servers of ../shared/tools computes checksums with this package.
test-cluster: develop  ## run the same tests on two shards with two replicas and PostgreSQL
	$(PIP_INSTALL) clickhouse-cityhash==1.0.2.6
	tools/with-servers --cluster $(PYTEST) -m "not long" $(SERVER_TESTS)

coverage: develop  ## report which lines and branches the tests reach; nothing is required of the figure
	$(PYTEST) -m "not long" --cov --cov-report=term:skip-covered

lint: develop  ## check style, types, imports and words
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 clients/python/src
	$(BIN)/lint-imports
	$(BIN)/python tools/check_words.py

bench: install  ## measure against PostgreSQL and the bare engine, more than ten million alone: make bench ROWS=100000000 KEEP=folder
	$(PIP_INSTALL) --require-hashes --requirement benchmarks/requirements.lock
	$(BIN)/python -m benchmarks --rows $(ROWS) $(if $(KEEP),--keep $(KEEP))

bench-server: install  ## compare a data folder with one and two nodes on servers: make bench-server ROWS=200000
	$(PIP_INSTALL) --require-hashes --requirement benchmarks/requirements.lock
	tools/with-servers $(BIN)/python -m benchmarks.servers --rows $(ROWS)

bench-cluster: install  ## compare reading from two shards with reading from one server
	$(PIP_INSTALL) --require-hashes --requirement benchmarks/requirements.lock
	$(PIP_INSTALL) clickhouse-cityhash==1.0.2.6
	tools/with-servers --cluster $(BIN)/python -m benchmarks.shards --rows $(ROWS)

screenshots: develop  ## take docs/screenshots of the main pages, with Debian's chromium
	PYTHONPATH=tests $(BIN)/python tests/web/screenshots.py docs/screenshots

dist: develop  ## build the sdists and wheels of Tocsin and its client into dist/, and check them
	$(BIN)/python tools/build_dist.py dist

# Keeps the pinned versions that still satisfy pyproject.toml; `make lock UPGRADE=--upgrade` renews all.
lock: install  ## pin the dependencies, with their hashes
	$(PIP_INSTALL) 'uv>=0.13,<0.14'
	$(COMPILE) --extra build --output-file requirements.lock pyproject.toml
	$(COMPILE) --extra build --extra dev --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --extra bench --constraint requirements.lock --output-file benchmarks/requirements.lock pyproject.toml

clean:  ## remove what was installed and built
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
