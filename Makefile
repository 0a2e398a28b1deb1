PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# A worker for each core, four at most; a file's tests stay together, and so do its fixtures.
WORKERS := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.PHONY: setup setup-test repro check test bench

setup: $(VENV)/.installed

setup-test: $(VENV)/.installed-extra

$(VENV)/.installed: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Permafrost needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	@echo "Installing the pinned packages, about 7 GB; this takes some minutes"
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt -c constraints.txt
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.installed-extra: requirements-extra.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-extra.txt -c constraints.txt
	touch $@

repro: setup
	dvc repro || { echo "If a name or a value in params.yaml is at fault, 'python cli.py check' names it."; exit 1; }
	python cli.py stores relink
	python cli.py results

check: setup-test
	ruff check .
	ruff format --check .
	mypy
	pytest $(WORKERS) -m "not slow and not network and not long"

test: setup-test
	ruff check .
	ruff format --check .
	mypy
	pytest $(WORKERS)

bench: setup
	@set -e; for file in benchmarks/[a-z]*.py benchmarks/checks/damaged_*.py; do echo "== $$file"; python $$file; done
