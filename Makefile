# Needs Python 3.11 to 3.13, make, and a package registry. Everything else goes into .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-fast lint clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet torch --constraint constraints.txt
	$(BIN)/pip install --quiet --editable '.[dev]' --constraint constraints.txt
	touch $@

demo: .venv/installed     ## recipes/tutor-demo.yaml, from its base to its report
	$(BIN)/danlu run recipes/tutor-demo.yaml

test: .venv/installed     ## the whole test suite, a process a core
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto

test-fast: .venv/installed  ## the part that takes seconds
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m 'not slow'

lint: .venv/installed     ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:                    ## removes what make made; runs/ stays
	rm -rf .venv dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
