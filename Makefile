# make demo   all of Lamplight on the sample catalogue    make test   lint, types, tests
# make run    all of Lamplight on your own catalogue      make help   the other targets
PYTHON ?= python3.11
PY := .venv/bin/python
export PYTHONUNBUFFERED := 1

.PHONY: help demo run test lint format client widget fuzz clean
.DEFAULT_GOAL := help

help:
	@echo "make demo             start Lamplight on the sample catalogue (QUERY=LAM-004: ask with another photo;"
	@echo "                      CHECK=1: ask with all of the customers' photos, then exit)"
	@echo "make run              start Lamplight on your own catalogue"
	@echo "make test             lint, types and all tests"
	@echo "make lint             ruff, mypy, import contracts, missing migrations"
	@echo "make format           format the code"
	@echo "make client           write the TypeScript client anew (needs npm and Node 18 or newer)"
	@echo "make widget           build the widget for shops' pages anew (needs npm and Node 18 or newer)"
	@echo "make fuzz             search with broken photos for ten minutes"
	@echo "make clean            remove .venv, the demo data and the test data (your data stay)"
	@echo "Settings: PORT=8000 HOST=127.0.0.1 LAMPLIGHT_VAR=var LAMPLIGHT_WEIGHTS=imagenet PYTHON=python3.11"
	@echo "docs/configuration.md has all settings, docs/commands.md the commands of manage.py."

.venv/installed: requirements.txt requirements-no-deps.txt constraints.txt config/make_venv.py
	@$(PYTHON) config/make_venv.py requirements.txt requirements-no-deps.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@$(PYTHON) config/make_venv.py requirements-dev.txt
	@touch $@

demo: .venv/installed
	@$(PY) -m demo $(if $(QUERY),--query $(QUERY)) $(if $(CHECK),--check)

run: .venv/installed
	@$(PY) -m config.stack

lint: .venv/installed-dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy .
	.venv/bin/lint-imports --no-logo
	LAMPLIGHT_VAR=var/test LAMPLIGHT_WEIGHTS=random $(PY) manage.py makemigrations --check --dry-run

format: .venv/installed-dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

client: .venv/installed
	LAMPLIGHT_VAR=var/test LAMPLIGHT_WEIGHTS=random $(PY) manage.py spectacular --format openapi-json \
		--file clients/typescript/openapi.json
	cd clients/typescript && npm ci --no-audit --no-fund && npm run generate && npm run build

widget:
	cd storefront/widget && npm ci --no-audit --no-fund && npm run build

fuzz: .venv/installed-dev
	$(PY) -m benchmarks.fuzz

test: lint
	$(PY) -m pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

clean:
	rm -rf .venv var/demo var/test
