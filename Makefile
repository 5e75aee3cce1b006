.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

SOURCE ?=
RATINGS ?=
DEMO_OPTIONS := $(if $(SOURCE),--source "$(SOURCE)") $(if $(RATINGS),--ratings $(RATINGS))

.PHONY: help setup demo dashboard test lint lint-python lint-duckdb lint-snowflake types pytest \
	test-long test-all test-nightly bench parity sqlmesh advisories sbom audits docs screenshots lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## Install everything into .venv, locked and verified by hash

# uv if available or installable; plain pip otherwise.
$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is required: make PYTHON=python3.12 ...")'
	@[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	@command -v uv >/dev/null || [ -x $(BIN)/uv ] || $(BIN)/python -m pip install --quiet \
		"$$(grep -o '^uv==[^ ;]*' requirements.lock)" 2>/dev/null || echo "uv is not available; using pip"
	@uv=$$(command -v uv || echo $(BIN)/uv); if [ -x "$$uv" ]; then \
		"$$uv" pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
		"$$uv" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .; \
	else \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .; \
	fi
	@touch $@

# On a terminal the dashboard opens; elsewhere the demo ends once everything is published.
demo: $(READY) ## Sample data to a dashboard (choose the data with SOURCE=folder or RATINGS=n)
	@serve=; [ -t 1 ] && [ -z "$$CI" ] && serve=--serve; $(BIN)/movielens demo $(DEMO_OPTIONS) $$serve

dashboard: $(READY) ## Serve the dashboard on the published marts
	@$(BIN)/movielens dashboard

test: $(READY) ## Everything that must pass: lint, types, pytest, dbt's tests
	@$(MAKE) --no-print-directory -j 2 $(LINTERS) types
	@$(MAKE) --no-print-directory pytest

lint: $(READY) ## Lint Python, and SQL in both dialects
	@$(MAKE) --no-print-directory -j 2 $(LINTERS)

# The slowest first.
LINTERS := lint-duckdb lint-snowflake lint-python

lint-python: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-duckdb: .venv/.linted-duckdb
lint-snowflake: .venv/.linted-snowflake

# Takes a minute, so only when SQL, or how it is linted, has changed; a folder has when a file left it.
LINTED := models macros tests/data tests/lint
SQL := .sqlfluff Makefile $(shell find $(LINTED) -not -path '*/__pycache__*')

.venv/.linted-duckdb: $(READY) $(SQL)
	$(BIN)/sqlfluff lint models tests/data
	@touch $@

.venv/.linted-snowflake: $(READY) $(SQL)
	$(BIN)/sqlfluff lint models tests/data --config tests/lint/snowflake.cfg
	@touch $@

types: $(READY) ## Type-check Python
	$(BIN)/mypy

# Tests of one group share what one of them makes: tests/conftest.py.
PYTEST := $(BIN)/pytest -n 2 --dist loadgroup --no-loadscope-reorder --durations 10

pytest: $(READY) ## Run the tests, which run dbt's on real builds
	$(PYTEST) -m "not slow"

test-long: $(READY) ## Run the long variants of the tests
	$(PYTEST) -m "slow and not nightly"

# In one session, what both suites share is made once.
test-all: $(READY) ## Lint, types, the quick tests and the long ones
	@$(MAKE) --no-print-directory -j 2 $(LINTERS) types
	$(PYTEST) -m "not nightly"

test-nightly: $(READY) ## Run them with all their cases, and more random ones
	NIGHTLY_TESTS=1 $(PYTEST) -m slow

bench: $(READY) ## Measure load and generator against DuckDB itself
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.generate

parity: $(READY) ## Build both targets from the same files and compare every relation
	@$(BIN)/python -m tests.support.parity

# In an environment of its own: SQLMesh needs another sqlglot than dlt and the stand-ins.
SQLMESH := .venv/sqlmesh

$(SQLMESH)/.ready: requirements-sqlmesh.lock | $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SQLMESH)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(SQLMESH)/bin/python --require-hashes -r $<
	@touch $@

sqlmesh: $(SQLMESH)/.ready ## Let SQLMesh run the same models and compare every table
	@$(BIN)/python -m tests.support.second_opinion

# In one of its own, too: no test needs it.
SECURITY := .venv/security
INSTALLED := requirements.lock dashboard/requirements.lock dashboard/requirements-snowflake.lock
SBOM = dist/sbom-$(subst /,-,$(lock:.lock=)).json

$(SECURITY)/.ready: requirements-security.lock | $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SECURITY)
	@$(BIN)/uv pip install --quiet --python $(SECURITY)/bin/python --require-hashes -r $<
	@touch $@

# Strict: a package that cannot be looked up is a failure, too.
advisories: $(SECURITY)/.ready ## Look the locked packages up among known vulnerabilities
	@$(foreach lock,$(INSTALLED) $(wildcard requirements-*.lock),\
		echo $(lock): && $(SECURITY)/bin/pip-audit --strict --progress-spinner off --disable-pip \
		--require-hashes -r $(lock) &&) true

sbom: $(SECURITY)/.ready ## Write what the project and its image install to dist, as CycloneDX
	@mkdir -p dist
	@$(foreach lock,$(INSTALLED),$(SECURITY)/bin/cyclonedx-py requirements $(lock) --pyproject pyproject.toml \
		--output-reproducible --of JSON -o $(SBOM) &&) true

# In one of its own, too. What it documents is the project's, whose packages it sees after its own.
DOCS := .venv/docs
SITE ?= dist/docs

$(DOCS)/.ready: requirements-docs.lock | $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(DOCS)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(DOCS)/bin/python --require-hashes -r $<
	@$(BIN)/python -c 'import os, sysconfig; print(os.getcwd(), sysconfig.get_path("purelib"), sep="\n")' \
		> $$($(DOCS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth
	@touch $@

docs: $(DOCS)/.ready ## Write the documentation site to dist/docs; fails on a broken link
	@$(BIN)/python -m tests.support.site_pages
	@rm -rf "$(SITE)"
	@$(DOCS)/bin/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going \
		--doctree-dir $(DOCS)/doctrees docs "$(SITE)"
	@echo "The site is $(SITE)/index.html"

audits: $(READY) ## Rewrite docs/audits.md from the descriptions of the tests
	@$(BIN)/python -m tests.support.audits_page

screenshots: $(READY) ## Take pictures of every page, light and dark, wide and narrow
	$(BIN)/python -m tests.support.screenshots .movielens/screenshots --readme docs/dashboard.png

COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11
# What the image installs; its versions are those of the whole.
COMPILE_IMAGE := $(COMPILE) --custom-compile-command "make lock" --constraints requirements.lock

lock: $(READY) ## Rewrite all locks: names, versions and hashes, no addresses
	$(COMPILE) --all-extras pyproject.toml -o requirements.lock
	$(COMPILE) --custom-compile-command "make lock" --group sqlmesh -o requirements-sqlmesh.lock \
		--constraints <(grep -oE '^(dbt-[a-z-]+|duckdb)==[^ ;]+' requirements.lock)
	$(COMPILE) --custom-compile-command "make lock" --group security -o requirements-security.lock
	$(COMPILE) --custom-compile-command "make lock" --group docs -o requirements-docs.lock \
		--constraints requirements.lock
	$(COMPILE_IMAGE) dashboard/requirements.txt -o dashboard/requirements.lock
	$(COMPILE_IMAGE) dashboard/requirements-snowflake.txt -o dashboard/requirements-snowflake.lock

clean: ## Remove the demo's output (.movielens)
	rm -rf .movielens
