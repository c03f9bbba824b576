# Each target sets up all that it needs in .venv and may be run any number of times.
PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.installed

# The tests start many Python processes; without the compiled files each would compile the package anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test coverage lint docs

demo: $(STAMP)
	$(VENV)/bin/python -m vmss_jenkins.demo

test: $(STAMP)
	$(VENV)/bin/python -m pytest -n auto

# Apart from the tests, since it takes them twice the time.
coverage: $(STAMP)
	$(VENV)/bin/python -m pytest -n auto --cov --cov-report=term:skip-covered

lint: $(STAMP)
	$(VENV)/bin/python -m pip install --quiet --editable '.[lint]'
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

docs: $(STAMP)
	$(VENV)/bin/python -m vmss_jenkins.emulator.front.reference > docs/emulator.md

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $@
