# `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help demo up test check faults bench format lock sbom clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

demo: .venv/.demo ## everything in one command, with an embedded database and a sandbox for SMS; no root
	$(BIN)/python manage.py demo

up: .venv/.demo ## the production processes on this machine, with PostgreSQL and RabbitMQ, until Ctrl-C
	$(BIN)/python -m deploy.local up

test: check ## every check and test
	$(BIN)/python -m pytest -m 'not matrix and not alone' --numprocesses 2 --dist worksteal
	$(BIN)/python -m pytest -m 'not matrix and alone'

check: .venv/.dev ## style, types, imports, prose, security of code, settings and packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.prose
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml alerts config deploy geo identity messaging
	$(BIN)/python manage.py check --deploy --fail-level WARNING --settings tests.production_settings
	$(BIN)/python -m tests.audit

faults: .venv/.dev ## the long fault matrix: servers and processes killed, frozen and cut off
	$(BIN)/python -m pytest -m matrix

bench: .venv/.bench ## the benchmarks, beside Celery and Dramatiq
	$(BIN)/python -m tests.bench

format: .venv/.dev ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: .venv/.dev ## write requirements*.txt from requirements*.in, with hashes; UPGRADE=--upgrade takes newer indirect packages
	$(call compile,requirements)
	$(call compile,requirements-s3,-c requirements.txt)
	$(call compile,requirements-demo,-c requirements.txt)
	$(call compile,requirements-dev,-c requirements.txt -c requirements-s3.txt -c requirements-demo.txt)
	$(call compile,requirements-bench,-c requirements-dev.txt)
	$(call compile,requirements-tracks,--no-deps)

# One file for every Python from 3.11 on and every machine: the hashes are those of all files of a version.
compile = $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(UPGRADE) $(2) $(1).in --output-file $(1).txt

sbom: .venv/.dev ## write var/sbom.json: the packages of production in CycloneDX
	@mkdir -p var
	$(BIN)/cyclonedx-py requirements --output-reproducible --pyproject pyproject.toml --output-file var/sbom.json requirements-s3.txt

clean: ## remove the virtual environment and caches; data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Each target below installs its packages again when a requirements file changes. pip refuses a file without its hash.
.venv/.demo: requirements-demo.txt | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-demo.txt
	@touch $@

.venv/.dev: requirements-dev.txt requirements-tracks.txt | .venv/bin/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements-tracks.txt
	@touch $@ .venv/.demo

.venv/.bench: requirements-bench.txt .venv/.dev
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	@touch $@

.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "AlertMe needs Python 3.11 or later; this is $$($(PYTHON) --version)." \
		       "Say which to use: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv .venv || \
		{ rm -rf .venv; echo "Python's venv module is missing. Type one of these, then run make again:"; \
		  echo "    sudo apt-get install -y python3-venv"; \
		  echo "    $(PYTHON) -m pip install --user virtualenv && $(PYTHON) -m virtualenv .venv"; exit 1; }
