# make install | quickstart [FAST=1] | develop | test | test-slow | test-exhaustive | lint | docs. Needs python3 (3.11 or newer), pip and make; nothing else.
PYTHON ?= python3
JOBS ?= 2
BIN := .venv/bin
ENVIRONMENT := .venv/.installed
TOOLS := .venv/.tools
# One thread per test process: two processes then share two cores without waiting for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal

.PHONY: install quickstart develop test test-slow test-exhaustive lint docs format clean

install: $(ENVIRONMENT)

$(ENVIRONMENT): requirements.txt pyproject.toml
	$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] < (3, 11) and 'Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 ...')"
	@$(PYTHON) -c "import sys; sys.version_info[:2] > (3, 14) and print('warning: GitHub Actions tests Python 3.11 to 3.14; %d.%d may work.' % sys.version_info[:2])"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[encoder]'
	touch $@

# What tests and lint need besides: a quickstart does not wait for it.
develop: $(TOOLS)

$(TOOLS): $(ENVIRONMENT)
	$(BIN)/python -m pip install --quiet --editable '.[test,encoder]'
	touch $@

quickstart: install
	$(BIN)/python -m mmseg quickstart $(if $(FAST),--fast)

test: develop
	$(PYTEST)

# One process with all cores: a full-size network takes up to 12 GB.
test-slow: develop
	$(BIN)/python -m pytest -m 'slow and not gpu'

# Every combination, many repetitions: hours. A weekly job runs it.
test-exhaustive: develop
	$(BIN)/python -m pytest -m 'exhaustive and not gpu'

lint: develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive mmseg tools demo run_experiments.py experiments.py

# The site, in build/site; a link that leads nowhere is an error.
docs: install
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	$(BIN)/python -m tools.config_keys
	$(BIN)/python -m mkdocs build

format: develop
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv build dist *.egg-info
