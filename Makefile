# Runner's house: everything a person or a CI machine does with this folder. Needs make, and Python 3.11 or newer.
#
#   make run      start the daemon with the examples of workflows/, on embedded SQLite
#   make test     install, bring up the databases, run every test      PYTEST_ARGS="-k sql -x" narrows it
#   make check    linters, format, types, import contracts
#   make bench    the speed figures; asserts nothing
#   make screenshots   the pictures of the README, taken of the real pages
#   make compose  Runner and a PostgreSQL in containers, keys made on the first call
#   make services keep the tests' databases up until Ctrl-C and print how to reach them
#   make lock     bring requirements*.lock up to pyproject.toml        LOCK_ARGS=--upgrade takes newer releases
#   make clean    remove what the targets made (never config.toml, never data/)

PYTHON ?= $(shell .ci/python)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
PYTEST_ARGS ?=
LOCK_ARGS ?=
PYTEST_WORKERS ?= auto

# What the examples read as $env.DATABASE_URL; compose.yaml sets a PostgreSQL instead.
export DATABASE_URL ?= sqlite://./data/files/demo.db

# Many tests start processes of Runner's: compiled once, not by each of them, whatever the caller's environment says.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help run test check bench screenshots compose services lock clean

help:
	@sed -n 's/^#  //p' Makefile

run: $(VENV)/.runtime
	@mkdir -p data/files
	@test -e config.toml || $(BIN)/runner init .
	$(BIN)/runner start --config config.toml --dashboard

test: $(VENV)/.dev
	$(BIN)/python -m tests.services -- $(BIN)/pytest -n $(PYTEST_WORKERS) --dist worksteal -m "not benchmark" $(PYTEST_ARGS)

bench: $(VENV)/.dev
	$(BIN)/python -m tests.services -- $(BIN)/pytest -s -m benchmark --timeout=600 tests/benchmarks/*.py $(PYTEST_ARGS)

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.acceptance.browser.screenshots

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

compose: secrets/database_url
	docker compose up --build

# Two random texts and the address that one of them opens; never overwritten. See the head of compose.yaml for the modes.
secrets/database_url:
	@mkdir -p secrets && chmod 700 secrets
	@test -e secrets/master_key || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > secrets/master_key
	@test -e secrets/postgres_password || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > secrets/postgres_password
	@printf 'postgresql://runner:%s@postgres:5432/runner' "$$(cat secrets/postgres_password)" > $@
	@chmod 644 secrets/*

services: $(VENV)/.dev
	$(BIN)/python -m tests.services

$(VENV)/.runtime: requirements.lock requirements-build.lock pyproject.toml .ci/venv
	.ci/venv "$(PYTHON)" $(VENV)
	$(PIP) --require-hashes -r requirements.lock -r requirements-build.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

# uv resolves for every platform and Python at once; it lives in a folder of its own and is no dependency of ours.
COMPILE = build/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)

lock:
	.ci/venv "$(PYTHON)" build/lock
	build/lock/bin/python -m pip --disable-pip-version-check --quiet install "uv>=0.9"
	$(COMPILE) pyproject.toml --extra mysql --extra aws --extra fast --extra tracing --group build --group dev --output-file requirements-dev.lock
	$(COMPILE) pyproject.toml --extra mysql --extra aws --extra fast --extra tracing --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) --group build --constraint requirements-dev.lock --output-file requirements-build.lock

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
