# Each target sets up what it needs: a virtual environment in .venv, made again when pyproject.toml changes.
# ARGS are options of the command behind it: make serve ARGS=--allow-local-callbacks
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: serve demo test test-long test-ci-long check bench docs pictures package clean

serve: $(VENV)/.ready
	$(BIN)/mockserver serve $(ARGS)

demo: $(VENV)/.ready
	$(BIN)/mockserver demo

test: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n 3 -m "not long" $(ARGS)

test-long: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n 2 -m long $(ARGS)

test-ci-long: $(VENV)/.ready-dev
	$(BIN)/python -m pytest -n 2 -v -m long $(addprefix --ignore=,$(filter tests/%.py,$(shell cat tests/left_by_ci.txt))) $(ARGS)

check: $(VENV)/.ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_house.py

bench: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(VENV)/.ready-docs
	$(BIN)/python -m reference site
	@echo "built: site/index.html and site/llms.txt"

package: $(VENV)/.ready-release
	$(BIN)/python -m release

pictures: $(VENV)/.ready-dev
	$(BIN)/python -m reference.pictures

clean:
	rm -rf $(VENV) build dist site *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.ready-dev: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

$(VENV)/.ready-docs: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[docs]'
	touch $@

$(VENV)/.ready-release: $(VENV)/.ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[release]'
	touch $@
