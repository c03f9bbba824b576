# Each target sets up all that it needs in .venv and may be run any number of times.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

.PHONY: demo test lint

demo: $(STAMP)
	$(VENV)/bin/python -m vmss_jenkins.demo

test: $(STAMP)
	$(VENV)/bin/python -m pytest -n auto --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --editable '.[lint]'
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@
